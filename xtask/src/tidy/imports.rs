//! Data flows one way: `base ← language ← database ← server ← apps, workers ← cli`.

use crate::tree::File;

/// Each crate with those it may know.
const ROOMS: [(&str, &[&str]); 8] = [
    ("base", &[]),
    ("language", &["base"]),
    ("database", &["base", "language"]),
    ("server", &["base", "language", "database"]),
    ("apps", &["base", "language", "database", "server"]),
    ("workers", &["base", "language", "database", "server"]),
    ("testkit", &["base", "language", "database", "server"]),
    ("cli", &["base", "language", "database", "server", "apps", "workers"]),
];

/// Uses of `mains_…` against the direction. Tests may use the testkit.
pub(crate) fn check(files: &[File]) -> Vec<String> {
    files.iter().flat_map(against).collect()
}

fn against(file: &File) -> Vec<String> {
    let mut parts = file.path.split('/');
    let (Some("crates"), Some(room), Some(place)) = (parts.next(), parts.next(), parts.next()) else {
        return Vec::new();
    };
    let Some((_, known)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        return vec![format!("{}: the room {room:?} is not in ARCHITECTURE.md", file.path)];
    };
    if place != "src" || !file.has_ending("rs") {
        return Vec::new();
    }
    let wrong = |line: &str| {
        let other = ROOMS.iter().find(|(name, _)| line.contains(&format!("mains_{name}::")))?.0;
        (other != room && !known.contains(&other)).then_some(other)
    };
    let product = file.text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = product.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    lines
        .filter_map(|(number, line)| {
            Some(format!("{}:{}: {room} may not know {}", file.path, number + 1, wrong(line)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_leftward() {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        assert_eq!(check(&[file("crates/language/src/a.rs", "use mains_database::Db;")]).len(), 1);
        assert!(check(&[file("crates/server/src/a.rs", "use mains_database::Db;")]).is_empty());
        assert_eq!(check(&[file("crates/helpers/src/a.rs", "")]).len(), 1);
    }
}
