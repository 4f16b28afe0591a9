//! Random expressions of a wanted type over the world of the vectors. Most of them the checker lets through.

use mains_base::Date;
use mains_language::expression::{TextKind, Type};
use mains_language::schema::{Collection, CollectionId, FieldKind, Schema};

use super::random::{DAYS, DOUBLES, NUMBERS, Random, TEXTS};

/// Draws expressions; what stands in scope.
pub(super) struct Grammar<'a> {
    pub(super) random: &'a mut Random,
    pub(super) schema: &'a Schema,
    /// Words that stand for a record, with a dot behind but for the record itself.
    pub(super) rows: Vec<(String, CollectionId)>,
    pub(super) next: usize,
}

const ORDERS: [&str; 4] = ["<", "<=", ">", ">="];
const PARTS: [&str; 6] = ["FullYear", "Month", "Date", "DayOfWeek", "Hours", "Minutes"];

impl Grammar<'_> {
    /// An expression of this type.
    pub(super) fn draw(&mut self, ty: &Type, depth: usize) -> String {
        if depth == 0 || self.random.once_in(5) {
            return self.leaf(ty);
        }
        if self.random.once_in(9)
            && !matches!(ty, Type::Money | Type::Text(TextKind::Folded | TextKind::Enum))
        {
            let condition = self.draw(&Type::Bool, depth - 1);
            return format!("({condition} ? {} : {})", self.draw(ty, depth - 1), self.draw(ty, depth - 1));
        }
        match ty {
            Type::Bool => self.condition(depth - 1),
            Type::Int => self.whole(depth - 1),
            Type::Double => self.double(depth - 1),
            Type::Decimal(_) => self.decimal(depth - 1),
            Type::Text(TextKind::Plain) => self.text(depth - 1),
            Type::Date => self.date(depth - 1),
            Type::Timestamp => self.instant(depth - 1),
            Type::Duration => self.span(depth - 1),
            _ => self.leaf(ty),
        }
    }

    fn leaf(&mut self, ty: &Type) -> String {
        if !self.random.once_in(3)
            && let Some(path) = self.path(ty)
        {
            return path;
        }
        match ty {
            Type::Bool => {
                (*self.random.pick(&["true", "auth.signed_in", "auth.verified", "(1 == 2)"])).to_owned()
            }
            Type::Int => format!("({})", self.random.pick(&NUMBERS)),
            Type::Double => format!("({:?})", self.random.pick(&DOUBLES)),
            Type::Decimal(_) => format!("{}.{:02}", self.random.below(500), self.random.below(100)),
            Type::Date => format!("date(\"{}\")", self.day()),
            Type::Timestamp => match self.random.below(3) {
                0 => "now".to_owned(),
                _ => format!("timestamp(\"{}T23:59:59.999999Z\")", self.day()),
            },
            Type::Duration => (*self.random.pick(&["duration(\"36h\")", "duration(\"1us\")"])).to_owned(),
            Type::Record(_) => self.path(ty).unwrap_or_else(|| "auth.id".to_owned()),
            Type::Money => self.path(ty).unwrap_or_else(|| "cost".to_owned()),
            Type::Text(TextKind::Enum) => "\"todo\"".to_owned(),
            _ => {
                let text = self.random.pick(&TEXTS).replace('\\', "\\\\").replace('"', "\\\"");
                format!("\"{text}\"")
            }
        }
    }

    fn day(&mut self) -> Date {
        Date::from_days(*self.random.pick(&DAYS)).unwrap()
    }

    /// A row in scope, and perhaps a few relations of it.
    fn row(&mut self) -> (String, CollectionId) {
        let (mut text, mut at) = self.random.pick(&self.rows).clone();
        for _ in 0..self.random.below(3) {
            let to = self.random.below(12);
            let collection = self.schema.collection(at);
            let single =
                |field: &&mains_language::schema::Field| field.relation().is_some() && field.many.is_none();
            let relations: Vec<_> = collection.fields.iter().filter(single).collect();
            let field = relations[to % relations.len()];
            text = format!("{text}{}.", field.name);
            at = field.relation().unwrap();
        }
        (text, at)
    }

    fn path(&mut self, ty: &Type) -> Option<String> {
        let (row, at) = self.row();
        let of = |collection: &Collection| -> Vec<String> {
            let same = |field: &&mains_language::schema::Field| {
                field.many.is_none()
                    && Type::of(field).as_ref() == Some(ty)
                    && !matches!(field.kind, FieldKind::Json { .. })
            };
            collection.fields.iter().filter(same).map(|field| field.name.clone()).collect()
        };
        let mut names = of(self.schema.collection(at));
        match ty {
            Type::Record(of) if *of == at => names.push("id".to_owned()),
            Type::Int if self.schema.collection(at).name == "items" => {
                names.extend(["cost.amount".to_owned(), "doc.size".to_owned()]);
            }
            _ => {}
        }
        (!names.is_empty()).then(|| format!("{row}{}", self.random.pick(&names)))
    }

    fn condition(&mut self, depth: usize) -> String {
        match self.random.below(12) {
            0 => format!("({} && {})", self.draw(&Type::Bool, depth), self.draw(&Type::Bool, depth)),
            1 => format!("({} || {})", self.draw(&Type::Bool, depth), self.draw(&Type::Bool, depth)),
            2 => format!("!{}", self.draw(&Type::Bool, depth)),
            3 => {
                let ty = self.comparable();
                let sides = (self.draw(&ty, depth), self.draw(&ty, depth), self.draw(&ty, depth));
                format!("({} in [{}, {}])", sides.0, sides.1, sides.2)
            }
            4 => {
                let ty = self.comparable();
                let path = self.path(&ty).unwrap_or_else(|| "id".to_owned());
                format!("({path} {} null)", self.random.pick(&["==", "!="]))
            }
            5 => {
                let method = *self.random.pick(&["contains", "startsWith", "endsWith"]);
                let plain = Type::Text(TextKind::Plain);
                format!("({}).{method}({})", self.draw(&plain, depth), self.draw(&plain, depth))
            }
            6 => {
                let ty = self.random.pick(&[Type::Int, Type::Double, Type::Decimal(2), Type::Date]).clone();
                let order = *self.random.pick(&ORDERS);
                format!("({} {order} {})", self.draw(&ty, depth), self.draw(&ty, depth))
            }
            7 => {
                let plain = Type::Text(TextKind::Plain);
                let ty = self.random.pick(&[Type::Timestamp, Type::Duration, plain]).clone();
                let order = *self.random.pick(&ORDERS);
                format!("({} {order} {})", self.draw(&ty, depth), self.draw(&ty, depth))
            }
            8 | 9 => self.quantified(depth),
            10 => self.member(),
            _ => {
                let ty = self.comparable();
                let sign = *self.random.pick(&["==", "!="]);
                format!("({} {sign} {})", self.draw(&ty, depth), self.draw(&ty, depth))
            }
        }
    }

    fn comparable(&mut self) -> Type {
        let text = self.random.pick(&[TextKind::Plain, TextKind::Folded, TextKind::Enum]);
        let record = Type::Record(CollectionId(u16::try_from(self.random.below(3)).unwrap()));
        let types = [
            Type::Bool,
            Type::Int,
            Type::Double,
            Type::Decimal(2),
            Type::Decimal(4),
            Type::Text(*text),
            Type::Date,
            Type::Timestamp,
            record,
            Type::Money,
        ];
        self.random.pick(&types).clone()
    }

    /// A list, and what its elements are.
    fn list(&mut self) -> (String, Type) {
        let (row, at) = self.row();
        let collection = self.schema.collection(at);
        let mut lists: Vec<(String, Type)> = Vec::new();
        for field in collection.fields.iter().filter(|field| field.many.is_some()) {
            lists.push((field.name.clone(), Type::of(field).unwrap()));
        }
        for inverse in &collection.inverses {
            lists.push((inverse.name.clone().unwrap(), Type::Record(inverse.from)));
        }
        let (name, ty) = self.random.pick(&lists).clone();
        (format!("{row}{name}"), ty)
    }

    /// A macro over a list: its body is about the element besides.
    fn within(&mut self, element: &Type, draw: impl FnOnce(&mut Self) -> String) -> (String, String) {
        self.next += 1;
        let var = format!("v{}", self.next);
        let rows = self.rows.len();
        if let Type::Record(of) = element {
            self.rows.extend([(format!("{var}."), *of), (format!("{var}."), *of)]);
        }
        let body = draw(self);
        self.rows.truncate(rows);
        (var, body)
    }

    fn filtered(&mut self, depth: usize) -> (String, Type) {
        let (list, element) = self.list();
        if !self.random.once_in(3) {
            return (list, element);
        }
        let (var, body) = self.within(&element, |grammar| grammar.draw(&Type::Bool, depth.min(1)));
        (format!("{list}.filter({var}, {body})"), element)
    }

    fn quantified(&mut self, depth: usize) -> String {
        let (list, element) = self.filtered(depth);
        let name = *self.random.pick(&["exists", "all", "exists_one"]);
        let own = self.random.once_in(2) && !matches!(element, Type::Record(_));
        let compared = if own { self.leaf(&element) } else { String::new() };
        let (var, body) = self.within(&element, |grammar| grammar.draw(&Type::Bool, depth.min(2)));
        if own {
            return format!("{list}.{name}({var}, {var} == {compared} || {body})");
        }
        format!("{list}.{name}({var}, {body})")
    }

    fn member(&mut self) -> String {
        let (list, element) = self.list();
        format!("({} in {list})", self.leaf(&element))
    }

    fn mapped(&mut self, ty: &Type, depth: usize, aggregate: &str) -> String {
        let (list, element) = self.filtered(depth);
        let (var, body) = self.within(&element, |grammar| grammar.draw(ty, depth.min(2)));
        format!("{list}.map({var}, {body}).{aggregate}()")
    }

    fn aggregate(&mut self) -> &'static str {
        self.random.pick::<&str>(&["min", "max"])
    }

    fn whole(&mut self, depth: usize) -> String {
        match self.random.below(12) {
            0..=3 => {
                let sign = *self.random.pick(&["+", "-", "*", "/", "%"]);
                format!("({} {sign} {})", self.draw(&Type::Int, depth), self.draw(&Type::Int, depth))
            }
            4 => format!("(-{})", self.draw(&Type::Int, depth)),
            5 => {
                let name = *self.random.pick(&["least", "greatest"]);
                format!("math.{name}({}, {})", self.draw(&Type::Int, depth), self.draw(&Type::Int, depth))
            }
            6 => {
                let of = self.random.pick(&[Type::Double, Type::Decimal(2), Type::Timestamp]).clone();
                format!("int({})", self.draw(&of, depth))
            }
            7 => {
                let part = *self.random.pick(&PARTS);
                format!("({}).get{part}()", self.draw(&Type::Timestamp, depth))
            }
            8 => format!("({}).size()", self.draw(&Type::Text(TextKind::Plain), depth)),
            9 => {
                let (list, _) = self.filtered(depth);
                format!("{list}.size()")
            }
            10 => {
                let aggregate = *self.random.pick(&["sum", "min", "max"]);
                self.mapped(&Type::Int, depth, aggregate)
            }
            _ => {
                let of = self.random.pick(&[Type::Int, Type::Double, Type::Decimal(4)]).clone();
                format!("math.sign({})", self.draw(&of, depth))
            }
        }
    }

    fn double(&mut self, depth: usize) -> String {
        match self.random.below(8) {
            0..=3 => {
                let sign = *self.random.pick(&["+", "-", "*", "/"]);
                format!("({} {sign} {})", self.draw(&Type::Double, depth), self.draw(&Type::Double, depth))
            }
            4 => format!("math.round({})", self.draw(&Type::Double, depth)),
            5 => {
                let of = self.random.pick(&[Type::Int, Type::Decimal(2), Type::Decimal(4)]).clone();
                format!("double({})", self.draw(&of, depth))
            }
            6 => {
                let aggregate = self.aggregate();
                self.mapped(&Type::Double, depth, aggregate)
            }
            _ => {
                let name = *self.random.pick(&["least", "greatest"]);
                format!(
                    "math.{name}({}, {})",
                    self.draw(&Type::Double, depth),
                    self.draw(&Type::Double, depth)
                )
            }
        }
    }

    fn decimal(&mut self, depth: usize) -> String {
        let of = self.random.pick(&[Type::Decimal(2), Type::Decimal(4)]).clone();
        match self.random.below(6) {
            0 | 1 => {
                let sign = *self.random.pick(&["+", "-"]);
                format!("({} {sign} {})", self.draw(&of, depth), self.draw(&Type::Decimal(2), depth))
            }
            2 => format!("({} * {})", self.draw(&of, depth), self.draw(&Type::Int, depth)),
            3 => format!("({} * {})", self.draw(&of, depth), self.draw(&Type::Decimal(2), depth)),
            4 => self.mapped(&of, depth, "sum"),
            _ => format!("math.abs({})", self.draw(&of, depth)),
        }
    }

    fn text(&mut self, depth: usize) -> String {
        let plain = Type::Text(TextKind::Plain);
        match self.random.below(5) {
            0 | 1 => format!("({} + {})", self.draw(&plain, depth), self.draw(&plain, depth)),
            2 => format!("({}).lowerAscii()", self.draw(&plain, depth)),
            3 => format!("string({})", self.draw(&Type::Int, depth)),
            _ => format!("string({})", self.draw(&Type::Date, depth)),
        }
    }

    fn date(&mut self, depth: usize) -> String {
        if self.random.once_in(4) {
            let aggregate = self.aggregate();
            return self.mapped(&Type::Date, depth, aggregate);
        }
        let sign = *self.random.pick(&["+", "-"]);
        format!("({} {sign} days({}))", self.draw(&Type::Date, depth), self.draw(&Type::Int, depth))
    }

    fn instant(&mut self, depth: usize) -> String {
        if self.random.once_in(4) {
            let aggregate = self.aggregate();
            return self.mapped(&Type::Timestamp, depth, aggregate);
        }
        let sign = *self.random.pick(&["+", "-"]);
        format!("({} {sign} {})", self.draw(&Type::Timestamp, depth), self.draw(&Type::Duration, depth))
    }

    fn span(&mut self, depth: usize) -> String {
        match self.random.below(3) {
            0 => format!("({} - {})", self.draw(&Type::Timestamp, depth), self.draw(&Type::Timestamp, depth)),
            1 => format!("minutes({})", self.draw(&Type::Int, depth)),
            _ => format!("days({})", self.draw(&Type::Int, depth)),
        }
    }
}
