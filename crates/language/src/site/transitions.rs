//! Which values of an enum may follow each other, and who may make the step.

use mains_base::nearest;

use super::document::{Item, Keys};
use super::expressions::{Failed, Standing, tree};
use super::fields::at;
use super::skeleton::Source;
use crate::expression::{Place, Want};
use crate::schema::{Choice, Default, FieldKind, Schema, Transition, TransitionFrom};

/// Reads `[fields.x.transitions]` of every enum that has it.
pub(super) fn build(schema: &mut Schema, sources: &[Source<'_, '_>], failed: &Failed) {
    for source in sources {
        let Some(keys) = source.keys.get("transitions").and_then(Item::keys) else { continue };
        let field = schema.collection(source.collection).field(source.field);
        let FieldKind::Enum { values, .. } = &field.kind else { continue };
        let standing = Standing { collection: source.collection, place: Place::Write, old: true };
        let read = lines(&keys, values, |item| tree(item, schema, failed, standing, &Want::Condition));
        first(&keys, values, &read, field.default.as_ref());
        let kind = FieldKind::Enum { values: values.clone(), transitions: Some(read) };
        if let Some(field) = at(schema, source.collection, source.field) {
            field.kind = kind;
        }
    }
}

fn lines(
    keys: &Keys<'_, '_>,
    values: &[Choice],
    rule: impl Fn(Item<'_, '_>) -> Option<std::sync::Arc<crate::expression::Tree>>,
) -> Vec<Transition> {
    let mut lines: Vec<Transition> = Vec::new();
    for (line, span, item) in keys.entries() {
        let error =
            |message: String, hint: Option<&str>| keys.notes.error(keys.origin, span.clone(), message, hint);
        let Some((from, to)) = line.split_once("->").map(|(from, to)| (from.trim(), to.trim())) else {
            error(
                "A transition leads from a value to a value.".into(),
                Some("Write \"draft -> done\" = 'true'."),
            );
            continue;
        };
        let place = |name: &str| {
            let place = values.iter().position(|choice| choice.name == name);
            if place.is_none() {
                let near = nearest(name, values.iter().map(|choice| choice.name.as_str()));
                let near = near.map(|near| format!("Did you mean `{near}`?"));
                error(format!("`{name}` is none of the values."), near.as_deref());
            }
            place
        };
        let from = match from {
            "*" => Some(TransitionFrom::Any),
            "new" => Some(TransitionFrom::New),
            name => place(name).map(TransitionFrom::Value),
        };
        let (Some(from), Some(to)) = (from, place(to)) else { continue };
        if lines.iter().any(|other| other.from == from && other.to == to) {
            error("This step stands here twice.".into(), Some("Leave one out."));
        }
        if let Some(rule) = rule(item) {
            lines.push(Transition { from, to, rule });
        }
    }
    lines
}

/// The default must be allowed as a first value.
fn first(keys: &Keys<'_, '_>, values: &[Choice], lines: &[Transition], default: Option<&Default>) {
    let Some(Default::Literal(default)) = default else { return };
    let mut firsts = lines.iter().filter(|line| line.from == TransitionFrom::New).peekable();
    let name = |line: &Transition| values.get(line.to).map(|choice| choice.name.clone());
    if firsts.peek().is_some() && !firsts.any(|line| name(line).as_deref() == default.as_text()) {
        let default = default.as_text().unwrap_or_default();
        keys.error(
            format!("The default `{default}` is no allowed first value."),
            Some(&format!("Add \"new -> {default}\" = 'true', or choose another default.")),
        );
    }
}
