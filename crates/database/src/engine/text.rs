//! The one place where `$1` becomes what each database wants.
//!
//! Invariant: parameters keep their numbers. SQLite would number `$2, $1` by appearance, so it gets `?2, ?1`.
//! `IN $1` binds a list as one parameter on both.

use std::borrow::Cow;
use std::sync::Arc;

use memchr::memchr;

use crate::dialect::Dialect;

/// A text that is kept and run often, as its database wants it where that is known beforehand: looking through it at
/// each run would cost as much as a small read. PostgreSQL's texts are rewritten once, when they are prepared.
pub(crate) fn kept(dialect: Dialect, sql: Arc<str>) -> Arc<str> {
    match (dialect, &*sql) {
        (Dialect::Sqlite, text) if text.contains('$') => for_sqlite(text).into(),
        _ => sql,
    }
}

/// The text for SQLite: `$1` → `?1`, `IN $1` → `IN rarray(?1)`. One that was rewritten already stays as it is.
pub(super) fn for_sqlite(sql: &str) -> Cow<'_, str> {
    if memchr(b'$', sql.as_bytes()).is_none() {
        return Cow::Borrowed(sql);
    }
    let text = rewrite(sql, |out, number, cast| {
        let list = out.trim_end().ends_with(" IN");
        out.push_str(if list { "rarray(?" } else { "?" });
        out.push_str(number);
        if list {
            out.push(')');
        }
        out.push_str(cast);
    });
    Cow::Owned(text)
}

/// The text for PostgreSQL: `IN $1` → `= ANY($1)`, `NOT IN $1` → `<> ALL($1)`.
pub(super) fn for_postgres(sql: &str) -> String {
    rewrite(sql, |out, number, cast| {
        let kept = out.trim_end().len();
        let all = out.get(..kept).is_some_and(|before| before.ends_with(" NOT IN"));
        let any = out.get(..kept).is_some_and(|before| before.ends_with(" IN"));
        if all {
            out.truncate(kept - "NOT IN".len());
            out.push_str("<> ALL(");
        } else if any {
            out.truncate(kept - "IN".len());
            out.push_str("= ANY(");
        }
        out.push('$');
        out.push_str(number);
        out.push_str(cast);
        if any {
            out.push(')');
        }
    })
}

/// Copies `sql`; `parameter` writes each `$number` and the cast behind it that stand outside quotes.
fn rewrite(sql: &str, parameter: impl Fn(&mut String, &str, &str)) -> String {
    let mut out = String::with_capacity(sql.len() + 16);
    let mut rest = sql;
    while let Some(at) = rest.find(['$', '\'', '"']) {
        let (before, found) = rest.split_at(at);
        out.push_str(before);
        let taken = if let Some(digits) = found.strip_prefix('$') {
            let number = prefix(digits, |letter| letter.is_ascii_digit());
            if number.is_empty() {
                out.push('$');
                1
            } else {
                let cast = cast(digits.get(number.len()..).unwrap_or_default());
                parameter(&mut out, number, cast);
                1 + number.len() + cast.len()
            }
        } else {
            let quoted = quoted(found);
            out.push_str(quoted);
            quoted.len()
        };
        rest = found.get(taken..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

fn prefix(text: &str, belongs: impl Fn(char) -> bool) -> &str {
    let end = text.find(|letter| !belongs(letter)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// `::uuid[]` directly behind a parameter.
fn cast(text: &str) -> &str {
    let Some(name) = text.strip_prefix("::") else { return "" };
    let name = prefix(name, |letter| letter.is_ascii_alphanumeric() || "_[]".contains(letter));
    text.get(..2 + name.len()).unwrap_or_default()
}

/// A quoted piece with its quotes; a doubled quote is two pieces side by side.
fn quoted(text: &str) -> &str {
    let quote = text.chars().next().unwrap_or('\'');
    let end = text.get(1..).and_then(|inner| inner.find(quote)).map_or(text.len(), |end| end + 2);
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_keep_their_numbers() {
        assert_eq!(
            for_sqlite("SELECT $2, $1, '$1', \"$3\", 'it''s $4', $12"),
            "SELECT ?2, ?1, '$1', \"$3\", 'it''s $4', ?12"
        );
        assert_eq!(for_postgres("SELECT $2::bigint, '$1 IN $2'"), "SELECT $2::bigint, '$1 IN $2'");
    }

    #[test]
    fn a_list_is_one_parameter() {
        assert_eq!(
            for_sqlite("a IN $1 AND b NOT IN $2 AND c IN ($3)"),
            "a IN rarray(?1) AND b NOT IN rarray(?2) AND c IN (?3)"
        );
        assert_eq!(
            for_postgres("a IN $1 AND b NOT IN $2 AND c IN ($3) AND d IN $4::uuid[]"),
            "a = ANY($1) AND b <> ALL($2) AND c IN ($3) AND d = ANY($4::uuid[])"
        );
    }

    #[test]
    fn odd_texts_come_through() {
        for text in ["", "$", "'", "\"open", "a $ b", "'ü' || \"ß\" $x"] {
            assert_eq!(for_sqlite(text), text);
            assert_eq!(for_postgres(text), text);
        }
    }

    #[test]
    fn a_kept_text_is_rewritten_once() {
        let text = "SELECT '$x' FROM t WHERE a = $2 AND b IN $1";
        let kept_text = kept(Dialect::Sqlite, text.into());
        assert_eq!(&*kept_text, "SELECT '$x' FROM t WHERE a = ?2 AND b IN rarray(?1)");
        assert_eq!(for_sqlite(&kept_text), &*kept_text);
        assert_eq!(&*kept(Dialect::Postgres, text.into()), text);
    }
}
