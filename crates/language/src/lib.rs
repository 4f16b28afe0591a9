//! What a site declares: collection files and expressions, parsed, typed, checked, evaluated over a record.
//!
//! No I/O, no SQL.

pub mod expression;
pub mod schema;
pub mod site;
pub mod values;
