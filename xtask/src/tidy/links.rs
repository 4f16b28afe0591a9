//! Links in Markdown lead somewhere: files exist, headings too.

use crate::tree::{self, File};

/// Relative links to files or headings that are not there.
pub(crate) fn check(files: &[File]) -> Vec<String> {
    let pages = files.iter().filter(|file| file.has_ending("md"));
    pages.flat_map(|page| broken(page, files)).collect()
}

fn broken(page: &File, files: &[File]) -> Vec<String> {
    let mut fenced = false;
    let mut found = Vec::new();
    for (number, line) in page.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let wrong = targets(line).into_iter().filter(|target| !leads(page, target, files));
        found.extend(wrong.map(|target| format!("{}:{}: {target} leads nowhere", page.path, number + 1)));
    }
    found
}

fn targets(line: &str) -> Vec<&str> {
    let after = line.split("](").skip(1);
    after.filter_map(|rest| rest.split(')').next()).filter(|target| !target.contains("://")).collect()
}

fn leads(page: &File, target: &str, files: &[File]) -> bool {
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let whole = if path.is_empty() { page.path.clone() } else { join(&page.path, path) };
    if heading.is_empty() {
        return tree::root().join(&whole).exists();
    }
    let other = files.iter().find(|file| file.path == whole);
    other.is_some_and(|file| file.text.lines().any(|line| anchor(line).as_deref() == Some(heading)))
}

/// The path of `target` as seen from the page `from`, both relative to the root.
fn join(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// The anchor of a heading, as forges make it.
fn anchor(line: &str) -> Option<String> {
    let title = line.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' ')?;
    let kept = title.trim().to_lowercase();
    let kept = kept.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    Some(kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_anchors() {
        assert_eq!(join("docs/a/b.md", "../c.md"), "docs/c.md");
        assert_eq!(anchor("## What it is, and why").as_deref(), Some("what-it-is-and-why"));
        assert_eq!(targets("see [a](b.md) and [c](https://x.org)"), ["b.md"]);
    }

    #[test]
    fn a_link_to_a_missing_heading_is_found() {
        let page = File { path: "README.md".to_owned(), text: "# Here\n[x](#here) [y](#there)\n".to_owned() };
        assert_eq!(check(&[page]), ["README.md:2: #there leads nowhere"]);
    }
}
