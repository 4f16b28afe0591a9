//! Tests of the language as its users see it.

mod guards;
mod total;
mod vectors;
