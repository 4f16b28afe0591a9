//! One file as a tree of TOML whose places are known, and readers of its keys that note what is wrong.

use std::cell::RefCell;
use std::ops::Range;

use mains_base::nearest;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Severity};
use crate::expression::Complaint;
use crate::schema::Owner;

/// Which file something stands in.
#[derive(Clone, Copy)]
pub(super) struct Origin<'s> {
    pub(super) owner: &'s Owner,
    pub(super) path: &'s str,
    pub(super) source: &'s str,
}

/// Everything found so far.
#[derive(Default)]
pub(super) struct Notes(RefCell<Vec<Diagnostic>>);

/// One value of a file.
#[derive(Clone, Copy)]
pub(super) struct Item<'a, 's> {
    pub(super) origin: Origin<'s>,
    pub(super) notes: &'a Notes,
    pub(super) value: &'a Spanned<DeValue<'s>>,
}

/// One table of a file.
#[derive(Clone)]
pub(super) struct Keys<'a, 's> {
    pub(super) origin: Origin<'s>,
    pub(super) notes: &'a Notes,
    pub(super) table: &'a DeTable<'s>,
    /// Where to point when something is missing in it.
    pub(super) span: Range<usize>,
}

impl Notes {
    pub(super) fn into_inner(self) -> Vec<Diagnostic> {
        self.0.into_inner()
    }

    fn push(
        &self,
        origin: Origin<'_>,
        span: Range<usize>,
        severity: Severity,
        said: (String, Option<String>),
    ) {
        self.0.borrow_mut().push(Diagnostic {
            path: origin.path.to_owned(),
            source: origin.source.into(),
            span,
            severity,
            message: said.0,
            hint: said.1,
        });
    }

    pub(super) fn error(
        &self,
        origin: Origin<'_>,
        span: Range<usize>,
        message: impl Into<String>,
        hint: Option<&str>,
    ) {
        self.push(origin, span, Severity::Error, (message.into(), hint.map(str::to_owned)));
    }

    pub(super) fn warn(
        &self,
        origin: Origin<'_>,
        span: Range<usize>,
        message: impl Into<String>,
        hint: Option<&str>,
    ) {
        self.push(origin, span, Severity::Warning, (message.into(), hint.map(str::to_owned)));
    }
}

impl<'a, 's> Item<'a, 's> {
    pub(super) fn span(&self) -> Range<usize> {
        self.value.span()
    }

    pub(super) fn error(&self, message: impl Into<String>, hint: Option<&str>) {
        self.notes.error(self.origin, self.span(), message, hint);
    }

    /// Notes a complaint about the expression that this string is.
    pub(super) fn complain(&self, complaint: &Complaint) {
        let span = self.span_within(&complaint.span);
        self.notes.error(self.origin, span, complaint.message.clone(), complaint.hint.as_deref());
    }

    /// The place in the file of a part of this string; with escapes before it, the whole string.
    fn span_within(&self, part: &Range<usize>) -> Range<usize> {
        let whole = self.span();
        let raw = self.origin.source.get(whole.clone()).unwrap_or_default();
        let quotes = if raw.starts_with("'''") || raw.starts_with("\"\"\"") { 3 } else { 1 };
        let inner = raw.get(quotes..).unwrap_or_default();
        let newline = usize::from(quotes == 3 && inner.starts_with('\n'));
        let escaped = raw.starts_with('"') && raw.contains('\\');
        if escaped || raw.contains('\r') {
            return whole;
        }
        let start = whole.start + quotes + newline;
        let end = (start + part.end).min(whole.end);
        (start + part.start).min(end)..end
    }

    pub(super) fn text(self) -> Option<&'a str> {
        let text = self.value.get_ref().as_str();
        if text.is_none() {
            self.error("This is a text; write it in quotes.", None);
        }
        text
    }

    pub(super) fn flag(self) -> Option<bool> {
        let flag = self.value.get_ref().as_bool();
        if flag.is_none() {
            self.error("Say true or false.", None);
        }
        flag
    }

    pub(super) fn whole(self) -> Option<i64> {
        let number = self.value.get_ref().as_integer();
        let number = number.and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok());
        if number.is_none() {
            self.error("This is a whole number.", None);
        }
        number
    }

    /// Whether it is the whole number 0.
    pub(super) fn is_zero(self) -> bool {
        self.value.get_ref().as_integer().is_some_and(|number| number.as_str() == "0")
    }

    /// A whole number that counts something: at least 1.
    pub(super) fn count(self) -> Option<usize> {
        let number = self.whole()?;
        let count = usize::try_from(number).ok().filter(|count| (1..=100_000_000).contains(count));
        if count.is_none() {
            self.error("This is a number from 1 to 100 million.", None);
        }
        count
    }

    pub(super) fn items(self) -> Option<Vec<Self>> {
        let items = self.value.get_ref().as_array();
        if items.is_none() {
            self.error("This is a list; write it in square brackets.", None);
        }
        Some(items?.iter().map(|value| Self { value, ..self }).collect())
    }

    /// A list of texts, not empty.
    pub(super) fn texts(self) -> Option<Vec<(&'a str, Self)>> {
        let items = self.items()?;
        if items.is_empty() {
            self.error("This list is empty; name at least one.", None);
        }
        items.into_iter().map(|item| Some((item.text()?, item))).collect()
    }

    pub(super) fn keys(self) -> Option<Keys<'a, 's>> {
        let table = self.value.get_ref().as_table();
        if table.is_none() {
            self.error("This is a table; write its keys in a section of its own.", None);
        }
        Some(Keys { origin: self.origin, notes: self.notes, table: table?, span: self.span() })
    }
}

impl<'a, 's> Keys<'a, 's> {
    pub(super) fn get(&self, key: &str) -> Option<Item<'a, 's>> {
        let value = self.table.get(key)?;
        Some(Item { origin: self.origin, notes: self.notes, value })
    }

    /// Name, place of the name, value.
    pub(super) fn entries(
        &self,
    ) -> impl Iterator<Item = (&'a str, Range<usize>, Item<'a, 's>)> + use<'a, 's> {
        let (origin, notes) = (self.origin, self.notes);
        self.table
            .iter()
            .map(move |(key, value)| (key.get_ref().as_ref(), key.span(), Item { origin, notes, value }))
    }

    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.get(key)?.text()
    }

    pub(super) fn is(&self, key: &str) -> bool {
        self.get(key).and_then(Item::flag).unwrap_or(false)
    }

    pub(super) fn error(&self, message: impl Into<String>, hint: Option<&str>) {
        self.notes.error(self.origin, self.span.clone(), message, hint);
    }

    /// The place of a key's name.
    pub(super) fn key_span(&self, key: &str) -> Range<usize> {
        self.table.get_key_value(key).map_or_else(|| self.span.clone(), |(key, _)| key.span())
    }

    /// Notes that a key cannot stand here.
    pub(super) fn refuse(&self, key: &str, message: impl Into<String>, hint: Option<&str>) {
        if self.table.contains_key(key) {
            self.notes.error(self.origin, self.key_span(key), message, hint);
        }
    }

    /// Notes keys that are not known; `here` ends the sentence: "in a field".
    pub(super) fn only(&self, known: &[&str], here: &str) {
        for (key, span, _) in self.entries().filter(|(key, ..)| !known.contains(key)) {
            let near = nearest(key, known.iter().copied()).map(|name| format!("Did you mean `{name}`?"));
            let message = format!("There is no `{key}` {here}.");
            self.notes.error(self.origin, span, message, near.as_deref());
        }
    }
}
