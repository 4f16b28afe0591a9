//! What a write is refused with, each with one code and one sentence.

use mains_base::{Caller, CallerKind, Error, Kind};

use super::input::Authority;

/// 403; of a visitor or a guest 401: signing in may help.
pub(super) fn forbidden(caller: &Caller) -> Error {
    if matches!(caller.kind, CallerKind::Visitor | CallerKind::Guest) {
        let sentence = "Sign in to do this.";
        return Error::new(Kind::Unauthenticated, "unauthenticated", sentence);
    }
    Error::new(Kind::Forbidden, "forbidden", "You may not do this. Ask who runs this site if you should.")
}

/// 403 of what the commands of an app do alone. Whoever rules bind learns no more than of any other closed door.
pub(super) fn commands_only(authority: &Authority) -> Error {
    if authority.bound {
        return forbidden(&authority.caller);
    }
    let sentence =
        "Only a command of this collection does this. Use that; its chapter of the guide names them.";
    Error::new(Kind::Forbidden, "records.commands_only", sentence)
}

/// 403 of what is only ever added.
pub(super) fn append_only() -> Error {
    let sentence = "Records here are never changed once they are made. Add another one.";
    Error::new(Kind::Forbidden, "records.append_only", sentence)
}

/// 412 of `If-Match`.
pub(super) fn changed_meanwhile() -> Error {
    let sentence = "This was changed meanwhile. Read it again, then decide.";
    Error::new(Kind::Changed, "records.changed", sentence)
}

/// 409 of a check that fails through another record's write.
pub(super) fn check_elsewhere(message: &str) -> Error {
    Error::conflict("records.check", message.to_owned())
}

/// 409 of a record that others point at; without `what` where the caller may not
/// see all of them.
pub(super) fn referenced(count: usize, what: Option<String>, more: bool) -> Error {
    let sentence = what.map_or_else(
        || {
            "This cannot be deleted: other records still point at it. Change or delete these first."
                .to_owned()
        },
        |what| {
            let amount = if more { format!("more than {count}") } else { count.to_string() };
            let verb = if count == 1 && !more { "points" } else { "point" };
            let what = what.replace('_', " ");
            format!(
                "This cannot be deleted: {amount} of {what} still {verb} at it. Change or delete these first."
            )
        },
    );
    Error::conflict("records.referenced", sentence)
}

/// Whether it is that a delete takes more with it than one transaction should.
pub(super) fn is_too_many(error: &Error) -> bool {
    error.code() == "records.too_many"
}

/// 409 of a delete that takes more with it than one transaction should.
pub(super) fn too_many(most: usize) -> Error {
    Error::conflict(
        "records.too_many",
        format!("More than {most} records would go with it. Delete these first, in parts."),
    )
}
