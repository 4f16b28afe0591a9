//! What must hold of every site: rules fail closed and tell nothing they hide, and both databases answer alike.

mod closed;
mod extremes;
mod oracles;
pub(crate) mod reading;
mod sequences;
