//! The front matter of a page: TOML between two `+++` lines, which names the queries of the page.

use std::ops::Range;

use mains_base::nearest;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::slot::{Known, Text};

/// Names that a template has of its own, so no query may take them.
pub(super) const TAKEN: [&str; 11] =
    ["path", "query", "page", "site", "caller", "error", "now", "form", "link", "asset", "loop"];
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

/// What a front matter says.
#[derive(Clone, Debug, Default)]
pub(super) struct Front {
    pub(super) queries: Vec<Query>,
    /// Who is not signed in is sent to sign in.
    pub(super) signed_in: bool,
    /// How long a visitor's page may be kept, in seconds.
    pub(super) cache: Option<i64>,
}

/// One query.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) name: String,
    pub(super) what: What,
    pub(super) collection: String,
    pub(super) optional: bool,
    pub(super) wheres: Vec<(String, Vec<Text>)>,
    pub(super) filters: Vec<Text>,
    pub(super) sort: Option<Text>,
    pub(super) limit: Option<Text>,
    pub(super) cursor: Option<Text>,
    pub(super) fields: Option<String>,
    pub(super) expand: Option<String>,
    pub(super) total: bool,
    pub(super) totals: Totals,
    /// Where it begins in the front matter.
    pub(super) span: Range<usize>,
}

/// What a query asks for.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// One record by this key.
    Get(Text),
    /// A page of records.
    List,
    /// Totals of records, in groups.
    Aggregate,
}

/// Which totals.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    pub(super) group: Option<String>,
    pub(super) count: bool,
    pub(super) sum: Option<String>,
    pub(super) min: Option<String>,
    pub(super) max: Option<String>,
}

/// Something wrong, and where.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) span: Range<usize>,
    pub(super) message: String,
}

/// Splits a page: the front matter with the place where it begins, and the place where the template begins.
pub(super) fn split(source: &str) -> Result<(Option<Range<usize>>, usize), Wrong> {
    let Some(rest) = source.strip_prefix("+++").filter(|rest| rest.starts_with(['\n', '\r'])) else {
        return Ok((None, 0));
    };
    let mut at = 3 + rest.find('\n').map_or(0, |found| found + 1);
    let begin = at;
    for line in source.get(begin..).unwrap_or_default().split_inclusive('\n') {
        if line.trim_end() == "+++" {
            return Ok((Some(begin..at), at + line.len()));
        }
        at += line.len();
    }
    Err(Wrong { span: 0..3, message: "The front matter has no end; close it with a line of +++.".to_owned() })
}

impl Front {
    /// Reads a front matter; `parameters` are those of the page's address, if it has one.
    pub(super) fn read(source: &str, parameters: Option<&[String]>) -> Result<Self, Vec<Wrong>> {
        let table = DeTable::parse(source).map_err(|error| {
            let message = format!("This is not TOML: {}.", error.message().trim_end_matches('.'));
            vec![Wrong { span: error.span().unwrap_or(0..0), message }]
        })?;
        let mut reading = Reading { wrong: Vec::new(), earlier: Vec::new(), parameters };
        let mut front = Self::default();
        for (name, value) in table.get_ref() {
            reading.entry(&mut front, name.as_ref(), &name.span(), value);
        }
        if reading.wrong.is_empty() { Ok(front) } else { Err(reading.wrong) }
    }
}

struct Reading<'r> {
    wrong: Vec<Wrong>,
    earlier: Vec<String>,
    parameters: Option<&'r [String]>,
}

impl Reading<'_> {
    fn tell(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.wrong.push(Wrong { span, message: message.into() });
    }

    fn entry(&mut self, front: &mut Front, name: &str, span: &Range<usize>, value: &Spanned<DeValue<'_>>) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn told(source: &str) -> String {
        let parameters = ["slug".to_owned()];
        match Front::read(source, Some(&parameters)) {
            Ok(front) => format!("{} queries", front.queries.len()),
            Err(wrong) => wrong.into_iter().map(|wrong| wrong.message).collect::<Vec<_>>().join(" | "),
        }
    }

    #[test]
    fn a_front_matter_is_split_off() {
        assert_eq!(split("<p>").unwrap(), (None, 0));
        assert_eq!(split("+++\na = 1\n+++\n<p>").unwrap(), (Some(4..10), 14));
        assert_eq!(split("+++\r\n+++\r\n<p>").unwrap(), (Some(5..5), 10));
        assert!(split("+++\na = 1\n").is_err());
        assert_eq!(split("++++\n").unwrap(), (None, 0));
    }

    #[test]
    fn queries_are_read_in_order() {
        let source = r#"
            signed_in = true
            cache = 60
            [article]
            get = "articles/slug={path.slug}"
            optional = true
            [comments]
            list = "comments"
            where = { article = "{article.id}", kind = ["a", "b"], author.name = "x", n = 1 }
            filter = ["stars > {query.stars}", "!hidden"]
            limit = 20
        "#;
        let front = Front::read(source, Some(&["slug".to_owned()])).unwrap();
        assert!(front.signed_in && front.cache == Some(60));
        let names: Vec<&str> = front.queries.iter().map(|query| query.name.as_str()).collect();
        assert_eq!(names, ["article", "comments"]);
        let wheres: Vec<&str> = front.queries[1].wheres.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(wheres, ["article", "kind", "author.name", "n"]);
        assert_eq!(front.queries[1].filters.len(), 2);
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (source, part) in [
            ("[a]\nlst = \"x\"", "Did you mean list?"),
            ("[a]\nlist = \"x\"\nget = \"y\"", "one of get, list or aggregate"),
            ("[a]\nget = \"x\"", "a collection and a key"),
            ("[a]\nget = \"x/{path.slug}\"\nlimit = 3", "limit belongs not to a get"),
            ("[a]\nlist = \"x\"\ngroup = \"y\"", "group belongs to aggregate"),
            ("[a]\naggregate = \"x\"\nexpand = \"y\"", "expand belongs to records"),
            ("[query]\nlist = \"x\"", "have already"),
            ("[A]\nlist = \"x\"", "lower_snake_case"),
            ("title = \"x\"", "no option title"),
            ("[a]\nlist = \"x\"\nlimit = 501", "from 1 to 500"),
            ("[a]\nlist = \"x\"\nwhere = { b = \"{c.id}\" }\n[c]\nlist = \"x\"", "a query above this one"),
            ("[a]\nlist = \"x\"\nfields = \"{query.f}\"", "leave the braces out"),
            ("a = ", "not TOML"),
            ("cache = \"x\"", "number of seconds"),
        ] {
            let told = told(source);
            assert!(told.contains(part), "{source}: {told}");
        }
    }
}
