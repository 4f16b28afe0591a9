//! What tests share: a whole backend inside a test, both databases, a client for running processes.

pub mod vectors;
pub mod wire;
