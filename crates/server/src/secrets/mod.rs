//! Keys that the server makes for itself: once for a database, so that every node and every restart has the same.

mod store;

pub(crate) use store::get;
