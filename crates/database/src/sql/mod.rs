//! Typed expressions as SQL of both dialects, and the builder of the statements around them.
//!
//! Always true of generated text: it never fails at run time whatever the values (a failed operation is NULL), every
//! operand stands in it once, every text compares by code point, parameters are used by number.
//! Each expression has three forms: its value, its truth (TRUE exactly where it is true) and its falsity (TRUE exactly
//! where it is false); and, where one NULL must stand for both null and unknown, a fourth that says which (`known`).

mod bind;
mod call;
mod compare;
mod constraint;
mod free;
pub mod functions;
mod known;
mod list;
mod literal;
mod number;
mod numbers;
mod place;
mod select;
mod truth;
mod types;
mod value;

pub use bind::{Bind, Environment, Part, Statement};
pub use constraint::{check_constraint, index_condition};
pub(crate) use free::is_free;
pub use select::{ImageSlots, Select};
pub use types::{column_of, column_of_field};
