//! Rules fail closed: an expression that is unknown, its negation, and its comparison with itself let nobody do
//! anything, wherever a rule may stand, whether memory or a database evaluates it.

use std::fmt::Write as _;

use mains_base::{Caller, CallerKind};
use mains_testkit::on_both;
use serde_json::{Value as Json, json};

use super::reading::{get, list};
use crate::writes::site::{Site, said};

/// Unknown about the record that [`Case::record`] makes: `n`, `note`, `at`, `flagged` and `parent` are null, `zero` is
/// 0, `most` is 2⁵³ − 1; asked by nobody.
const UNKNOWN: &[&str] = &[
    "n > 0",
    "n + 1 > 0",
    "10 / zero > 1",
    "10 % zero == 0",
    "most + most > 0",
    "most * most != 1",
    "0.0 - ratio > 1.0",
    "1.0 / (ratio_zero) > 1.0",
    "note + \"x\" == \"x\"",
    "note.startsWith(\"\")",
    "at + days(1) > now",
    "now + days(9000000) > now",
    "(n > 0 ? true : true)",
    "math.abs(n) >= 0",
    "parent.n > 0",
    "parent.n == null",
    "parent.open",
    "parent.parent.name == null",
    "parent.tags.exists(t, t == \"x\")",
    "parent.tags.all(t, t == \"x\")",
    "\"x\" in parent.tags",
    "parent.tags.size() == 0",
    "parent.children.all(c, c.open)",
    "auth.account.karma > 0",
    "auth.account.name == null",
    "auth.account.name != \"x\"",
    "auth.account.fans.all(f, true)",
    "auth.proven_at > now",
    COMPUTED,
];

/// A computed condition that is unknown is null; as such it equals itself, but it is not true, nor is its negation.
const COMPUTED: &str = "flagged_by_nobody";

const FIELDS: &str = r#"
[fields.n]
type = "integer"
[fields.zero]
type = "integer"
default = 0
[fields.most]
type = "integer"
default = 9007199254740991
[fields.ratio]
type = "number"
[fields.ratio_zero]
type = "number"
default = 0.0
[fields.note]
type = "text"
[fields.at]
type = "datetime"
[fields.flagged_by_nobody]
computed = 'n > 0'
[fields.open]
type = "bool"
default = true
[fields.parent]
type = "relation"
to = "parents"
"#;

const PARENTS: &str = r#"
prefix = "parent"
[fields.n]
type = "integer"
[fields.name]
type = "text"
[fields.open]
type = "bool"
[fields.tags]
type = "text"
many = true
[fields.parent]
type = "relation"
to = "parents"
inverse = "children"
[rules]
read = 'true'
"#;

const ACCOUNTS: &str = r#"
prefix = "account"
[fields.name]
type = "text"
[fields.karma]
type = "integer"
[fields.fans]
type = "relation"
to = "accounts"
many = true
[rules]
read = 'true'
"#;

/// The four collections of one expression: their names end in its number.
fn collections(number: usize, expression: &str) -> [(String, String); 4] {
    let of = |kind: &str, more: &str| {
        (format!("{kind}_{number}"), format!("prefix = \"{kind}_{}\"\n{FIELDS}{more}", letters(number)))
    };
    let acts = format!(
        "[rules]\nread = 'true'\ncreate = '{expression}'\nupdate = '{expression}'\ndelete = '{expression}'\n"
    );
    let fields = format!(
        "[fields.guarded]\ntype = \"text\"\nwrite = '{expression}'\n[fields.secret]\ntype = \"text\"\nunique = true\n\
         read = '{expression}'\n[fields.status]\ntype = \"enum\"\nvalues = [\"a\", \"b\"]\ndefault = \"a\"\n\
         [fields.status.transitions]\n\"a -> b\" = '{expression}'\n\"new -> a\" = 'true'\n\"new -> b\" = '{expression}'\n\
         [rules]\nread = 'true'\ncreate = 'true'\nupdate = 'open ? true : ({expression})'\n"
    );
    let reads = format!(
        "[fields.label]\ntype = \"text\"\nunique = true\n[rules]\nread = '{expression}'\ncreate = 'true'\nupdate = 'true'\ndelete = 'true'\n"
    );
    let checks = format!(
        "[[checks]]\nexpr = '{expression}'\nmessage = \"No.\"\n[rules]\nread = 'true'\ncreate = 'true'\n"
    );
    [of("act", &acts), of("field", &fields), of("seen", &reads), of("check", &checks)]
}

/// A number as letters, since a prefix has no digits.
fn letters(number: usize) -> String {
    number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
}

/// What leads to the records that may not be read.
fn links(count: usize) -> String {
    let mut toml = "prefix = \"link\"\n[rules]\nread = 'true'\ncreate = 'true'\n".to_owned();
    for number in 0..count {
        write!(toml, "[fields.to_{number}]\ntype = \"relation\"\nto = \"seen_{number}\"\n").unwrap();
    }
    toml
}

fn callers() -> [Caller; 2] {
    [Caller::visitor(), Caller { kind: CallerKind::Key, roles: vec!["editor".into()], ..Caller::visitor() }]
}

/// What a write was refused with, or `ok`.
fn outcome<T>(outcome: mains_base::Result<T>) -> String {
    outcome.map_or_else(|error| said(&error), |_| "ok".to_owned())
}

/// Whether a rule said no.
fn denied(said: &str) -> bool {
    matches!(said, "forbidden" | "unauthenticated")
}

struct Case<'s> {
    site: &'s Site,
    number: usize,
    expression: &'s str,
    caller: Caller,
}

impl Case<'_> {
    fn name(&self, kind: &str) -> String {
        format!("{kind}_{}", self.number)
    }

    fn about(&self) -> String {
        format!("{} as {}", self.expression, self.caller.kind.as_str())
    }

    /// A record that is there already, as the system made it.
    async fn record(&self, kind: &str, more: Json) -> mains_base::Uuid {
        self.site.create(&Caller::system(), &self.name(kind), more).await.unwrap().id
    }

    async fn acts(&self) {
        let (site, name) = (self.site, self.name("act"));
        let id = self.record("act", json!({})).await;
        let target = || site.target(&name, id);
        let made = outcome(site.create(&self.caller, &name, json!({})).await);
        let changed = outcome(site.update(&self.caller, target(), json!({ "note": "x" })).await);
        let put = outcome(site.put(&self.caller, target(), json!({ "note": "x" })).await);
        let deleted = outcome(site.delete(&self.caller, target()).await);
        assert!([made, changed, put, deleted].iter().all(|said| denied(said)), "{}", self.about());
    }

    async fn fields(&self) {
        let (site, name, about) = (self.site, self.name("field"), self.about());
        let secret = format!("secret of {}", self.caller.kind.as_str());
        let id = self.record("field", json!({ "secret": secret, "guarded": "x" })).await;
        let update = async |json| outcome(site.update(&self.caller, site.target(&name, id), json).await);
        assert!(denied(&update(json!({ "open": false })).await), "changed record: {about}");
        assert_eq!(
            update(json!({ "guarded": "y" })).await,
            "records.invalid /guarded not_allowed",
            "{about}"
        );
        assert!(denied(&update(json!({ "status": "b" })).await), "transition: {about}");
        let create = async |json| outcome(site.create(&self.caller, &name, json).await);
        assert_eq!(
            create(json!({ "guarded": "y" })).await,
            "records.invalid /guarded not_allowed",
            "{about}"
        );
        assert!(denied(&create(json!({ "status": "b" })).await), "first value: {about}");

        let shown = get(site, &self.caller, &name, &site.text(&name, id)).await.unwrap();
        assert_eq!(shown.get("secret"), None, "{about}");
        let by_secret = get(site, &self.caller, &name, &format!("secret={secret}")).await;
        assert_eq!(by_secret.unwrap_err(), "not_found", "{about}");
        let by_secret = site.unique(&name, &[("secret", secret.as_str().into())]);
        assert_eq!(
            outcome(site.update(&self.caller, by_secret.clone(), json!({})).await),
            "not_found",
            "{about}"
        );
        let shown =
            list(site, &self.caller, &name, "fields=secret,note&sort=secret&total=true").await.unwrap();
        assert!(!shown.to_string().contains("secret of"), "{about}: {shown}");
        for query in [
            format!("where.secret={secret}"),
            "filter=secret != null".into(),
            "filter=secret.startsWith(\"s\")".into(),
            format!("filter=!(secret != \"{secret}\")"),
        ] {
            let found = list(site, &self.caller, &name, &format!("{query}&total=true")).await.unwrap();
            assert_eq!(found, json!({ "items": [], "next": null, "total": 0 }), "{about} {query}");
        }
    }

    async fn reads(&self) {
        let (site, name, about) = (self.site, self.name("seen"), self.about());
        let label = format!("of {}", self.caller.kind.as_str());
        let id = self.record("seen", json!({ "label": label })).await;
        let text = site.text(&name, id);
        for address in [text.clone(), format!("label={label}")] {
            assert_eq!(get(site, &self.caller, &name, &address).await.unwrap_err(), "not_found", "{about}");
        }
        let all = list(site, &self.caller, &name, "total=true").await.unwrap();
        assert_eq!(all, json!({ "items": [], "next": null, "total": 0 }), "{about}");
        let target = || site.target(&name, id);
        assert_eq!(
            outcome(site.update(&self.caller, target(), json!({ "n": 1 })).await),
            "not_found",
            "{about}"
        );
        assert_eq!(outcome(site.delete(&self.caller, target()).await), "not_found", "{about}");

        // Over a relation, set or followed.
        let field = format!("to_{}", self.number);
        let set = outcome(site.create(&self.caller, "links", json!({ &field: text })).await);
        assert_eq!(set, format!("records.invalid /{field} not_found"), "{about}");
        site.create(&Caller::system(), "links", json!({ &field: text })).await.unwrap();
        for filter in [format!("{field}.label != null"), format!("{field}.open"), format!("!{field}.open")] {
            let found = list(site, &self.caller, "links", &format!("filter={filter}")).await.unwrap();
            assert_eq!(found["items"], json!([]), "{about} {filter}");
        }
    }

    async fn checks(&self) {
        let said = outcome(self.site.create(&Caller::system(), &self.name("check"), json!({})).await);
        assert_eq!(said, "records.invalid  check", "{}", self.about());
    }
}

#[test]
fn what_is_unknown_is_no_everywhere() {
    let each = UNKNOWN.iter().flat_map(|expression| {
        [(*expression).to_owned(), format!("!({expression})"), format!("({expression}) == ({expression})")]
    });
    let equal = format!("({COMPUTED}) == ({COMPUTED})");
    let expressions: Vec<String> = each.filter(|expression| *expression != equal).collect();
    let mut files: Vec<(String, String)> =
        vec![("parents".into(), PARENTS.into()), ("accounts".into(), ACCOUNTS.into())];
    for (number, expression) in expressions.iter().enumerate() {
        files.extend(collections(number, expression));
    }
    files.push(("links".into(), links(expressions.len())));
    let files: Vec<(&str, &str)> = files.iter().map(|(name, toml)| (name.as_str(), toml.as_str())).collect();
    on_both(&files, |test| async {
        let site = Site::new(test);
        for (number, expression) in expressions.iter().enumerate() {
            for caller in callers() {
                let case = Case { site: &site, number, expression, caller };
                case.acts().await;
                case.fields().await;
                case.reads().await;
            }
            let case = Case { site: &site, number, expression, caller: Caller::visitor() };
            case.checks().await;
        }
    });
}
