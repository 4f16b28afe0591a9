//! The program as people run it: the built binary, in folders of its own, on free ports.

mod commands;
mod docs;
mod program;
