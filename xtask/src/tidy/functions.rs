//! Functions that are let off their limit of lines stand in a list that only shrinks; clippy holds all others to it.

use std::collections::BTreeMap;

use crate::tree::File;

const LIST: &str = "xtask/tidy/long-functions.txt";
const EXPECTED: &str = "#[expect(clippy::too_many_lines";

/// Files that let off more functions than are listed, fewer, or any without being listed.
pub(crate) fn check(files: &[File]) -> Vec<String> {
    let list = files.iter().find(|file| file.path == LIST).map_or("", |file| file.text.as_str());
    let mut listed: BTreeMap<&str, usize> = list.lines().filter_map(entry).collect();
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.has_ending("rs")) {
        let count = file.text.lines().filter(|line| line.trim_start().starts_with(EXPECTED)).count();
        let most = listed.remove(file.path.as_str()).unwrap_or(0);
        let path = &file.path;
        if count > most {
            found.push(format!("{path}: {count} functions over the limit, {most} in {LIST}; split them"));
        } else if count < most {
            found.push(format!("{LIST}: {path} has {count} now; lower its {most}"));
        }
    }
    found.extend(listed.keys().map(|path| format!("{LIST}: {path} is gone; take its line out")));
    found
}

fn entry(line: &str) -> Option<(&str, usize)> {
    let (path, count) = line.trim().rsplit_once(' ')?;
    Some((path, count.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_only_shrinks() {
        let list = File { path: LIST.to_owned(), text: "a.rs 1\nb.rs 2\nc.rs 1\nd.rs 1\n".to_owned() };
        let file = |path: &str, count: usize| {
            let line = format!("    {EXPECTED}, reason = \"x\")]\n");
            File { path: path.to_owned(), text: line.repeat(count) }
        };
        let found = check(&[list, file("a.rs", 1), file("b.rs", 1), file("c.rs", 2), file("e.rs", 1)]);
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found.iter().any(|line| line.contains("lower its 2")));
        assert!(found.iter().any(|line| line.contains("c.rs: 2 functions over the limit, 1 in")));
        assert!(found.iter().any(|line| line.contains("d.rs is gone")));
        assert!(found.iter().any(|line| line.contains("e.rs: 1 functions over the limit, 0 in")));
    }
}
