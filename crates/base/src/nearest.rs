//! The name that somebody probably meant.

#![expect(clippy::indexing_slicing, reason = "rows and columns of one matrix")]

/// The known name that a typing mistake is closest to, if one is close enough to be meant.
pub fn nearest<'n>(wrong: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let letters = wrong.chars().count();
    let within = |name: &str| 1 + name.chars().count() / 4;
    // What is much longer or shorter is not near, and is not compared: a caller may send a name of a megabyte.
    let names = names.into_iter().filter(|name| letters.abs_diff(name.chars().count()) <= within(name));
    let near = names.map(|name| (distance(wrong, name), name));
    near.filter(|(distance, name)| *distance <= within(name)).min().map(|(_, name)| name)
}

/// How many letters to insert, delete, replace or swap with their neighbor (optimal string alignment distance).
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let replaced = above[column] + usize::from(letter != other);
            let mut best = replaced.min(above[column + 1] + 1).min(line[column] + 1);
            let swapped = row > 0 && column > 0 && from[row - 1] == *other && to[column - 1] == *letter;
            if swapped {
                best = best.min(before[column - 1] + 1);
            }
            line.push(best);
        }
        before = std::mem::replace(&mut above, line);
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_and_strangers() {
        assert_eq!(nearest("titel", ["title", "body"]), Some("title"));
        assert_eq!(nearest("requird", ["unique", "required"]), Some("required"));
        assert_eq!(nearest("zebra", ["title", "body"]), None);
        assert_eq!(nearest("", []), None);
        assert_eq!(nearest(&"title".repeat(200_000), ["title"]), None);
    }
}
