//! Tests of the language as its users see it.

mod vectors;
