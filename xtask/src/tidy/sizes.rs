//! Files of at most 400 lines. What is longer stands in a list that only shrinks.

use std::collections::BTreeMap;

use crate::tree::File;

const LIMIT: usize = 400;
const LIST: &str = "xtask/tidy/long-files.txt";
const SOURCES: [&str; 8] = [".rs", ".py", ".js", ".mjs", ".ts", ".svelte", ".java", ".css"];

/// Files over the limit that are not listed, grew, or are listed with more lines than they have.
pub(crate) fn check(files: &[File]) -> Vec<String> {
    let list = files.iter().find(|file| file.path == LIST).map_or("", |file| file.text.as_str());
    let listed: BTreeMap<&str, usize> = list.lines().filter_map(entry).collect();
    let mut found: Vec<String> = files.iter().filter_map(|file| judge(file, &listed)).collect();
    let gone = listed.keys().filter(|path| !files.iter().any(|file| file.path == **path));
    found.extend(gone.map(|path| format!("{LIST}: {path} is gone; take its line out")));
    found
}

fn entry(line: &str) -> Option<(&str, usize)> {
    let (path, lines) = line.trim().rsplit_once(' ')?;
    Some((path, lines.parse().ok()?))
}

fn judge(file: &File, listed: &BTreeMap<&str, usize>) -> Option<String> {
    if !SOURCES.iter().any(|ending| file.path.ends_with(ending)) {
        return None;
    }
    let (path, lines) = (&file.path, file.text.lines().count());
    match listed.get(path.as_str()) {
        None if lines > LIMIT => Some(format!("{path}: {lines} lines, at most {LIMIT}; split it by noun")),
        Some(&most) if lines > most => {
            Some(format!("{path}: {lines} lines, grew beyond the {most} of {LIST}"))
        }
        Some(&most) if lines < most => {
            Some(format!("{LIST}: {path} has {lines} lines now; lower its {most}"))
        }
        Some(_) if lines <= LIMIT => Some(format!("{LIST}: {path} fits now; take its line out")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, lines: usize) -> File {
        File { path: path.to_owned(), text: "x\n".repeat(lines) }
    }

    #[test]
    fn the_list_only_shrinks() {
        let list = File { path: LIST.to_owned(), text: "a.rs 500\nb.rs 450\nc.rs 420\n".to_owned() };
        let found =
            check(&[list, file("a.rs", 501), file("b.rs", 449), file("d.rs", 401), file("e.rs", 400)]);
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found.iter().any(|line| line.contains("grew beyond the 500")));
        assert!(found.iter().any(|line| line.contains("lower its 450")));
        assert!(found.iter().any(|line| line.contains("d.rs: 401 lines")));
        assert!(found.iter().any(|line| line.contains("c.rs is gone")));
    }
}
