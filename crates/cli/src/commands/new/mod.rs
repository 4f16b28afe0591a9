//! `mains new NAME`: a folder that runs at once.

use std::path::Path;

use mains_base::{Error, Kind, Result};

use crate::settings;
use crate::talk::Talk;

/// What every new site has, besides `mains.toml`.
const FILES: [(&str, &str); 5] = [
    ("collections/notes.toml", include_str!("notes.toml")),
    ("seeds/notes.jsonl", include_str!("notes.jsonl")),
    ("public/index.html", include_str!("index.html")),
    ("public/notes.js", include_str!("notes.js")),
    (".gitignore", "# The database, files and keys: made at first start, never committed.\n/data/\n"),
];
/// The longest name, in characters.
const LONGEST: usize = 100;

/// Writes the site into a new folder.
pub(crate) fn run(folder: &Path, accounts: bool, talk: Talk) -> Result<()> {
    let name = name(folder)?;
    let occupied = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if occupied || folder.is_file() {
        let detail = format!("{} is there already and not empty; choose another name.", folder.display());
        return Err(Error::new(Kind::Conflict, "cli.folder_taken", detail));
    }
    for (path, text) in FILES {
        write(&folder.join(path), text)?;
    }
    // Last, since this file makes a folder a site.
    write(&folder.join(settings::FILE), &settings::template(&name, accounts))?;
    talk.say(&format!("Made {}. Now:\n", folder.display()));
    talk.say(&format!("  mains {}dev", site_option(folder)));
    if !accounts {
        talk.say("\nFor people who sign up, say enabled = [\"accounts\"] under [apps] in mains.toml.");
    }
    Ok(())
}

/// The name of the site: that of its folder.
fn name(folder: &Path) -> Result<String> {
    let odd = |why: &str| {
        let detail = format!("A site cannot be named {:?}: {why}.", folder.display().to_string());
        Err(Error::new(Kind::Invalid, "cli.odd_name", detail))
    };
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let Some(name) = absolute.file_name() else { return odd("name a folder to make") };
    let Some(name) = name.to_str() else { return odd("its name is not UTF-8") };
    let is_usual = |letter: char| letter.is_alphanumeric() || " -_.".contains(letter);
    match name.chars().find(|letter| !is_usual(*letter)) {
        _ if name == ".." => odd("name a folder to make"),
        Some(letter) => odd(&format!("{letter:?} is neither letter, digit, blank, -, _ nor .")),
        None if name.starts_with(['-', '.', ' ']) => odd("it begins with a letter or a digit"),
        None if name.ends_with(['.', ' ']) => odd("it ends with a letter or a digit"),
        None if name.chars().count() > LONGEST => odd("it is longer than 100 characters"),
        None => Ok(name.to_owned()),
    }
}

/// How a command names the site, for a shell: nothing where it is the current folder.
pub(crate) fn site_option(folder: &Path) -> String {
    let text = folder.display().to_string();
    match text.as_str() {
        "." | "" => String::new(),
        _ if text.contains(char::is_whitespace) => format!("--site '{}' ", text.replace('\'', "'\\''")),
        _ => format!("--site {text} "),
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::new(
            Kind::Internal,
            "cli.not_written",
            format!("{} cannot be written: {error}.", path.display()),
        )
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_refused_with_the_reason() {
        for (odd, why) in [
            ("/", "name a folder"),
            ("a/..", "name a folder"),
            ("-shop", "begins with"),
            (".shop", "begins with"),
            ("sh\"op", "neither letter"),
            ("sh\nop", "neither letter"),
            ("shop.", "ends with"),
        ] {
            assert!(name(Path::new(odd)).unwrap_err().detail().contains(why), "{odd:?}");
        }
        for good in ["shop", "Café 2", "/tmp/my-site", "a.b_c"] {
            assert!(name(Path::new(good)).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_site_is_named_as_a_shell_wants_it() {
        assert_eq!(site_option(Path::new(".")), "");
        assert_eq!(site_option(Path::new("shop")), "--site shop ");
        assert_eq!(site_option(Path::new("my shop")), "--site 'my shop' ");
    }
}
