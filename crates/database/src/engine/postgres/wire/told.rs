//! What the server says when a statement fails.

use std::fmt;

use super::line::Body;

/// An error or a notice of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Five letters: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) detail: Option<String>,
    /// The constraint that was broken.
    pub(crate) constraint: Option<String>,
    /// The column that was null.
    pub(crate) column: Option<String>,
    /// The function of the server that told it.
    pub(crate) routine: String,
    /// Whether the server ends the connection with it, so that nothing behind it was run.
    pub(crate) ends: bool,
}

impl Told {
    /// Reads the fields of an `ErrorResponse`.
    pub(crate) fn read(mut body: Body<'_>) -> Self {
        let mut told = Self { ends: true, ..Self::default() };
        while let Some(field) = body.byte().filter(|field| *field != 0) {
            let Some(text) = body.text() else { break };
            match field {
                b'V' => told.ends = text != "ERROR",
                b'C' => told.code = text.into_owned(),
                b'M' => told.message = text.into_owned(),
                b'D' => told.detail = Some(text.into_owned()),
                b'n' => told.constraint = Some(text.into_owned()),
                b'c' => told.column = Some(text.into_owned()),
                b'R' => told.routine = text.into_owned(),
                _ => {}
            }
        }
        told
    }

    /// Whether it may be said of a statement that was prepared for columns that are others now: it is not known, a type
    /// does not fit, a column, a table or a function is not there.
    pub(crate) fn may_be_of_a_plan(&self) -> bool {
        matches!(self.code.as_str(), "26000" | "42804" | "42703" | "42P01" | "42883")
    }
}

impl fmt::Display for Told {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.message, self.code)?;
        self.detail.as_ref().map_or(Ok(()), |detail| write!(out, ": {detail}"))
    }
}

impl std::error::Error for Told {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_others_are_passed_over() {
        let told =
            Told::read(Body::of(b"SFEHLER\0VERROR\0C23505\0Mdouble\0Dit is\0nposts_pkey\0F\xff.c\0\0"));
        assert_eq!(told.to_string(), "double (23505): it is");
        assert_eq!((told.constraint.as_deref(), told.ends), (Some("posts_pkey"), false));
    }

    #[test]
    fn whatever_is_not_plainly_an_error_ends_the_connection() {
        for body in [&b"VFATAL\0C57P01\0\0"[..], b"VPANIC\0\0", b"", b"C57P01", b"Mhalf of i"] {
            assert!(Told::read(Body::of(body)).ends, "{body:?}");
        }
    }
}
