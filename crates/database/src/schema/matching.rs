//! Which declared name goes on with what is stored, under the same name or by `was`.
//!
//! Invariant: a `was` whose work is done changes nothing, so it may stay in the file for ever.

use std::collections::HashMap;

/// A declared name and the one that it had before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'a> {
    pub(super) name: &'a str,
    pub(super) was: Option<&'a str>,
}

/// The outcome.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Matching {
    /// Declared → stored name. What is new is missing.
    pub(super) pairs: HashMap<String, String>,
    /// Old and new names in an order in which the new name is free when its turn comes.
    pub(super) renames: Vec<(String, String)>,
    /// Stored names that nothing declared goes on with.
    pub(super) left: Vec<String>,
}

impl Matching {
    /// Matches declared names with stored ones.
    pub(super) fn of<'a>(
        declared: impl Iterator<Item = Name<'a>>,
        stored: impl Iterator<Item = &'a str>,
    ) -> Self {
        let declared: Vec<Name<'a>> = declared.collect();
        let mut left: Vec<&str> = stored.collect();
        let mut matching = Self::default();
        // A rename frees a name, which another declared one may then take by its own `was`: `c was b`, `b was a`.
        loop {
            let claim = declared.iter().find_map(|one| {
                let was = one.was?;
                let open = !matching.pairs.contains_key(one.name) && !left.contains(&one.name);
                (open && left.contains(&was)).then_some((one.name, was))
            });
            let Some((name, was)) = claim else { break };
            left.retain(|&stored| stored != was);
            matching.pairs.insert(name.to_owned(), was.to_owned());
            matching.renames.push((was.to_owned(), name.to_owned()));
        }
        for one in &declared {
            if left.contains(&one.name) && !matching.pairs.contains_key(one.name) {
                left.retain(|&stored| stored != one.name);
                matching.pairs.insert(one.name.to_owned(), one.name.to_owned());
            }
        }
        matching.left = left.into_iter().map(str::to_owned).collect();
        matching
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(declared: &[(&str, &str)], stored: &[&str]) -> (Vec<(String, String)>, Vec<String>) {
        let names =
            declared.iter().map(|&(name, was)| Name { name, was: Some(was).filter(|was| !was.is_empty()) });
        let matching = Matching::of(names, stored.iter().copied());
        (matching.renames, matching.left)
    }

    fn pair(old: &str, new: &str) -> (String, String) {
        (old.to_owned(), new.to_owned())
    }

    #[test]
    fn a_rename_happens_once() {
        assert_eq!(of(&[("b", "a")], &["a"]), (vec![pair("a", "b")], vec![]));
        assert_eq!(of(&[("b", "a")], &["b"]), (vec![], vec![]));
        assert_eq!(of(&[("b", "a")], &[]), (vec![], vec![]));
    }

    #[test]
    fn a_freed_name_may_be_taken_by_something_new_or_by_another_rename() {
        assert_eq!(of(&[("b", "a"), ("a", "")], &["a"]), (vec![pair("a", "b")], vec![]));
        let chain = of(&[("b", "a"), ("c", "b")], &["a", "b"]);
        assert_eq!(chain, (vec![pair("b", "c"), pair("a", "b")], vec![]));
    }

    #[test]
    fn where_both_names_are_stored_the_old_one_is_left() {
        assert_eq!(of(&[("b", "a")], &["a", "b"]), (vec![], vec!["a".to_owned()]));
    }
}
