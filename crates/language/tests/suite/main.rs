//! Tests of the language as its users see it.

mod guards;
mod places;
mod total;
mod vectors;
