//! Slugs that are made: of another field, with `-2`, `-3` behind where one is taken.

use std::fmt::Write as _;

use mains_base::{Result, Value};
use mains_language::expression::slugify;
use mains_language::schema::{Collection, Field, FieldId, FieldKind};

use super::draft::declared_fields;
use super::{Image, Tx};
use crate::dialect::quote;

/// Characters of a made slug, without the number behind.
const LONGEST: usize = 80;
/// Numbers that are tried one by one before larger steps are taken.
const NEAR: u64 = 9;
/// Candidates in one statement.
const AT_ONCE: u64 = 32;

impl Tx<'_> {
    /// Makes the slugs that nobody gave, and those that follow a field that changed or move to another scope. What
    /// fits is left as it is.
    pub(super) fn make_slugs(
        &mut self,
        collection: &Collection,
        before: Option<&Image>,
        image: &mut Image,
    ) -> Result<()> {
        for field in declared_fields(collection) {
            let FieldKind::Slug { from: Some(from), scope, follows } = field.kind else { continue };
            let given = before.map_or(!image.value(field.id).is_null(), |before| {
                before.value(field.id) != image.value(field.id) && !image.value(field.id).is_null()
            });
            let source = image.value(from).clone();
            let moved = before.is_none_or(|before| *before.value(from) != source);
            let rescoped = before.zip(scope).is_some_and(|(before, id)| before.value(id) != image.value(id));
            let empty = image.value(field.id).is_null();
            if given || !(empty || (follows && (moved || rescoped))) {
                continue;
            }
            let base = base(collection, source.as_text().unwrap_or_default());
            let stood = before.map(|before| before.value(field.id)).filter(|slug| is_made_of(slug, &base));
            // One of its own words stays, wherever it moves.
            if !(empty || moved || stood.is_some()) {
                continue;
            }
            if let Some(stood) = stood.filter(|_| !rescoped) {
                image.set(field.id, stood.clone());
                continue;
            }
            let scope = scope.map(|scope| (scope, image.value(scope).clone()));
            let slug = self.free_slug(collection, field, scope, base)?;
            image.set(field.id, slug.into());
        }
        Ok(())
    }

    /// The first of `base`, `base-2`, … that no other record has, as far as this transaction sees. When it is met all
    /// the same, the unique index fails and the closure runs again.
    fn free_slug(
        &mut self,
        collection: &Collection,
        field: &Field,
        scope: Option<(FieldId, Value)>,
        base: String,
    ) -> Result<String> {
        if !self.state.looks_first || scope.as_ref().is_some_and(|(_, value)| value.is_null()) {
            return Ok(base);
        }
        let (table, column) = (quote(&collection.name), quote(&field.name));
        let mut text = format!("SELECT {column} FROM {table} WHERE {column} IN $1");
        let mut parameters = vec![Value::Null];
        if let Some((scope, value)) = scope {
            let _ = write!(text, " AND {} = $2", quote(&collection.field(scope).name));
            parameters.push(value);
        }
        let mut taken = |tx: &mut Self, numbers: &[u64]| -> Result<Vec<u64>> {
            let slugs = numbers.iter().map(|number| Value::Text(numbered(&base, *number)));
            if let Some(first) = parameters.first_mut() {
                *first = Value::List(slugs.collect());
            }
            let rows = tx.ask_rows(&text, &parameters)?;
            let found: Vec<&str> = rows.0.iter().filter_map(|row| row.value(0).as_text()).collect();
            let is_found = |number: &&u64| found.contains(&numbered(&base, **number).as_str());
            Ok(numbers.iter().filter(is_found).copied().collect())
        };
        let number = first_free(self, &mut taken)?;
        Ok(numbered(&base, number))
    }
}

/// Looks near first, then in growing steps, then between the last taken and the first free one: few statements even
/// where thousands share a slug.
fn first_free<T>(tx: &mut T, taken: &mut impl FnMut(&mut T, &[u64]) -> Result<Vec<u64>>) -> Result<u64> {
    let mut numbers: Vec<u64> = (1..=NEAR).collect();
    numbers.extend((4..44).map(|power| 1_u64 << power));
    let found = taken(tx, &numbers)?;
    let free = numbers.iter().copied().find(|number| !found.contains(number)).unwrap_or(u64::MAX >> 1);
    let mut low = numbers.iter().copied().take_while(|number| *number < free).last().unwrap_or(0);
    let mut high = free;
    while high - low > 1 {
        let step = ((high - low) / AT_ONCE).max(1);
        let between: Vec<u64> =
            (1..=AT_ONCE).map(|place| low + place * step).filter(|place| *place < high).collect();
        let found = taken(tx, &between)?;
        let first = between.iter().copied().find(|number| !found.contains(number));
        low = between.iter().copied().take_while(|number| Some(*number) != first).last().unwrap_or(low);
        high = first.unwrap_or(high);
    }
    Ok(high)
}

fn numbered(base: &str, number: u64) -> String {
    if number <= 1 { base.to_owned() } else { format!("{base}-{number}") }
}

/// What the slug begins with; a text without any letter of a slug gives the word of the collection's ids.
fn base(collection: &Collection, text: &str) -> String {
    let slug = slugify(text);
    let cut: String = slug.chars().take(LONGEST).collect();
    let whole = match cut.rfind('-') {
        Some(hyphen) if slug.len() > cut.len() && hyphen > LONGEST / 2 => cut.get(..hyphen).unwrap_or(&cut),
        _ => cut.trim_end_matches('-'),
    };
    if whole.is_empty() {
        let word = collection.prefix.as_ref().map_or("untitled", |prefix| prefix.as_str());
        return word.replace('_', "-");
    }
    whole.to_owned()
}

/// Whether a slug is `base`, or `base` with a number behind.
fn is_made_of(slug: &Value, base: &str) -> bool {
    let Some(rest) = slug.as_text().and_then(|slug| slug.strip_prefix(base)) else { return false };
    let number = rest.strip_prefix('-').unwrap_or_default();
    rest.is_empty() || (!number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(taken: impl Fn(u64) -> bool) -> (u64, usize) {
        let mut statements = 0;
        let mut look = |(): &mut (), numbers: &[u64]| {
            statements += 1;
            Ok(numbers.iter().copied().filter(|number| taken(*number)).collect())
        };
        let free = first_free(&mut (), &mut look).unwrap();
        (free, statements)
    }

    #[test]
    fn the_next_number_is_found_in_few_statements() {
        assert_eq!(search(|_| false), (1, 1));
        assert_eq!(search(|number| number <= 1), (2, 1));
        assert_eq!(search(|number| number <= 5 && number != 3), (3, 1));
        let (free, statements) = search(|number| number <= 123_456);
        assert_eq!(free, 123_457);
        assert!(statements <= 6, "{statements}");
    }

    #[test]
    fn a_slug_knows_what_it_was_made_of() {
        assert!(is_made_of(&"hello".into(), "hello"));
        assert!(is_made_of(&"hello-12".into(), "hello"));
        assert!(!is_made_of(&"hello-world".into(), "hello"));
        assert!(!is_made_of(&"hello-".into(), "hello"));
        assert!(!is_made_of(&Value::Null, "hello"));
    }
}
