//! The program as people run it: the built binary, in folders of its own, on free ports.

mod cells;
mod commands;
mod dev;
mod docs;
mod imports;
mod postgres;
mod program;
mod served;
mod settings;
