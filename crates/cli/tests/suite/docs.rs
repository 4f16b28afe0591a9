//! Every block of the guide is run as it stands: those of a page one after the other, in an empty folder.
//!
//! | block | is |
//! | --- | --- |
//! | `sh` | run; a block marked `sh server` runs beside the others until the page is done |
//! | `toml file=…`, `html file=…`, `js file=…`, `text file=…` | written to that file, then what follows finds it there |
//! | `toml in=…` | stands in that file as it is |
//! | `toml into=… before=…` | put into that file, above the first line that begins so |
//! | `text tree=…` | names files of that folder, the first word of each line |
//! | `json`, `text` | what the block of commands above printed; `…` stands for anything |
//!
//! A block of any other kind fails. `127.0.0.1:8080` becomes a free port.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::free_port;

/// Whether a file holds a part as it is.
const IN: &str = "import sys; assert open(sys.argv[1]).read() in open(sys.argv[2]).read()";
/// Puts a part into a file.
const INTO: &str = "import os, sys
part, path, before = sys.argv[1:]
lines = open(path).readlines()
place = next(place for place, line in enumerate(lines) if line.startswith(before))
open(part, \"a\").writelines(lines[place:])
whole = \"\".join(lines[:place]) + open(part).read()
open(part, \"w\").write(whole)
os.replace(part, path)";

/// One block of a page.
struct Block {
    /// Its line in the page.
    line: usize,
    kind: String,
    options: Vec<(String, String)>,
    text: String,
}

impl Block {
    fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The blocks of a page.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (place, line) in page.lines().enumerate() {
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => writeln!(block.text, "{line}").unwrap(),
            (Some(said), None) => {
                let (kind, rest) = said.split_once(' ').unwrap_or((said, ""));
                let option = |word: &str| {
                    let (name, value) = word.split_once('=').unwrap_or((word, ""));
                    (name.to_owned(), value.to_owned())
                };
                let options = rest.split_whitespace().map(option).collect();
                open = Some(Block { line: place + 1, kind: kind.to_owned(), options, text: String::new() });
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block has no end");
    blocks
}

/// The script for bash that a block is, and whether it prints what a later block may show; nothing where it is output.
fn script(block: &Block) -> Option<String> {
    let Block { line, text, .. } = block;
    let quoted = |path: &str| format!("'{path}'");
    match (block.kind.as_str(), block.options.first().map(|(name, _)| name.as_str())) {
        ("sh", None) => Some(format!("exec > \"$OUT/{line}\"\n{text}")),
        ("sh", Some("server")) => Some(format!(
            "{} > \"$OUT/{line}\" &\nfor _ in $(seq 200); do curl -so /dev/null http://127.0.0.1:8080/ && break; sleep 0.1; done\n",
            text.trim_end()
        )),
        ("toml" | "html" | "js" | "text", Some("file")) => {
            let path = quoted(block.option("file")?);
            // Made beside its place first, so that a server that follows the file never sees half of it.
            Some(format!(
                "mkdir -p \"$(dirname {path})\"\ncat > \"$OUT/new\" <<'END OF BLOCK'\n{text}END OF BLOCK\nmv \"$OUT/new\" {path}\n"
            ))
        }
        ("toml", Some("in")) => Some(format!(
            "cat > \"$OUT/part\" <<'END OF BLOCK'\n{text}END OF BLOCK\npython3 -c '{IN}' \"$OUT/part\" {}\n",
            quoted(block.option("in")?)
        )),
        ("toml", Some("into")) => Some(format!(
            "cat > \"$OUT/part\" <<'END OF BLOCK'\n{text}\nEND OF BLOCK\npython3 -c '{INTO}' \"$OUT/part\" {} {}\n",
            quoted(block.option("into")?),
            quoted(block.option("before")?)
        )),
        ("text", Some("tree")) => {
            let folder = quoted(block.option("tree")?);
            let names = text.lines().filter_map(|line| line.split_whitespace().next());
            Some(names.fold(String::new(), |script, name| script + &format!("test -e {folder}/{name}\n")))
        }
        _ => None,
    }
}

/// Texts that differ from run to run, and spaces, taken away.
fn normal(text: &str) -> String {
    let spaceless: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    let mut out = String::new();
    let mut rest = spaceless.as_str();
    while let Some(first) = rest.chars().next() {
        let is_id = |id: &str| {
            id.len() == 26 && id.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
        };
        if first == '_' && rest.get(1..27).is_some_and(is_id) {
            out.push_str("_ID");
            rest = &rest[27..];
        } else if rest
            .get(..27)
            .is_some_and(|time| time.starts_with("20") && &time[10..11] == "T" && time.ends_with('Z'))
        {
            out.push_str("TIME");
            rest = &rest[27..];
        } else if rest
            .get(..8)
            .is_some_and(|month| month.starts_with("20") && &month[4..5] == "-" && month.ends_with('"'))
        {
            out.push_str("MONTH");
            rest = &rest[7..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// Whether `shown` is what was printed, `…` standing for anything.
fn is_shown(shown: &str, printed: &str) -> bool {
    let (shown, printed) = (normal(shown), normal(printed));
    let mut rest = printed.as_str();
    shown.split('…').all(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

fn run(page: &Path) {
    let name = page.file_name().unwrap().to_string_lossy().into_owned();
    let blocks = blocks(&std::fs::read_to_string(page).unwrap());
    let mut whole =
        "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\nLINE=0\ntrap 'echo \"at line $LINE\" >&2' ERR TERM\n"
            .to_owned();
    let mut outputs = Vec::new();
    let mut above = None;
    for block in &blocks {
        let output = matches!(block.kind.as_str(), "json" | "text") && block.options.is_empty();
        match (script(block), above) {
            (Some(script), _) => write!(whole, "LINE={}\n{script}", block.line).unwrap(),
            (None, Some(above)) if output => outputs.push((block, above)),
            _ => panic!("docs/{name}:{}: nothing runs a block of the kind ```{}", block.line, block.kind),
        }
        if block.kind == "sh" {
            above = Some(block.line);
        }
    }
    let (folder, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let address = format!("127.0.0.1:{}", free_port());
    let program = Path::new(env!("CARGO_BIN_EXE_mains")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    // What waits for something that never comes ends, and says where.
    let done = Command::new("timeout")
        .args(["120", "bash", "-c", &whole.replace("127.0.0.1:8080", &address)])
        .current_dir(folder.path())
        .env("OUT", out.path())
        .envs([("PATH", path.as_str()), ("MAINS_SERVER_LISTEN", &address), ("MAINS_LOG_LEVEL", "error")])
        .output()
        .unwrap();
    let printed = |line: usize| {
        let said = std::fs::read_to_string(out.path().join(line.to_string())).unwrap_or_default();
        said.replace(&address, "127.0.0.1:8080")
    };
    let last = above.map(printed).unwrap_or_default();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "docs/{name}:\n{said}\n{last}");
    for (block, above) in outputs {
        let printed = printed(above);
        assert!(is_shown(&block.text, &printed), "docs/{name}:{}: what is printed is\n{printed}", block.line);
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// One page of the guide.
macro_rules! pages {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            run(&root().join("docs").join(format!("{}.md", stringify!($name).replace('_', "-"))));
        })*

        #[test]
        fn no_page_of_the_guide_is_left_out() {
            let run = [$(stringify!($name)),*];
            for entry in std::fs::read_dir(root().join("docs")).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|ending| ending == "md") {
                    let name = path.file_stem().unwrap().to_string_lossy().replace('-', "_");
                    assert!(run.contains(&name.to_lowercase().as_str()) || name == "README", "{name} is not run");
                }
            }
        }
    };
}

pages!(
    accounts,
    callers,
    collections,
    command_line,
    errors,
    expressions,
    jobs,
    live,
    pages,
    records,
    rules,
    start
);

#[test]
fn output_is_compared_but_for_what_differs() {
    let printed = "{\"id\": \"note_01m7z6dhdwfph8ee78vw0txqss\", \"created\": \"2026-11-21T13:58:30.588665Z\", \"n\": 1}";
    for (shown, is) in [
        (
            "{\"id\":\"note_01m7z6dhd3fa3t048b3r2s5bb2\",\n \"created\":\"2020-01-01T00:00:00.000000Z\",\"n\":1}",
            true,
        ),
        ("{…\"n\":1}", true),
        ("{\"id\":\"story_01m7z6dhd3fa3t048b3r2s5bb2\"", false),
        ("{…\"n\":2}", false),
        ("\"n\":1…\"id\"", false),
    ] {
        assert_eq!(is_shown(shown, printed), is, "{shown}");
    }
}

#[test]
fn the_guide_shows_the_settings_as_they_are() {
    let defaults = std::fs::read_to_string(root().join("crates/cli/src/settings/default.toml")).unwrap();
    let (_, defaults) = defaults.split_once("\n\n").unwrap();
    let page = std::fs::read_to_string(root().join("docs/command-line.md")).unwrap();
    assert!(page.contains(defaults), "copy crates/cli/src/settings/default.toml into docs/command-line.md");
}
