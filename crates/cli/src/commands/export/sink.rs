//! Where an export goes: stdout, a pipe, or a file.
//!
//! Invariant: under the name of the file stands the whole export, durably, or what stood there before.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use mains_base::{Error, Kind, Result};
use serde_json::Value;

use crate::operations::export::{Cell, Column};
use crate::talk::gone;

/// Where the records go.
pub(super) struct Sink {
    shape: Shape,
    whole: Option<Whole>,
}

enum Shape {
    Lines(BufWriter<Box<dyn Write>>),
    Csv(Box<csv::Writer<Box<dyn Write>>>, Vec<Column>),
}

/// A file that gets its name when it is complete. Dropped before that, nothing is left of it.
struct Whole {
    file: File,
    part: PathBuf,
    name: PathBuf,
    is_done: bool,
}

impl Sink {
    /// Opens it. CSV, with these columns, where the name of the file ends so.
    pub(super) fn open(to: Option<&Path>, columns: Vec<Column>) -> Result<Self> {
        let whole = to.filter(|path| !is_special(path)).map(Whole::open).transpose()?;
        let out: Box<dyn Write> = match (&whole, to) {
            (Some(whole), _) => {
                Box::new(whole.file.try_clone().map_err(|error| unwritable(&whole.name, &error))?)
            }
            (None, Some(path)) => {
                let file = OpenOptions::new().write(true).open(path);
                Box::new(file.map_err(|error| unwritable(path, &error))?)
            }
            (None, None) => Box::new(std::io::stdout()),
        };
        let is_csv =
            to.is_some_and(|path| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv")));
        if !is_csv {
            let lines = BufWriter::with_capacity(1 << 18, out);
            return Ok(Self { shape: Shape::Lines(lines), whole });
        }
        let mut writer = csv::Writer::from_writer(out);
        let names = columns.iter().map(|column| &column.name);
        writer.write_record(names).map_err(lost)?;
        Ok(Self { shape: Shape::Csv(Box::new(writer), columns), whole })
    }

    /// One record.
    pub(super) fn write(&mut self, record: &Value) -> Result<()> {
        match &mut self.shape {
            Shape::Lines(out) => {
                let mut line = serde_json::to_vec(record).map_err(Error::internal)?;
                line.push(b'\n');
                out.write_all(&line).map_err(gone)
            }
            Shape::Csv(writer, columns) => {
                let cells = columns
                    .iter()
                    .map(|column| record.get(&column.name).map(|value| text(value, column.cell)));
                let cells = cells.map(Option::unwrap_or_default);
                writer.write_record(cells).map_err(lost)
            }
        }
    }

    /// All records are written.
    pub(super) fn finish(self) -> Result<()> {
        match self.shape {
            Shape::Lines(mut out) => out.flush().map_err(gone)?,
            Shape::Csv(mut writer, _) => writer.flush().map_err(gone)?,
        }
        self.whole.map_or(Ok(()), Whole::finish)
    }
}

impl Whole {
    fn open(name: &Path) -> Result<Self> {
        let mut part = name.file_name().unwrap_or_default().to_owned();
        part.push(".part");
        let part = name.with_file_name(part);
        let file = File::create(&part).map_err(|error| unwritable(name, &error))?;
        Ok(Self { file, part, name: name.to_owned(), is_done: false })
    }

    fn finish(mut self) -> Result<()> {
        let folder = self.name.parent().filter(|folder| !folder.as_os_str().is_empty());
        let done = self
            .file
            .sync_all()
            .and_then(|()| std::fs::rename(&self.part, &self.name))
            .and_then(|()| File::open(folder.unwrap_or(Path::new(".")))?.sync_all());
        self.is_done = done.is_ok();
        done.map_err(|error| unwritable(&self.name, &error))
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        if !self.is_done {
            // What cannot be removed is a left-over that the next export writes over.
            drop(std::fs::remove_file(&self.part));
        }
    }
}

/// Something that cannot be replaced by a file, such as `/dev/stdout` or a named pipe.
fn is_special(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(Kind::Internal, "cli.not_written", format!("{} cannot be written: {error}.", path.display()))
}

fn lost(error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => gone(error),
        other => Error::internal(format!("{other:?}")),
    }
}

/// A value as a cell; null is empty.
fn text(value: &Value, cell: Cell) -> String {
    match (value, cell) {
        (Value::Null, _) => String::new(),
        (Value::String(text), Cell::Plain | Cell::Money) => text.clone(),
        (Value::Object(money), Cell::Money) => {
            let amount = money.get("amount").map(Value::to_string).unwrap_or_default();
            let currency = money.get("currency").and_then(Value::as_str).unwrap_or_default();
            format!("{amount} {currency}").trim_end().to_owned()
        }
        (other, _) => other.to_string(),
    }
}
