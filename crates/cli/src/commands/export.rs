//! `mains export COLLECTION [--to FILE]`: all records, as JSON Lines or CSV.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use mains_base::{Error, Result};
use serde_json::Value;

use crate::arguments;
use crate::backend::Backend;
use crate::files::unreadable;
use crate::operations::Operation;
use crate::talk::Talk;

/// Where the records go.
enum Sink {
    Lines(Box<dyn Write>),
    Csv(csv::Writer<Box<dyn Write>>, Vec<String>),
}

/// Exports page by page; a reader of the pipe that went away ends it quietly.
pub(crate) fn run(backend: &mut Backend, arguments: &arguments::Export, talk: Talk) -> Result<()> {
    let arguments::Export { collection, to, fields } = arguments;
    let names = backend.ask(Operation::Fields { collection: collection.clone(), fields: fields.clone() })?;
    let names: Vec<String> = serde_json::from_value(names).map_err(Error::internal)?;
    let mut sink = Sink::open(to.as_deref(), names)?;
    let (mut cursor, mut count) = (None, 0_u64);
    loop {
        let page = Operation::Export { collection: collection.clone(), fields: fields.clone(), cursor };
        let answer = backend.ask(page)?;
        for record in answer.get("items").and_then(Value::as_array).into_iter().flatten() {
            sink.write(record)?;
            count += 1;
        }
        cursor = answer.get("next").and_then(Value::as_str).map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    sink.finish()?;
    if let Some(path) = to {
        talk.say(&format!("{count} records are in {}.", path.display()));
    }
    Ok(())
}

impl Sink {
    fn open(to: Option<&Path>, names: Vec<String>) -> Result<Self> {
        let out: Box<dyn Write> = match to {
            Some(path) => {
                Box::new(BufWriter::new(File::create(path).map_err(|error| unreadable(path, &error))?))
            }
            None => Box::new(BufWriter::new(std::io::stdout())),
        };
        if to.is_none_or(|path| path.extension().is_none_or(|ending| ending != "csv")) {
            return Ok(Self::Lines(out));
        }
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(&names).map_err(Error::internal)?;
        Ok(Self::Csv(writer, names))
    }

    fn write(&mut self, record: &Value) -> Result<()> {
        match self {
            Self::Lines(out) => {
                serde_json::to_writer(&mut *out, record).map_err(Error::internal)?;
                out.write_all(b"\n")?;
            }
            Self::Csv(writer, names) => {
                let cells = names.iter().map(|name| record.get(name).map(cell).unwrap_or_default());
                writer.write_record(cells).map_err(Error::internal)?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<()> {
        match self {
            Self::Lines(mut out) => out.flush()?,
            Self::Csv(mut writer, _) => writer.flush()?,
        }
        Ok(())
    }
}

/// A value as a cell: text as it is, null empty, everything else as JSON.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
