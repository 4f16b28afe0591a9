//! Who we are measured against.

pub(crate) mod hyper;
pub(crate) mod pocketbase;
pub(crate) mod postgres;
pub(crate) mod sqlite;
pub(crate) mod web;
