//! `expand=author,comments(sort=-created,limit=10).author` as it is written.

use mains_base::{Error, Result};

use crate::records::refusal::{EXPAND, malformed};

/// How deep records may stand in one another.
pub(super) const DEEPEST: usize = 3;
/// The most names of one request.
const MOST: usize = 20;

/// One name of `expand=` with what stands behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wish {
    /// A relation, or the other side of one.
    pub(super) name: String,
    /// `sort=` of its records.
    pub(super) sort: Option<String>,
    /// `limit=` of its records.
    pub(super) limit: Option<String>,
    /// What its records are asked to lead to.
    pub(super) wishes: Vec<Wish>,
}

/// Reads `expand=`. A path whose beginning was said before goes on from there.
pub(super) fn wishes(text: &str) -> Result<Vec<Wish>> {
    let mut wishes = Vec::new();
    let mut rest = text;
    for _ in 0..MOST {
        rest = path(rest, &mut wishes)?;
        if rest.is_empty() {
            return Ok(wishes);
        }
        rest = rest.strip_prefix(',').ok_or_else(|| unexpected(text, rest))?;
    }
    Err(malformed(EXPAND, format!("Expand names at most {MOST} paths.")))
}

/// Reads one path into what was read before; gives what follows.
fn path<'t>(text: &'t str, wishes: &mut Vec<Wish>) -> Result<&'t str> {
    let mut rest = text;
    let mut level = wishes;
    for _ in 0..DEEPEST {
        let (name, behind) = word(rest);
        if name.is_empty() {
            return Err(unexpected(text, rest));
        }
        let mut wish = Wish { name: name.to_owned(), ..Wish::default() };
        rest = options(behind, &mut wish)?;
        level = &mut merged(level, wish)?.wishes;
        match rest.strip_prefix('.') {
            Some(next) => rest = next,
            None => return Ok(rest),
        }
    }
    Err(malformed(
        EXPAND,
        format!("Expand goes at most {DEEPEST} records deep; read what lies deeper by itself."),
    ))
}

/// `(sort=-created,title,limit=10)`, where it stands.
fn options<'t>(text: &'t str, wish: &mut Wish) -> Result<&'t str> {
    let Some(inner) = text.strip_prefix('(') else { return Ok(text) };
    let (inner, rest) = inner.split_once(')').ok_or_else(|| {
        malformed(EXPAND, format!("Expand opens a ( after {:?} and never closes it.", wish.name))
    })?;
    let mut in_sort = false;
    for part in inner.split(',') {
        match part.split_once('=') {
            Some(("sort", value)) if wish.sort.is_none() => {
                wish.sort = Some(value.to_owned());
                in_sort = true;
            }
            Some(("limit", value)) if wish.limit.is_none() => {
                wish.limit = Some(value.to_owned());
                in_sort = false;
            }
            None if in_sort => wish.sort = wish.sort.take().map(|sort| sort + "," + part),
            _ => {
                let detail = format!("Expand, in ({inner}): only sort=… and limit=… stand there, each once.");
                return Err(malformed(EXPAND, detail));
            }
        }
    }
    Ok(rest)
}

/// The wish of this name, joined with what was said of it before.
fn merged(level: &mut Vec<Wish>, wish: Wish) -> Result<&mut Wish> {
    let place = level.iter().position(|known| known.name == wish.name).unwrap_or_else(|| {
        level.push(Wish { name: wish.name.clone(), ..Wish::default() });
        level.len() - 1
    });
    let known = level.get_mut(place).ok_or_else(|| Error::internal("a wish was just put there"))?;
    for (old, new) in [(&mut known.sort, wish.sort), (&mut known.limit, wish.limit)] {
        if old.is_some() && new.is_some() && *old != new {
            return Err(malformed(EXPAND, format!("Expand sorts or limits {:?} in two ways.", wish.name)));
        }
        *old = old.take().or(new);
    }
    Ok(known)
}

fn word(text: &str) -> (&str, &str) {
    let belongs = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    text.split_at(text.find(|letter| !belongs(letter)).unwrap_or(text.len()))
}

fn unexpected(text: &str, rest: &str) -> Error {
    let at = text.len() - rest.len();
    let before = text.get(..at).unwrap_or_default();
    let detail = if rest.is_empty() {
        format!("Expand ends where a name is missing: {text:?}.")
    } else {
        format!(
            "Expand cannot be read behind {before:?}; write it like author,comments(sort=-created,limit=10).author."
        )
    };
    malformed(EXPAND, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(name: &str, wishes: Vec<Wish>) -> Wish {
        Wish { name: name.to_owned(), wishes, ..Wish::default() }
    }

    #[test]
    fn paths_with_a_common_beginning_are_one() {
        let read = wishes("author.team,author.badges,comments(sort=-created,id,limit=10).author").unwrap();
        let comments = Wish {
            sort: Some("-created,id".to_owned()),
            limit: Some("10".to_owned()),
            ..wish("comments", vec![wish("author", vec![])])
        };
        assert_eq!(read, [wish("author", vec![wish("team", vec![]), wish("badges", vec![])]), comments]);
        let again = wishes("comments.author,comments(sort=-created,id,limit=10)").unwrap();
        assert_eq!(again, read[1..]);
    }

    #[test]
    fn what_is_none_is_refused() {
        for bad in [
            ",",
            "a,",
            "a.",
            ".a",
            "a b",
            "a(",
            "a(limit=1",
            "a(x=1)",
            "a(limit=1,limit=2)",
            "a(limit=1,x)",
            "a(b)",
            "a.b.c.d",
            "a(limit=1),a(limit=2)",
            "A",
            "a)",
            "ä",
            "a(limit=1)b",
            "a.(limit=1)",
        ] {
            assert_eq!(wishes(bad).expect_err(bad).code(), "query.expand", "{bad}");
        }
        let many = vec!["a"; 21].join(",");
        assert_eq!(wishes(&many).unwrap_err().code(), "query.expand");
    }
}
