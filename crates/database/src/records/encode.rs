//! One row as a JSON object, written straight from the view of the row by a list of prepared steps.

use bytes::{BufMut, BytesMut};
use mains_base::{Currency, Date, Prefix, Result, Time, Uuid};

use mains_language::values::duration_to_text;

use super::json;
use crate::engine::RowView;

/// One member of the object.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// `{"id":` of the first, `,"title":` of the others: escaped, with its colon.
    pub(super) key: Box<[u8]>,
    /// What it is, and from which columns.
    pub(super) content: Content,
    /// The column that says whether the caller may read it; left out where that is not true.
    pub(super) visible: Option<usize>,
}

/// Where a member's value comes from.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// One column.
    Cell(usize, Kind),
    /// An amount and the column of its currency.
    Money(usize, usize),
    /// A list, fetched for the whole page; its place among the lists.
    List(usize),
    /// A computed value that no JSON has.
    Nothing,
}

/// How one value is written.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// An id with this prefix.
    Id(Prefix),
    /// A whole number.
    Int,
    /// A double.
    Double,
    /// A truth value.
    Bool,
    /// Text.
    Text,
    /// JSON as stored.
    Json,
    /// A calendar day.
    Date,
    /// An instant.
    Time,
    /// A span: seconds, as `1.5s`.
    Duration,
    /// A decimal of so many digits.
    Decimal(u8),
    /// An amount of this currency.
    Money(Currency),
}

/// What is kept from cell to cell while rows are written.
#[derive(Default)]
pub(super) struct Kept {
    /// Where lists belong.
    pub(super) gaps: Vec<Gap>,
    /// The instant that was written last: what was made and never changed, or made together, says it again.
    instant: Option<(i64, [u8; json::INSTANT])>,
}

impl Kept {
    fn instant(&mut self, micros: i64) -> &[u8] {
        let last = self.instant.take().filter(|(last, _)| *last == micros);
        let written = || (micros, json::instant(Time::from_micros(micros)));
        &self.instant.insert(last.unwrap_or_else(written)).1
    }
}

/// Where the value of a list belongs, once it is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    /// Place in the bytes.
    pub(super) at: usize,
    /// Which list.
    pub(super) list: usize,
    /// Whose.
    pub(super) record: Uuid,
}

/// Writes a row; the first member is its id.
pub(super) fn row(out: &mut BytesMut, members: &[Member], view: &dyn RowView, kept: &mut Kept) -> Result<()> {
    for member in members {
        if let Some(visible) = member.visible
            && view.bool(visible)? != Some(true)
        {
            continue;
        }
        out.put_slice(&member.key);
        match &member.content {
            Content::Cell(column, Kind::Time) => match view.int(*column)? {
                Some(micros) => out.put_slice(kept.instant(micros)),
                None => json::null(out),
            },
            Content::Cell(column, kind) => cell(out, view, *column, kind)?,
            Content::Money(amount, currency) => match (view.int(*amount)?, view.text(*currency)?) {
                (Some(amount), currency) => money(out, amount, currency),
                (None, _) => json::null(out),
            },
            Content::List(list) => {
                let record = view.id(0)?.unwrap_or(Uuid::NIL);
                kept.gaps.push(Gap { at: out.len(), list: *list, record });
            }
            Content::Nothing => json::null(out),
        }
    }
    out.put_u8(b'}');
    Ok(())
}

/// Writes one cell.
pub(super) fn cell(out: &mut BytesMut, view: &dyn RowView, column: usize, kind: &Kind) -> Result<()> {
    let written = match kind {
        Kind::Text => view.unproven(column)?.map(|text| json::unproven(out, text)).transpose()?,
        Kind::Json => view.text(column)?.map(|text| out.put_slice(text.as_bytes())),
        Kind::Id(prefix) => {
            view.id(column)?.filter(|id| *id != Uuid::NIL).map(|id| json::id(out, prefix, id))
        }
        Kind::Double => view.double(column)?.map(|number| json::double(out, number)),
        Kind::Bool => view.bool(column)?.map(|truth| json::truth(out, truth)),
        Kind::Int | Kind::Date | Kind::Time | Kind::Duration | Kind::Decimal(_) | Kind::Money(_) => {
            view.int(column)?.map(|number| whole(out, number, kind))
        }
    };
    if written.is_none() {
        json::null(out);
    }
    Ok(())
}

/// Writes what is stored as a whole number.
fn whole(out: &mut BytesMut, number: i64, kind: &Kind) {
    match kind {
        Kind::Date => match Date::from_days(number) {
            Some(date) => json::date(out, date),
            None => json::null(out),
        },
        Kind::Duration => json::text(out, &duration_to_text(number)),
        Kind::Time => json::time(out, Time::from_micros(number)),
        Kind::Decimal(scale) => json::decimal(out, number, *scale),
        Kind::Money(currency) => money(out, number, Some(currency.as_str())),
        _ => json::int(out, number),
    }
}

/// Writes an amount with its currency.
pub(super) fn money(out: &mut BytesMut, amount: i64, currency: Option<&str>) {
    out.put_slice(b"{\"amount\":");
    json::int(out, amount);
    out.put_slice(b",\"currency\":");
    match currency {
        Some(currency) => json::text(out, currency),
        None => json::null(out),
    }
    out.put_u8(b'}');
}

#[cfg(test)]
mod tests {
    use mains_base::Value;

    use super::{row as write, *};
    use crate::engine::Row;

    #[test]
    fn an_instant_that_comes_again_is_written_again() {
        let member = |key: &str, column| Member {
            key: key.as_bytes().into(),
            content: Content::Cell(column, Kind::Time),
            visible: None,
        };
        let members = [member("{\"a\":", 0), member(",\"b\":", 1)];
        let (mut out, mut kept) = (BytesMut::new(), Kept::default());
        let (one, other) = (Value::Int(0), Value::Int(1_000_001));
        for row in [[&one, &one], [&one, &other], [&Value::Null, &other], [&one, &Value::Null]] {
            let view = Row(row.map(Value::clone).to_vec());
            write(&mut out, &members, &view, &mut kept).unwrap();
            out.put_u8(b'\n');
        }
        let (one, other) = ("\"1970-01-01T00:00:00.000000Z\"", "\"1970-01-01T00:00:01.000001Z\"");
        let want = [(one, one), (one, other), ("null", other), (one, "null")];
        let want: Vec<String> = want.iter().map(|(a, b)| format!("{{\"a\":{a},\"b\":{b}}}\n")).collect();
        assert_eq!(String::from_utf8(out.to_vec()).unwrap(), want.concat());
    }
}
