//! Every command of the guide is run as it stands: the `sh` blocks of a page one after the other, in an empty folder.
//!
//! A block marked `sh server` runs beside the others until the page is done. `127.0.0.1:8080` becomes a free port.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::free_port;

/// The blocks of a page as one script for bash.
fn script(page: &str) -> String {
    let mut script = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n".to_owned();
    let mut kind = None;
    let mut block = String::new();
    for line in page.lines() {
        match (line.strip_prefix("```"), kind) {
            (Some(opened), None) => kind = Some(opened),
            (Some(_), Some("sh")) => script.push_str(&std::mem::take(&mut block)),
            (Some(_), Some("sh server")) => {
                let command = std::mem::take(&mut block);
                writeln!(script, "{} &", command.trim_end()).unwrap();
                script.push_str("for _ in $(seq 100); do curl -so /dev/null http://127.0.0.1:8080/ && break; sleep 0.1; done\n");
            }
            (None, Some(_)) => writeln!(block, "{line}").unwrap(),
            _ => {}
        }
        if line.starts_with("```") && kind.is_some() && block.is_empty() && line == "```" {
            kind = None;
        }
        if kind.is_none() {
            block.clear();
        }
    }
    script
}

fn run(page: &Path) {
    let text = std::fs::read_to_string(page).unwrap();
    let script = script(&text);
    if !script.contains("mains ") {
        return;
    }
    let address = format!("127.0.0.1:{}", free_port());
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_mains")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let done = Command::new("bash")
        .args(["-c", &script.replace("127.0.0.1:8080", &address)])
        .current_dir(folder.path())
        .envs([("PATH", path.as_str()), ("MAINS_SERVER_LISTEN", &address), ("MAINS_LOG_LEVEL", "error")])
        .output()
        .unwrap();
    let said = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(done.status.success(), "{}:\n{}\n{}", page.display(), said(&done.stdout), said(&done.stderr));
    assert!(!said(&done.stdout).contains("problem+json"), "{}:\n{}", page.display(), said(&done.stdout));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_pages_of_the_guide_hold() {
    for entry in std::fs::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "md") {
            run(&path);
        }
    }
}

#[test]
fn the_guide_shows_the_settings_as_they_are() {
    let defaults = std::fs::read_to_string(root().join("crates/cli/src/settings/default.toml")).unwrap();
    let (_, defaults) = defaults.split_once("\n\n").unwrap();
    let page = std::fs::read_to_string(root().join("docs/command-line.md")).unwrap();
    assert!(page.contains(defaults), "copy crates/cli/src/settings/default.toml into docs/command-line.md");
}
