//! Accounts: who somebody is.

pub mod passwords;
