//! What is wrong with one value, said to whoever typed it.

use std::fmt;

use mains_base::FieldError;

/// Why a value does not fit its field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// Stable code: `type`, `too_long`, `pattern`, …
    pub code: &'static str,
    /// One sentence that says what to type.
    pub message: String,
    /// Of a list: which element.
    pub element: Option<usize>,
}

impl FieldProblem {
    /// A problem of a whole field.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), element: None }
    }

    /// The same, of one element of a list.
    #[must_use]
    pub fn of_element(self, place: usize) -> Self {
        Self { element: Some(place), ..self }
    }

    /// The problem as it stands in an answer, of the top-level field `name`.
    pub fn at(self, name: &str) -> FieldError {
        let mut error = FieldError::new(name, self.code, self.message);
        if let Some(place) = self.element {
            error.pointer = format!("{}/{place}", error.pointer);
        }
        error
    }
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
