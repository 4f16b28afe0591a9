//! Who we are measured against.

pub(crate) mod hyper;
pub(crate) mod pocketbase;
