//! Functions: text, numbers, conversions, the calendar.
//!
//! The calendar counts from the year 1, so that every division is one of positive numbers and rounds down.

use mains_base::{Duration, Error, Result};
use mains_language::expression::{Function, Tree, Type};

use super::Select;
use super::number::clamp;
use super::value::Piece;
use crate::dialect::Dialect;

/// Microseconds, and days, from 0001-01-01 to 1970-01-01.
const OFFSET: i64 = 62_135_596_800_000_000;
const OFFSET_DAYS: i64 = 719_162;

impl Select<'_> {
    /// A function of the language.
    pub(super) fn call(&mut self, function: Function, arguments: &[Tree], ty: &Type) -> Result<String> {
        let [first, rest @ ..] = arguments else { return Err(no_form()) };
        match function {
            Function::Size
            | Function::Contains
            | Function::StartsWith
            | Function::EndsWith
            | Function::LowerAscii => self.text_call(function, first, rest),
            Function::Abs => Ok(format!("abs({})", self.value_of(first)?)),
            Function::Sign => {
                let value = self.value_of(first)?;
                Ok(self.by_dialect(format!("sign({value})"), format!("sign({value})::bigint")))
            }
            Function::Least | Function::Greatest => self.extreme(function, arguments, ty),
            Function::Round => {
                let value = self.value_of(first)?;
                Ok(self.by_dialect(format!("mains_round({value})"), format!("mains.round({value})")))
            }
            Function::Minutes => self.span(first, 60_000_000),
            Function::Days => self.span(first, 86_400_000_000),
            Function::FullYear
            | Function::Month
            | Function::DayOfMonth
            | Function::DayOfWeek
            | Function::Hours
            | Function::Minute
                if rest.is_empty() =>
            {
                self.calendar(function, first)
            }
            Function::Distance => self.distance(arguments),
            Function::ToString => self.as_text(first),
            Function::ToInt => self.as_int(first),
            Function::ToDouble | Function::Widen => self.operand(first, ty),
            Function::Amount | Function::FileName => self.value_of(first),
            Function::Currency => self.piece_of(first, Piece::Currency),
            Function::FileType => self.piece_of(first, Piece::FileType),
            Function::FileSize => self.piece_of(first, Piece::FileSize),
            _ => Err(no_form()),
        }
    }

    fn by_dialect(&self, sqlite: String, postgres: String) -> String {
        match self.dialect {
            Dialect::Sqlite => sqlite,
            Dialect::Postgres => postgres,
        }
    }

    fn text_call(&mut self, function: Function, text: &Tree, rest: &[Tree]) -> Result<String> {
        let text = self.value_of(text)?;
        let other = rest.first().map(|other| self.value_of(other)).transpose()?.unwrap_or_default();
        Ok(match (function, self.dialect) {
            (Function::Size, Dialect::Sqlite) => format!("length({text})"),
            (Function::Size, Dialect::Postgres) => format!("char_length({text})::bigint"),
            (Function::Contains, Dialect::Sqlite) => format!("(instr({text}, {other}) > 0)"),
            (Function::Contains, Dialect::Postgres) => format!("(strpos({text}, {other}) > 0)"),
            (Function::StartsWith, Dialect::Sqlite) => format!("(instr({text}, {other}) = 1)"),
            (Function::StartsWith, Dialect::Postgres) => format!("starts_with({text}, {other})"),
            (Function::EndsWith, Dialect::Sqlite) => {
                format!("(substr({text}, length({text}) - length({other}) + 1) = {other})")
            }
            (Function::EndsWith, Dialect::Postgres) => format!("(right({text}, length({other})) = {other})"),
            (Function::LowerAscii, Dialect::Sqlite) => format!("lower({text})"),
            (_, Dialect::Postgres) => format!("lower({text} COLLATE \"C\")"),
            _ => return Err(no_form()),
        })
    }

    fn extreme(&mut self, function: Function, arguments: &[Tree], ty: &Type) -> Result<String> {
        let values: Result<Vec<String>> = arguments.iter().map(|value| self.operand(value, ty)).collect();
        let values = values?;
        let least = function == Function::Least;
        Ok(match self.dialect {
            // Of a single argument `min` would be the aggregate.
            Dialect::Sqlite if values.len() == 1 => values.concat(),
            Dialect::Sqlite => format!("{}({})", if least { "min" } else { "max" }, values.join(", ")),
            Dialect::Postgres => {
                let name = if least { "mains.least" } else { "mains.greatest" };
                let folded = values.into_iter().reduce(|folded, value| format!("{name}({folded}, {value})"));
                folded.unwrap_or_default()
            }
        })
    }

    fn span(&mut self, count: &Tree, factor: i64) -> Result<String> {
        let limit = Duration::MAX.micros() / factor;
        let count = self.value_of(count)?;
        Ok(format!("({} * {factor})", clamp(self.dialect, &count, -limit, limit)))
    }

    fn calendar(&mut self, function: Function, instant: &Tree) -> Result<String> {
        let value = self.value_of(instant)?;
        let days = match (&instant.ty, self.dialect) {
            (Type::Date, Dialect::Sqlite) => format!("({value} + {OFFSET_DAYS})"),
            (Type::Date, Dialect::Postgres) => format!("(({value})::bigint + {OFFSET_DAYS})"),
            _ => format!("(({value} + {OFFSET}) / 86400000000)"),
        };
        let part = match function {
            Function::Hours => return Ok(format!("(({value} + {OFFSET}) / 3600000000 % 24)")),
            Function::Minute => return Ok(format!("(({value} + {OFFSET}) / 60000000 % 60)")),
            Function::DayOfWeek => return Ok(format!("(({days} + 1) % 7)")),
            Function::FullYear => ("%Y", "YEAR"),
            Function::Month => ("%m", "MONTH"),
            _ => ("%d", "DAY"),
        };
        let read = match self.dialect {
            Dialect::Sqlite => {
                format!("CAST(strftime('{}', {days} * 86400 - 62135596800, 'unixepoch') AS INTEGER)", part.0)
            }
            Dialect::Postgres => {
                format!("EXTRACT({} FROM (date '0001-01-01' + {days}::integer))::bigint", part.1)
            }
        };
        Ok(if function == Function::Month { format!("({read} - 1)") } else { read })
    }

    fn distance(&mut self, arguments: &[Tree]) -> Result<String> {
        let mut parts = Vec::new();
        for point in arguments {
            parts.push(self.piece_of(point, Piece::Main)?);
            parts.push(self.piece_of(point, Piece::Longitude)?);
        }
        let parts = parts.join(", ");
        Ok(self.by_dialect(format!("mains_distance({parts})"), format!("mains.distance({parts})")))
    }

    fn as_text(&mut self, tree: &Tree) -> Result<String> {
        let value = self.value_of(tree)?;
        Ok(match (&tree.ty, self.dialect) {
            (Type::Date, Dialect::Sqlite) => format!("date({value} * 86400, 'unixepoch')"),
            (Type::Date, Dialect::Postgres) => {
                format!("(to_char(date '1970-01-01' + {value}, 'YYYY-MM-DD') COLLATE \"C\")")
            }
            (Type::Int, Dialect::Sqlite) => format!("CAST({value} AS TEXT)"),
            (Type::Int, Dialect::Postgres) => format!("(({value})::text COLLATE \"C\")"),
            (Type::Text(_), _) => value,
            _ => return Err(no_form()),
        })
    }

    fn as_int(&mut self, tree: &Tree) -> Result<String> {
        let value = self.value_of(tree)?;
        Ok(match (&tree.ty, self.dialect) {
            (Type::Int, _) => value,
            (Type::Double, Dialect::Sqlite) => {
                // Cut as a double first: a cast alone stops at the ends of 64 bits.
                self.whole(&format!("CAST({value} AS INTEGER)"))
            }
            (Type::Double, Dialect::Postgres) => self.whole(&format!("trunc({value})")),
            (Type::Decimal(scale), _) => format!("({value} / {})", 10_i64.pow(u32::from(*scale))),
            (Type::Timestamp, _) => format!("(({value} + {OFFSET}) / 1000000 - 62135596800)"),
            _ => return Err(no_form()),
        })
    }
}

fn no_form() -> Error {
    Error::internal("this function has no form in SQL; its value is calculated in memory")
}
