//! The tables of a front matter, key by key; whatever is wrong is noted with its place.

use std::ops::Range;

use mains_base::nearest;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::front::{Front, Query, TAKEN, Totals, What, Wrong};
use super::slot::{Known, Text};

const OPTIONS: [&str; 2] = ["signed_in", "cache"];
const KEYS: [&str; 17] = [
    "get",
    "list",
    "aggregate",
    "where",
    "filter",
    "sort",
    "limit",
    "fields",
    "expand",
    "total",
    "cursor",
    "optional",
    "group",
    "count",
    "sum",
    "min",
    "max",
];
/// Keys of one sort of query alone.
const OF_LISTS: [&str; 2] = ["total", "cursor"];
const OF_RECORDS: [&str; 2] = ["fields", "expand"];
const OF_MANY: [&str; 4] = ["where", "filter", "sort", "limit"];
const OF_TOTALS: [&str; 5] = ["group", "count", "sum", "min", "max"];
/// The longest that a page may be kept by others, in seconds.
const LONGEST: i64 = 31_536_000;

/// A front matter that is being read.
pub(super) struct Reading<'r> {
    pub(super) wrong: Vec<Wrong>,
    pub(super) earlier: Vec<String>,
    pub(super) parameters: Option<&'r [String]>,
}

impl Reading<'_> {
    fn tell(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.wrong.push(Wrong { span, message: message.into() });
    }

    /// Reads one key at the top: an option, or a query.
    pub(super) fn entry(
        &mut self,
        front: &mut Front,
        name: &str,
        span: &Range<usize>,
        value: &Spanned<DeValue<'_>>,
    ) {
        match (name, value.get_ref()) {
            ("signed_in", DeValue::Boolean(said)) => front.signed_in = *said,
            ("signed_in", _) => self.tell(value.span(), "signed_in is true or false."),
            ("cache", _) => match whole(value).filter(|seconds| (0..=LONGEST).contains(seconds)) {
                Some(seconds) => front.cache = Some(seconds),
                None => self.tell(value.span(), "cache is a number of seconds, up to a year."),
            },
            (_, DeValue::Table(table)) if self.is_free(name, span) => {
                if let Some(query) = self.query(name, span, table) {
                    front.queries.push(query);
                    self.earlier.push(name.to_owned());
                }
            }
            (_, DeValue::Table(_)) => {}
            _ => {
                let near =
                    nearest(name, OPTIONS).map_or(String::new(), |near| format!(" Did you mean {near}?"));
                let message =
                    format!("A page has no option {name}.{near} A query is a table: [{name}] list = \"…\".");
                self.tell(span.clone(), message);
            }
        }
    }

    fn is_free(&mut self, name: &str, span: &Range<usize>) -> bool {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if TAKEN.contains(&name) {
            self.tell(
                span.clone(),
                format!("{name} is a name that templates have already; take another one."),
            );
            return false;
        }
        let good = name.bytes().all(plain) && name.starts_with(|first: char| first.is_ascii_lowercase());
        if !good {
            self.tell(span.clone(), "A query is named in lower_snake_case.");
        }
        good
    }

    fn query(&mut self, name: &str, span: &Range<usize>, table: &DeTable<'_>) -> Option<Query> {
        for (key, _) in table {
            if !KEYS.contains(&key.as_ref().as_ref()) {
                let near = nearest(key.as_ref(), KEYS)
                    .map_or(String::new(), |near| format!(" Did you mean {near}?"));
                self.tell(key.span(), format!("A query has no key {}.{near}", key.as_ref()));
            }
        }
        let (what, collection) = self.what(name, span, table)?;
        let wheres = table.get("where").map_or_else(Vec::new, |value| self.wheres(value));
        let text = |reading: &mut Self, key: &str| table.get(key).and_then(|value| reading.text(key, value));
        let plain =
            |reading: &mut Self, key: &str| table.get(key).and_then(|value| reading.plain(key, value));
        let truth =
            |reading: &mut Self, key: &str| table.get(key).is_some_and(|value| reading.truth(key, value));
        let query = Query {
            name: name.to_owned(),
            what,
            collection,
            optional: truth(self, "optional"),
            wheres,
            filters: table.get("filter").map_or_else(Vec::new, |value| self.texts("filter", value)),
            sort: text(self, "sort"),
            limit: table.get("limit").and_then(|value| self.limit(value)),
            cursor: text(self, "cursor"),
            fields: plain(self, "fields"),
            expand: plain(self, "expand"),
            total: truth(self, "total"),
            totals: Totals {
                group: plain(self, "group"),
                count: truth(self, "count"),
                sum: plain(self, "sum"),
                min: plain(self, "min"),
                max: plain(self, "max"),
            },
            span: span.clone(),
        };
        self.fitting(&query.what, table);
        Some(query)
    }

    /// Tells keys that belong to another sort of query.
    fn fitting(&mut self, what: &What, table: &DeTable<'_>) {
        for (key, _) in table {
            let name: &str = key.as_ref();
            let belongs = match what {
                What::Get(_) if [&OF_MANY[..], &OF_LISTS, &OF_TOTALS].concat().contains(&name) => {
                    "not to a get, which has its key"
                }
                What::List if OF_TOTALS.contains(&name) => "to aggregate",
                What::Aggregate if OF_RECORDS.contains(&name) || OF_LISTS.contains(&name) => {
                    "to records, not to their totals"
                }
                _ => continue,
            };
            self.tell(key.span(), format!("{name} belongs {belongs}."));
        }
    }

    fn what(&mut self, name: &str, span: &Range<usize>, table: &DeTable<'_>) -> Option<(What, String)> {
        let said: Vec<&str> =
            ["get", "list", "aggregate"].into_iter().filter(|key| table.contains_key(*key)).collect();
        let [key] = said.as_slice() else {
            let message =
                format!("[{name}] needs one of get, list or aggregate, such as list = \"articles\".");
            self.tell(span.clone(), message);
            return None;
        };
        let value = table.get(*key)?;
        let text = value.get_ref().as_str();
        let text = text.filter(|text| !text.is_empty());
        let Some(text) = text else {
            self.tell(value.span(), format!("{key} names a collection, such as \"articles\"."));
            return None;
        };
        let (collection, rest) = match (*key, text.split_once('/')) {
            ("list" | "aggregate", _) => (text, ""),
            (_, Some((collection, rest))) => (collection, rest),
            ("get", None) => {
                self.tell(
                    value.span(),
                    "get names a collection and a key, such as \"articles/slug={path.slug}\".",
                );
                return None;
            }
            (_, None) => (text, ""),
        };
        let rest = self.read(rest, &value.span())?;
        let what = match *key {
            "get" => What::Get(rest),
            "list" => What::List,
            _ => What::Aggregate,
        };
        Some((what, collection.to_owned()))
    }

    /// `where = { author = "{caller.id}", tag = ["a", "b"], "author.name" = "x" }`
    fn wheres(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<(String, Vec<Text>)> {
        let mut found = Vec::new();
        match value.get_ref() {
            DeValue::Table(table) => self.conditions("", table, &mut found),
            _ => self.tell(value.span(), "where is a table, such as { article = \"{article.id}\" }."),
        }
        found
    }

    fn conditions(&mut self, before: &str, table: &DeTable<'_>, found: &mut Vec<(String, Vec<Text>)>) {
        for (name, value) in table {
            let path = format!("{before}{}", name.as_ref());
            match value.get_ref() {
                DeValue::Table(inner) => self.conditions(&format!("{path}."), inner, found),
                _ => found.push((path, self.texts("where", value))),
            }
        }
    }

    /// One text, or a list of them. Numbers and truth values are texts of themselves.
    fn texts(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Vec<Text> {
        match value.get_ref() {
            DeValue::Array(items) => items.iter().filter_map(|item| self.text(key, item)).collect(),
            _ => self.text(key, value).into_iter().collect(),
        }
    }

    fn text(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Text> {
        match value.get_ref() {
            DeValue::String(text) => self.read(text, &value.span()),
            DeValue::Integer(number) => self.read(number.as_str(), &value.span()),
            DeValue::Float(number) => self.read(number.as_str(), &value.span()),
            DeValue::Boolean(said) => self.read(if *said { "true" } else { "false" }, &value.span()),
            _ => {
                self.tell(value.span(), format!("{key} is a text."));
                None
            }
        }
    }

    fn read(&mut self, text: &str, span: &Range<usize>) -> Option<Text> {
        let earlier = std::mem::take(&mut self.earlier);
        let read = Text::read(text, &Known { parameters: self.parameters, earlier: &earlier });
        self.earlier = earlier;
        read.map_err(|message| self.tell(span.clone(), message)).ok()
    }

    fn limit(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Text> {
        let number = whole(value);
        if number.is_some_and(|number| !(1..=500).contains(&number)) {
            self.tell(value.span(), "limit is a whole number from 1 to 500.");
            return None;
        }
        self.text("limit", value)
    }

    fn plain(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<String> {
        let text = self.text(key, value)?;
        let literal = text.literal().map(str::to_owned);
        if literal.is_none() {
            self.tell(value.span(), format!("{key} is the same for every request; leave the braces out."));
        }
        literal
    }

    fn truth(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> bool {
        if let DeValue::Boolean(said) = value.get_ref() {
            return *said;
        }
        self.tell(value.span(), format!("{key} is true or false."));
        false
    }
}

fn whole(value: &Spanned<DeValue<'_>>) -> Option<i64> {
    let DeValue::Integer(number) = value.get_ref() else { return None };
    number.as_str().replace('_', "").parse().ok()
}
