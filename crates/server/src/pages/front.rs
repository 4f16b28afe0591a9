//! The front matter of a page: TOML between two `+++` lines, which names the queries of the page.

use std::ops::Range;

use toml::de::DeTable;

use super::entry::Reading;
use super::slot::Text;

/// Names that a template has of its own, so no query may take them.
pub(super) const TAKEN: [&str; 12] =
    ["path", "query", "page", "site", "caller", "error", "now", "form", "link", "asset", "picture", "loop"];
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
