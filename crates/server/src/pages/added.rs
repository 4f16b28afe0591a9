//! `f.added()`: the fields that a site added to a ready-made collection, written as their types want it.
//!
//! Always true: a field that the form could only spoil is left out: one that nobody may write, or, where a record is
//! changed, one that is not shown and would be emptied.

use mains_base::Value as Fact;
use mains_language::expression::{Node, Tree};
use mains_language::schema::{Default as Usual, Field, FieldKind};
use minijinja::value::{Kwargs, Value};

use super::form::{Form, Target};
use minijinja::Error as Mistake;

/// Texts longer than this are written in a textarea.
const LINE: usize = 300;

impl Form {
    /// All of them, one after the other.
    pub(super) fn added(&self) -> Result<String, Mistake> {
        let Some(target) = self.target() else { return Ok(String::new()) };
        let mut out = String::new();
        for field in target.collection.added().filter(|field| is_asked(field, &target)) {
            if let Some((method, options)) = way(field) {
                let options: Kwargs = options.into_iter().collect();
                out.push_str(&self.part(field.name.clone(), &options).write(method)?);
            }
        }
        Ok(out)
    }
}

/// Whether a form to this target asks for it.
fn is_asked(field: &Field, target: &Target<'_>) -> bool {
    let by_site = field.is_stored() && field.on_create.is_none() && field.on_write.is_none();
    let is_open = |rule: &Option<std::sync::Arc<Tree>>| rule.as_ref().is_some_and(|rule| !is_never(rule));
    let fits = match target.command {
        Some(command) => command.takes,
        None => is_open(&field.read) && !field.hidden && !field.immutable,
    };
    by_site && fits && is_open(&field.write)
}

fn is_never(rule: &Tree) -> bool {
    matches!(rule.node, Node::Constant(Fact::Bool(false)))
}

/// What it is written with; nothing for what a form has no input for.
fn way(field: &Field) -> Option<(&'static str, Vec<(String, Value)>)> {
    if field.many.is_some() {
        return None;
    }
    Some(match &field.kind {
        FieldKind::Bool => ("checkbox", Vec::new()),
        FieldKind::Enum { values, .. } => {
            let usual = matches!(field.default, Some(Usual::Literal(_)));
            let open = (!usual).then(|| Value::from(vec!["", "–"]));
            let each =
                values.iter().map(|one| Value::from(vec![one.name.clone(), one.name.replace('_', " ")]));
            let options: Vec<Value> = open.into_iter().chain(each).collect();
            ("select", vec![("options".to_owned(), Value::from(options))])
        }
        FieldKind::Text { max, .. } if *max > LINE => ("textarea", Vec::new()),
        FieldKind::Text { .. }
        | FieldKind::Email { .. }
        | FieldKind::Url { .. }
        | FieldKind::Slug { .. }
        | FieldKind::Integer { sequence: None, .. }
        | FieldKind::Number { .. }
        | FieldKind::Decimal { .. }
        | FieldKind::Date { .. } => ("field", Vec::new()),
        _ => return None,
    })
}
