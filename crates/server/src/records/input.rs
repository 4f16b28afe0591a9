//! What a caller sends to be stored: JSON or a form, field by field, typed by the language's values.
//!
//! Invariant: all that is wrong with fields is noted, each with a pointer into the body, and told by the write, which
//! knows what comes first; nothing is ignored but what only the server sets and a client sends back (system and
//! computed fields).

use mains_base::{Caller, FieldError, IdError, Result, Uuid, Value, nearest};
use mains_database::write::{Input, Sent};
use mains_language::schema::{Collection, Field, FieldId, FieldKind, Schema};
use mains_language::values;
use serde_json::Value as Json;

use super::lost::lost;
use super::members::members;

/// The word that stands for the caller's account.
const ME: &str = "me";

/// Reads bodies for one collection, on behalf of one caller.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'r> {
    /// What is declared.
    pub schema: &'r Schema,
    /// Of which collection the record is.
    pub collection: &'r Collection,
    /// Who sends it.
    pub caller: &'r Caller,
}

/// What one field was sent.
pub(crate) enum Said<'j> {
    Json(&'j Json),
    /// Of a form: once, or several times.
    Texts(Vec<&'j str>),
}

impl Reader<'_> {
    /// Reads a JSON object.
    pub fn json(self, body: &[u8]) -> Result<Input> {
        let members = members(body)?;
        let mut input = self.input(members.iter().map(|(name, value)| (name.as_str(), Said::Json(value))));
        input.problems.extend(lost(body, &members, |name| self.collection.find(name)));
        Ok(input)
    }

    /// Reads the fields of a form, in the order they were sent; one that comes several times is a list.
    pub fn form<'f>(self, pairs: impl Iterator<Item = (&'f str, &'f str)>) -> Input {
        self.input(Said::of_form(pairs))
    }

    fn input<'f>(self, said: impl Iterator<Item = (&'f str, Said<'f>)>) -> Input {
        let mut input = Input::default();
        for (name, said) in said {
            if let Err(problem) = self.field(name, &said, &mut input) {
                input.problems.push(problem);
            }
        }
        input
    }

    pub(crate) fn field(self, name: &str, said: &Said<'_>, input: &mut Input) -> Result<(), FieldError> {
        if let (Some((name, path)), Said::Texts(texts)) = (name.split_once('.'), said) {
            return self.inside(name, path, (texts, input));
        }
        let Some(field) = self.collection.find(name) else { return Err(self.unknown(name)) };
        if field.id == FieldId::ID {
            input.id = self.id(said)?;
            return Ok(());
        }
        let system = [FieldId::CREATED, FieldId::UPDATED, FieldId::VERSION].contains(&field.id);
        if system || !field.is_stored() {
            return Ok(());
        }
        let sent = match said {
            Said::Json(value) => self.json_value(field, value)?,
            Said::Texts(texts) => Sent::Set(self.texts_value(field, texts)?),
        };
        input.values.push((field.id, sent));
        Ok(())
    }

    /// An id made by the client.
    fn id(self, said: &Said<'_>) -> Result<Option<Uuid>, FieldError> {
        let text = match said {
            Said::Json(Json::Null) => return Ok(None),
            Said::Json(Json::String(text)) => text.as_str(),
            Said::Texts(texts) if texts.len() == 1 => texts.first().copied().unwrap_or(""),
            _ => "",
        };
        if text.is_empty() && matches!(said, Said::Texts(_)) {
            return Ok(None);
        }
        let prefix = self.collection.prefix.as_ref();
        let parsed = prefix.map_or(Err(IdError::Prefix), |prefix| Uuid::parse(text, prefix));
        let prefix = prefix.map_or("", |prefix| prefix.as_str());
        parsed.map(Some).map_err(|_| {
            FieldError::new(
                "id",
                "id",
                format!("An id here is {prefix}_ and 26 characters; or leave it out."),
            )
        })
    }

    /// One value inside a JSON field, as a form says it: `preferences.theme`. An empty one takes it out.
    fn inside(self, name: &str, path: &str, (texts, input): (&[&str], &mut Input)) -> Result<(), FieldError> {
        let is_json = |field: &&Field| matches!(field.kind, FieldKind::Json { .. }) && field.many.is_none();
        let field = self.collection.find(name).filter(is_json).ok_or_else(|| self.unknown(name))?;
        // Before anything is made of it: the path is as long as the body.
        if path.split('.').nth(values::DEEPEST_JSON).is_some() {
            return Err(values::too_deep().at(&field.name));
        }
        let text = texts.last().copied().unwrap_or_default();
        let leaf = if text.is_empty() { Json::Null } else { Json::String(text.to_owned()) };
        let patch = path
            .rsplit('.')
            .fold(leaf, |inner, key| Json::Object(std::iter::once((key.to_owned(), inner)).collect()));
        let place = input.values.iter_mut().find_map(|(id, sent)| match sent {
            Sent::Merge(patch) if *id == field.id => Some(patch),
            _ => None,
        });
        let read = |json: &Json| {
            values::from_json(field, self.schema, json).map_err(|problem| problem.at(&field.name))
        };
        let Some(known) = place else {
            input.values.push((field.id, Sent::Merge(read(&patch)?)));
            return Ok(());
        };
        let mut whole =
            known.as_text().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Json::Null);
        join(&mut whole, patch);
        *known = read(&whole)?;
        Ok(())
    }

    fn json_value(self, field: &Field, value: &Json) -> Result<Sent, FieldError> {
        if let Json::Object(members) = value {
            if field.many.is_some() {
                return self.list_change(field, members);
            }
            let is_money = matches!(field.kind, FieldKind::Money { .. }) && members.contains_key("add");
            if is_number(field) || is_money {
                return self.number_change(field, members);
            }
            if matches!(field.kind, FieldKind::Json { .. }) {
                let patch = values::from_json(field, self.schema, value);
                return patch.map(Sent::Merge).map_err(|problem| problem.at(&field.name));
            }
        }
        if let Json::Array(elements) = value
            && elements.iter().any(|element| self.is_me(field, element.as_str()))
        {
            let elements: Result<_, _> =
                elements.iter().map(|element| self.element(field, element)).collect();
            let list = Value::List(elements?);
            values::check(field, &list).map_err(|problem| problem.at(&field.name))?;
            return Ok(Sent::Set(list));
        }
        if self.is_me(field, value.as_str()) {
            return self.me(field).map(Sent::Set);
        }
        values::from_json(field, self.schema, value).map(Sent::Set).map_err(|problem| problem.at(&field.name))
    }

    /// `{"add": […], "remove": […]}` to a list.
    fn list_change(self, field: &Field, members: &serde_json::Map<String, Json>) -> Result<Sent, FieldError> {
        let known =
            members.iter().all(|(name, value)| matches!(name.as_str(), "add" | "remove") && value.is_array());
        if !known || members.is_empty() {
            let message = "Send a list, or {\"add\": […], \"remove\": […]}.";
            return Err(FieldError::new(&field.name, "type", message));
        }
        let elements = |name: &str| -> Result<Vec<Value>, FieldError> {
            let elements = members.get(name).and_then(Json::as_array).into_iter().flatten();
            elements.map(|element| self.element(field, element)).collect()
        };
        Ok(Sent::List { add: elements("add")?, remove: elements("remove")? })
    }

    /// `{"add": 1}` to a number, `{"add": {"amount": 100, "currency": "EUR"}}` to money.
    fn number_change(
        self,
        field: &Field,
        members: &serde_json::Map<String, Json>,
    ) -> Result<Sent, FieldError> {
        let Some(step) = members.get("add").filter(|step| members.len() == 1 && !step.is_null()) else {
            let message = "Send a value, or {\"add\": …} alone to change the stored one.";
            return Err(FieldError::new(&field.name, "type", message));
        };
        let step = values::from_json(&unbounded(field), self.schema, step);
        step.map(Sent::AddNumber).map_err(|problem| problem.at(&field.name))
    }

    fn element(self, field: &Field, element: &Json) -> Result<Value, FieldError> {
        if self.is_me(field, element.as_str()) {
            return self.me(field);
        }
        values::element_from_json(field, self.schema, element).map_err(|problem| problem.at(&field.name))
    }

    fn texts_value(self, field: &Field, texts: &[&str]) -> Result<Value, FieldError> {
        match texts {
            [text] if self.is_me(field, Some(text)) => {
                let me = self.me(field)?;
                Ok(if field.many.is_some() { Value::List(vec![me]) } else { me })
            }
            [text] => values::from_text(field, self.schema, text).map_err(|problem| problem.at(&field.name)),
            // A box that is not checked sends nothing, so a form says no before it and the box says yes.
            [.., last] if field.many.is_none() && matches!(field.kind, FieldKind::Bool) => {
                values::from_text(field, self.schema, last).map_err(|problem| problem.at(&field.name))
            }
            _ if field.many.is_some() => self.many_texts(field, texts),
            _ => Err(FieldError::new(&field.name, "twice", "This was sent several times; send it once.")),
        }
    }

    /// A list, one text each, as a form sends it that has several boxes of one name.
    fn many_texts(self, field: &Field, texts: &[&str]) -> Result<Value, FieldError> {
        let read = |text: &&&str| {
            if self.is_me(field, Some(text)) {
                return self.me(field);
            }
            let element = values::element_from_text(field, self.schema, text);
            element.map_err(|problem| problem.at(&field.name))
        };
        let elements: Result<_, _> =
            texts.iter().filter(|text| !text.is_empty()).map(|text| read(&text)).collect();
        let list = Value::List(elements?);
        values::check(field, &list).map_err(|problem| problem.at(&field.name))?;
        Ok(list)
    }

    fn is_me(self, field: &Field, text: Option<&str>) -> bool {
        text == Some(ME) && field.relation().is_some_and(|to| self.schema.collection(to).name == "accounts")
    }

    fn me(self, field: &Field) -> Result<Value, FieldError> {
        if self.caller.id == Uuid::NIL {
            let message = "me stands for the account that is signed in, and nobody is.";
            return Err(FieldError::new(&field.name, "me", message));
        }
        Ok(Value::Id(self.caller.id))
    }

    fn unknown(self, name: &str) -> FieldError {
        let names =
            self.collection.fields.iter().filter(|field| !field.hidden).map(|field| field.name.as_str());
        let near = nearest(name, names).map_or(String::new(), |near| format!(" Did you mean {near}?"));
        let message = format!("{} has no field of this name.{near}", self.collection.name);
        FieldError::new(name, "unknown_field", message)
    }
}

/// Puts the members of one object into another.
fn join(whole: &mut Json, part: Json) {
    match (whole, part) {
        (Json::Object(whole), Json::Object(part)) => {
            for (key, value) in part {
                join(whole.entry(key).or_insert(Json::Null), value);
            }
        }
        (whole, part) => *whole = part,
    }
}

impl<'f> Said<'f> {
    /// The fields of a form, in the order they were sent; one that comes several times is a list.
    pub(crate) fn of_form(
        pairs: impl Iterator<Item = (&'f str, &'f str)>,
    ) -> impl Iterator<Item = (&'f str, Self)> {
        let mut fields: Vec<(&str, Vec<&str>)> = Vec::new();
        for (name, text) in pairs {
            match fields.iter_mut().find(|(other, _)| *other == name) {
                Some((_, texts)) => texts.push(text),
                None => fields.push((name, vec![text])),
            }
        }
        fields.into_iter().map(|(name, texts)| (name, Self::Texts(texts)))
    }
}

fn is_number(field: &Field) -> bool {
    matches!(field.kind, FieldKind::Integer { .. } | FieldKind::Number { .. } | FieldKind::Decimal { .. })
}

/// The field without its limits, which bind the sum and not what is added.
fn unbounded(field: &Field) -> Field {
    let kind = match field.kind {
        FieldKind::Integer { .. } => FieldKind::Integer { min: None, max: None, sequence: None },
        FieldKind::Number { .. } => FieldKind::Number { min: None, max: None },
        FieldKind::Decimal { scale, .. } => FieldKind::Decimal { scale, min: None, max: None },
        ref other => other.clone(),
    };
    Field { kind, ..field.clone() }
}

#[cfg(test)]
mod tests {
    use mains_language::schema::Owner;
    use mains_language::site::{File, Layer, load};

    use super::*;

    const THINGS: &str = r#"
prefix = "thing"
[fields.extra]
type = "json"
[fields.weight]
type = "number"
[fields.count]
type = "integer"
[fields.price]
type = "money"
currency = "EUR"
"#;

    /// What was sent, or what is wrong with it.
    fn read(body: &str) -> String {
        let file = File { path: "collections/things.toml".into(), source: THINGS.into() };
        let schema = load(&[Layer { owner: Owner::Site, files: vec![file] }]).unwrap();
        let caller = Caller::visitor();
        let reader = Reader { schema: &schema, collection: schema.find("things").unwrap(), caller: &caller };
        let input = reader.json(body.as_bytes()).unwrap();
        let problems: Vec<String> =
            input.problems.iter().map(|told| format!("{} {}", told.pointer, told.code)).collect();
        if problems.is_empty() { format!("{:?}", input.values) } else { problems.join(", ") }
    }

    #[test]
    fn what_json_would_lose_is_refused_where_it_stands() {
        assert_eq!(read(r#"{"extra": {"a": {"b": 1, "b": 2}}}"#), "/extra/a/b twice");
        assert_eq!(read(r#"{"price": {"amount": 1, "amount": 2}}"#), "/price/amount twice");
        assert_eq!(read(r#"{"extra": [1, 18446744073709551616]}"#), "/extra/1 digits");
        assert_eq!(read(r#"{"extra": 123456789012345678901234}"#), "/extra digits");
        assert_eq!(read(r#"{"count": 123456789012345678901234}"#), "/count type");
        // A double is rounded by what it is.
        assert_eq!(read(r#"{"weight": 100000000000000000000}"#), "[(FieldId(5), Set(Double(1e20)))]");
        assert_eq!(
            read(r#"{"extra": [18446744073709551615, 1e300]}"#),
            r#"[(FieldId(4), Set(Text("[18446744073709551615,1e+300]")))]"#
        );
    }

    #[test]
    fn a_form_reaches_only_so_deep_into_json() {
        let form = |name: &str| {
            let file = File { path: "collections/things.toml".into(), source: THINGS.into() };
            let schema = load(&[Layer { owner: Owner::Site, files: vec![file] }]).unwrap();
            let caller = Caller::visitor();
            let reader =
                Reader { schema: &schema, collection: schema.find("things").unwrap(), caller: &caller };
            let input = reader.form([(name, "1")].into_iter());
            input.problems.first().map(|problem| (problem.pointer.clone(), problem.code))
        };
        let name = |levels: usize| format!("extra{}", ".a".repeat(levels));
        assert_eq!(form(&name(values::DEEPEST_JSON)), None);
        for levels in [values::DEEPEST_JSON + 1, 20_000, 500_000] {
            assert_eq!(form(&name(levels)), Some(("/extra".to_owned(), "too_deep")), "{levels}");
        }
    }

    #[test]
    fn money_is_added_to_as_numbers_are() {
        assert_eq!(
            read(r#"{"price": {"add": {"amount": -250}}}"#),
            r"[(FieldId(7), AddNumber(Money(Money { amount: -250, currency: EUR })))]"
        );
        assert_eq!(read(r#"{"price": {"add": {"amount": 1, "currency": "USD"}}}"#), "/price currency");
        assert_eq!(read(r#"{"price": {"add": 1}}"#), "/price type");
        assert_eq!(read(r#"{"price": {"add": {"amount": 1}, "amount": 2}}"#), "/price type");
    }
}
