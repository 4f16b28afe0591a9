//! `mains export COLLECTION [--to FILE]`: all records, as JSON Lines or CSV.

mod sink;

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};
use mains_base::{Error, Result};
use serde_json::Value;

use crate::arguments;
use crate::backend::Backend;
use crate::operations::Operation;
use crate::talk::Talk;
use sink::Sink;

/// Exports page by page; a reader of the pipe that went away ends it quietly.
pub(crate) fn run(backend: &mut Backend, arguments: &arguments::Export, talk: Talk) -> Result<()> {
    let arguments::Export { collection, to, fields } = arguments;
    let columns =
        backend.ask(Operation::Fields { collection: collection.clone(), fields: fields.clone() })?;
    let mut sink = Sink::open(to.as_deref(), serde_json::from_value(columns).map_err(Error::internal)?)?;
    let bar = bar(to.is_some());
    let (mut cursor, mut count) = (None, 0_u64);
    loop {
        let page = Operation::Export { collection: collection.clone(), fields: fields.clone(), cursor };
        let answer = backend.ask(page)?;
        for record in answer.get("items").and_then(Value::as_array).into_iter().flatten() {
            sink.write(record)?;
            count += 1;
        }
        bar.set_message(format!("{count} records"));
        bar.tick();
        cursor = answer.get("next").and_then(Value::as_str).map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    sink.finish()?;
    bar.finish_and_clear();
    if let Some(path) = to {
        let are = if count == 1 { "record is" } else { "records are" };
        talk.say(&format!("{count} {are} in {}.", path.display()));
    }
    Ok(())
}

/// A count on a terminal, when the records go elsewhere.
fn bar(to_file: bool) -> ProgressBar {
    if !(to_file && std::io::stderr().is_terminal()) {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    match ProgressStyle::with_template("{spinner} {msg}  {elapsed}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
