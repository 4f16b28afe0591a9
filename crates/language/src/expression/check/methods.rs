//! Methods of single values: texts, dates, timestamps.

use std::ops::Range;

use mains_base::Value;

use super::{Checker, Typed};
use crate::expression::syntax::{Expr, Word};
use crate::expression::{Complaint, Function, Node, TextKind, Tree, Type};

const TEXT: [&str; 6] = ["size", "contains", "startsWith", "endsWith", "lowerAscii", "matches"];
const TIME: [&str; 6] = ["getFullYear", "getMonth", "getDate", "getDayOfWeek", "getHours", "getMinutes"];

impl Checker<'_> {
    pub(super) fn value_method(
        &mut self,
        target: Typed,
        word: &Word,
        arguments: &[Expr],
        span: &Range<usize>,
    ) -> Result<Typed, Complaint> {
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            values.push(self.value(argument)?);
        }
        match &target.tree.ty {
            Type::Text(_) => self.text_method(target, word, values, span),
            Type::Timestamp | Type::Date => self.time_method(target, word, values, span),
            _ => Err(self.no_method(&target, word)),
        }
    }

    fn no_method(&self, target: &Typed, word: &Word) -> Complaint {
        let name = word.text.as_str();
        let complaint = Complaint::new(&word.span, format!("{}, which has no `{name}`.", self.is(target)));
        match &target.tree.ty {
            Type::Text(_) => complaint.near(name, TEXT),
            Type::Timestamp => complaint.near(name, TIME),
            Type::Date => complaint.near(name, TIME.into_iter().take(4)),
            Type::Record(_) => complaint.hint("A record has fields; only lists and values have methods."),
            _ => complaint,
        }
    }

    fn text_method(
        &self,
        target: Typed,
        word: &Word,
        arguments: Vec<Typed>,
        span: &Range<usize>,
    ) -> Result<Typed, Complaint> {
        let (function, ty, takes) = match word.text.as_str() {
            "size" => (Function::Size, Type::Int, 0),
            "contains" => (Function::Contains, Type::Bool, 1),
            "startsWith" => (Function::StartsWith, Type::Bool, 1),
            "endsWith" => (Function::EndsWith, Type::Bool, 1),
            "lowerAscii" => (Function::LowerAscii, Type::Text(TextKind::Plain), 0),
            "matches" => (Function::Matches, Type::Bool, 1),
            _ => return Err(self.no_method(&target, word)),
        };
        Self::count(word, &arguments, takes, takes)?;
        for argument in &arguments {
            self.want_text(argument, &word.text)?;
        }
        if function == Function::Matches {
            self.only_where_written(&word.span, "`matches`")?;
            arguments.first().map_or(Ok(()), pattern)?;
        }
        let all = std::iter::once(target).chain(arguments).collect();
        Ok(Typed::new(Self::call(function, all, ty), span))
    }

    fn time_method(
        &self,
        target: Typed,
        word: &Word,
        arguments: Vec<Typed>,
        span: &Range<usize>,
    ) -> Result<Typed, Complaint> {
        let function = match word.text.as_str() {
            "getFullYear" => Function::FullYear,
            "getMonth" => Function::Month,
            "getDate" => Function::DayOfMonth,
            "getDayOfWeek" => Function::DayOfWeek,
            "getHours" if target.tree.ty == Type::Timestamp => Function::Hours,
            "getMinutes" if target.tree.ty == Type::Timestamp => Function::Minute,
            _ => return Err(self.no_method(&target, word)),
        };
        let most = usize::from(target.tree.ty == Type::Timestamp);
        Self::count(word, &arguments, 0, most)?;
        let mut unknown = false;
        if let Some(zone) = arguments.first() {
            unknown = self.zone(zone)?;
        }
        let all = std::iter::once(target).chain(arguments).collect();
        let mut tree = Self::call(function, all, Type::Int);
        tree.unknown |= unknown;
        Ok(Typed::new(tree, span))
    }

    /// A time zone; tells whether it may turn out not to be one.
    pub(super) fn zone(&self, zone: &Typed) -> Result<bool, Complaint> {
        self.only_where_written(&zone.span, "A time zone")?;
        self.want_text(zone, "a time zone")?;
        let Some(Value::Text(name)) = zone.tree.as_constant() else {
            return Ok(true);
        };
        if jiff::tz::TimeZone::get(name).is_ok() {
            return Ok(false);
        }
        Err(Complaint::new(&zone.span, format!("There is no time zone `{name}`."))
            .hint("Zones are named as in the tz database, such as \"Europe/Berlin\"."))
    }

    pub(super) fn want_text(&self, typed: &Typed, name: &str) -> Result<(), Complaint> {
        if matches!(typed.tree.ty, Type::Text(_)) {
            return Ok(());
        }
        Err(Complaint::new(&typed.span, format!("`{name}` takes a string, and {}.", self.is(typed))))
    }

    /// Complains when there are too few or too many arguments.
    pub(super) fn count(
        word: &Word,
        arguments: &[Typed],
        least: usize,
        most: usize,
    ) -> Result<(), Complaint> {
        let given = arguments.len();
        if (least..=most).contains(&given) {
            return Ok(());
        }
        let takes = match (least, most) {
            (0, 0) => "nothing".to_owned(),
            (1, 1) => "one argument".to_owned(),
            (2, usize::MAX) => "two arguments or more".to_owned(),
            (least, most) if least == most => format!("{least} arguments"),
            (least, most) => format!("{least} to {most} arguments"),
        };
        let message = format!("`{}` takes {takes}, and {given} stand here.", word.text);
        Err(Complaint::new(&word.span, message))
    }
}

/// A pattern is a literal, so that a mistake in it is found here.
fn pattern(argument: &Typed) -> Result<(), Complaint> {
    let Tree { node: Node::Constant(Value::Text(pattern)), .. } = &argument.tree else {
        return Err(Complaint::new(&argument.span, "The pattern of `matches` is a literal text."));
    };
    let wrong = |_| Complaint::new(&argument.span, "This is no regular expression (RE2 syntax).");
    regex::Regex::new(pattern).map(|_| ()).map_err(wrong)
}
