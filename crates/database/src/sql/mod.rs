//! Typed expressions as SQL of both dialects, and the builder of the statements around them.
