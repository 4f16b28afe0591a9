//! A random site: accounts, and three collections with fields of every kind that may lean on each other.

use std::fmt::Write as _;

use super::draw::Draw;

/// The collections beside accounts.
pub(super) const NAMES: [&str; 3] = ["ants", "bees", "cats"];

/// A site, as far as operations need to know it.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) collections: Vec<Collection>,
}

/// A collection that was drawn.
#[derive(Clone, Debug)]
pub(super) struct Collection {
    pub(super) name: &'static str,
    pub(super) fields: Vec<Field>,
    rest: String,
}

/// A field that was drawn.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) unique: bool,
    toml: String,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Slug,
    Integer,
    Sequence,
    Decimal,
    Number,
    Bool,
    Date,
    Time,
    Enum,
    Tags,
    Json,
    Money,
    /// One record of a collection.
    Relation(&'static str),
    Friends(&'static str),
}

const ACCOUNTS: &str = r#"
prefix = "account"
[fields.name]
type = "text"
[fields.karma]
type = "integer"
[rules]
read = 'true'
update = 'id == auth.id'
"#;

impl Site {
    pub(super) fn drawn(draw: &mut Draw) -> Self {
        Self { collections: NAMES.iter().map(|name| Collection::drawn(draw, name)).collect() }
    }

    pub(super) fn files(&self) -> Vec<(String, String)> {
        let mut files = vec![("accounts".to_owned(), ACCOUNTS.to_owned())];
        files.extend(self.collections.iter().map(|one| (one.name.to_owned(), one.toml())));
        files
    }
}

impl Collection {
    fn drawn(draw: &mut Draw, name: &'static str) -> Self {
        let mut fields = vec![relation(draw, name), owner(draw), integer(draw), boolean(draw)];
        let others: [fn(&mut Draw, &'static str) -> Field; 10] =
            [text, slug, sequence, decimal, number, date, stamp, state, tags, friends];
        for other in others {
            if !draw.once_in(3) {
                fields.push(other(draw, name));
            }
        }
        if draw.once_in(3) {
            fields.push(field("extra", Kind::Json, "type = \"json\"\n".into()));
        }
        if draw.once_in(3) {
            let fixed = if draw.once_in(2) { "currency = \"EUR\"\n" } else { "" };
            fields.push(field("price", Kind::Money, format!("type = \"money\"\n{fixed}")));
        }
        let has = |name: &str| fields.iter().any(|field| field.name == name);
        if !has("title") {
            fields.retain(|field| field.kind != Kind::Slug);
        }
        let rest = rest(draw);
        Self { name, fields, rest }
    }

    fn toml(&self) -> String {
        let mut toml = format!("prefix = \"{}\"\n", self.name.trim_end_matches('s'));
        for field in &self.fields {
            write!(toml, "[fields.{}]\n{}", field.name, field.toml).unwrap();
        }
        toml + &self.rest
    }
}

/// Indexes, checks and rules.
fn rest(draw: &mut Draw) -> String {
    let mut toml = String::new();
    if draw.once_in(2) {
        let condition = if draw.once_in(2) { "where = 'flag'\n" } else { "" };
        let pair = draw.of(&["\"n\", \"parent\"", "\"owner\", \"n\"", "\"n\", \"flag\""]);
        write!(toml, "[[indexes]]\nfields = [{pair}]\nunique = true\n{condition}").unwrap();
    }
    let checks = [
        "n == null || n < 40",
        "!flag || n != null",
        "parent == null || parent.n == null || parent.n < 30",
        "old == null || old.n == null || n == null || n >= old.n - 5",
        "owner == null || owner.karma == null || owner.karma >= 0",
    ];
    for check in checks {
        if draw.once_in(4) {
            write!(toml, "[[checks]]\nexpr = '{check}'\nmessage = \"No: {check}.\"\n").unwrap();
        }
    }
    if draw.once_in(3) {
        let computed = draw.of(&["n + 1", "parent.n * 2", "owner.karma", "n / 0", "flag && n > 2"]);
        write!(toml, "[fields.derived]\ncomputed = '{computed}'\n").unwrap();
    }
    toml.push_str("[rules]\n");
    let rules = [
        "true",
        "owner == auth.id",
        "owner == auth.id || flag",
        "!flag",
        "n == null || n < 20",
        "auth.signed_in",
        "parent.flag || parent == null",
        "\"editor\" in auth.roles || owner == auth.id",
        "owner.karma > 3 || n != 3",
    ];
    for action in ["read", "create", "update", "delete"] {
        let rule = if draw.once_in(3) { "true" } else { draw.of(&rules) };
        if !draw.once_in(20) {
            writeln!(toml, "{action} = '{rule}'").unwrap();
        }
    }
    toml
}

fn field(name: &'static str, kind: Kind, toml: String) -> Field {
    Field { name, kind, unique: false, toml }
}

fn relation(draw: &mut Draw, own: &'static str) -> Field {
    let to = draw.of(&NAMES);
    let does = draw.of(&["restrict", "cascade", "cascade", "clear"]);
    // A record could not be made where the first of its kind needs one before.
    let required = if to != own && to == "ants" && does != "clear" && draw.once_in(3) {
        "required = true\n"
    } else {
        ""
    };
    let toml = format!(
        "type = \"relation\"\nto = \"{to}\"\ninverse = \"kids_of_{own}\"\non_delete = \"{does}\"\n{required}"
    );
    field("parent", Kind::Relation(to), toml)
}

fn owner(draw: &mut Draw) -> Field {
    let more = draw.of(&[
        "on_create = 'auth.id'\n",
        "on_create = 'auth.id'\nimmutable = true\n",
        "immutable = true\n",
        "",
        "on_create = 'owner == null ? auth.id : owner'\n",
    ]);
    let does = draw.of(&["cascade", "clear", "restrict"]);
    field(
        "owner",
        Kind::Relation("accounts"),
        format!("type = \"relation\"\nto = \"accounts\"\non_delete = \"{does}\"\n{more}"),
    )
}

fn integer(draw: &mut Draw) -> Field {
    let unique = draw.once_in(4);
    let more = draw.of(&[
        "",
        "min = -3\nmax = 50\n",
        "default = 2\n",
        "default = { expr = 'parent.n + 1' }\n",
        "write = 'owner == auth.id'\n",
        "write = 'old == null || !flag'\nread = 'owner == auth.id'\n",
        "read = '!flag'\n",
        "on_write = 'n == null ? 1 : n'\n",
    ]);
    let index = if unique { "unique = true\n" } else { draw.of(&["", "index = true\n"]) };
    Field { unique, ..field("n", Kind::Integer, format!("type = \"integer\"\n{more}{index}")) }
}

fn boolean(draw: &mut Draw) -> Field {
    let more = draw.of(&["", "default = true\n", "write = 'n != 3'\n"]);
    field("flag", Kind::Bool, format!("type = \"bool\"\n{more}"))
}

fn text(draw: &mut Draw, _: &'static str) -> Field {
    let unique = draw.once_in(3);
    let more = draw.of(&[
        "",
        "max = 4\n",
        "pattern = '[a-zA-Z ß]*'\nmessage = \"Letters only.\"\n",
        "read = 'owner == auth.id'\n",
    ]);
    let folds = if draw.once_in(2) { "ignore_case = true\n" } else { "" };
    let index = if unique { "unique = true\n" } else { "" };
    Field { unique, ..field("title", Kind::Text, format!("type = \"text\"\n{more}{folds}{index}")) }
}

fn slug(draw: &mut Draw, _: &'static str) -> Field {
    let scope = draw.of(&["", "scope = \"parent\"\n"]);
    let follows = draw.of(&["", "follows = true\n"]);
    let unique = scope.is_empty();
    Field {
        unique,
        ..field("slug", Kind::Slug, format!("type = \"slug\"\nfrom = \"title\"\n{scope}{follows}"))
    }
}

fn sequence(draw: &mut Draw, _: &'static str) -> Field {
    let scope = draw.of(&["", "parent"]);
    field("number", Kind::Sequence, format!("type = \"integer\"\nsequence = \"{scope}\"\n"))
}

fn decimal(draw: &mut Draw, _: &'static str) -> Field {
    let more = draw.of(&["", "min = \"-2.5\"\n", "default = \"1.25\"\n"]);
    field("amount", Kind::Decimal, format!("type = \"decimal\"\nscale = 2\n{more}"))
}

fn number(draw: &mut Draw, _: &'static str) -> Field {
    let more = draw.of(&["", "max = 1e10\n"]);
    field("ratio", Kind::Number, format!("type = \"number\"\n{more}"))
}

fn date(_: &mut Draw, _: &'static str) -> Field {
    field("day", Kind::Date, "type = \"date\"\nindex = true\n".into())
}

fn stamp(draw: &mut Draw, _: &'static str) -> Field {
    let more = draw.of(&["on_write = 'now'\n", "on_create = 'now'\n", ""]);
    field("stamp", Kind::Time, format!("type = \"datetime\"\n{more}"))
}

fn state(draw: &mut Draw, _: &'static str) -> Field {
    let lines = draw.of(&[
        "",
        "[fields.state.transitions]\n\"new -> todo\" = 'true'\n\"todo -> done\" = 'owner == auth.id'\n\"* -> todo\" = '!flag'\n",
        "[fields.state.transitions]\n\"todo -> doing\" = 'true'\n\"doing -> done\" = 'n > 0'\n",
    ]);
    field(
        "state",
        Kind::Enum,
        format!("type = \"enum\"\nvalues = [\"todo\", \"doing\", \"done\"]\ndefault = \"todo\"\n{lines}"),
    )
}

fn tags(draw: &mut Draw, _: &'static str) -> Field {
    let folds = if draw.once_in(2) { "ignore_case = true\n" } else { "" };
    field("tags", Kind::Tags, format!("type = \"text\"\nmany = true\nmax_items = 3\n{folds}"))
}

fn friends(draw: &mut Draw, _: &'static str) -> Field {
    let to = draw.of(&NAMES);
    let does = draw.of(&["restrict", "cascade", "clear", "clear"]);
    field(
        "friends",
        Kind::Friends(to),
        format!("type = \"relation\"\nto = \"{to}\"\nmany = true\non_delete = \"{does}\"\n"),
    )
}
