//! `mains import COLLECTION FILE|-`: JSON Lines, or CSV by the ending. A killed import goes on where it was.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use mains_base::{Error, Kind, Result};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::arguments;
use crate::backend::Backend;
use crate::files::unreadable;
use crate::operations::Operation;
use crate::operations::import::{Chunk, Progress, Row};
use crate::talk::Talk;

/// Rows of one transaction.
const CHUNK: usize = 500;
/// How many mistakes are shown.
const SHOWN: usize = 20;

/// A file that is being imported.
struct Source {
    lines: Box<dyn BufRead>,
    /// The names of the columns, for CSV.
    header: Option<Vec<String>>,
    /// The last line that was read.
    line: u64,
    hash: Sha256,
    bar: ProgressBar,
    /// A pipe cannot be taken up again.
    is_file: bool,
}

/// Imports all of it; says how many rows are in.
pub(crate) fn run(backend: &mut Backend, arguments: &arguments::Import, talk: Talk) -> Result<()> {
    let mut source = Source::open(&arguments.file)?;
    let mut written = 0;
    if source.is_file {
        let found = backend.ask(Operation::ImportFind { collection: arguments.collection.clone() })?;
        written = source.take_up(found, talk)?;
    }
    loop {
        let rows = source.chunk()?;
        if rows.is_empty() {
            break;
        }
        let count = rows.len();
        let progress = source.is_file.then(|| source.progress());
        let chunk = Chunk {
            collection: arguments.collection.clone(),
            rows,
            texts: source.header.is_some(),
            progress,
        };
        let answer = backend.ask(Operation::ImportChunk(chunk))?;
        if let Some(errors) = answer.get("errors").and_then(Value::as_array) {
            source.bar.finish_and_clear();
            return Err(refused(errors, written, talk));
        }
        written += count;
        source.bar.set_message(format!("{written} rows"));
    }
    if source.is_file {
        backend.ask(Operation::ImportEnd { collection: arguments.collection.clone() })?;
    }
    source.bar.finish_and_clear();
    talk.say(&format!("{written} rows are in {}.", arguments.collection));
    Ok(())
}

fn refused(errors: &[Value], written: usize, talk: Talk) -> Error {
    for error in errors.iter().take(SHOWN) {
        let line = error.get("line").and_then(Value::as_u64).unwrap_or_default();
        let field =
            error.get("field").and_then(Value::as_str).map_or(String::new(), |field| format!(", {field}"));
        let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
        talk.say(&format!("line {line}{field}: {message}"));
    }
    if errors.len() > SHOWN {
        talk.say(&format!("… and {} more", errors.len() - SHOWN));
    }
    let detail = format!(
        "{written} rows before these are in. Mend the lines and run the same command again; it goes on from there."
    );
    Error::new(Kind::Invalid, "import.refused", detail)
}

impl Source {
    fn open(name: &str) -> Result<Self> {
        let path = Path::new(name);
        let is_file = name != "-";
        let (reader, size): (Box<dyn Read>, u64) = if is_file {
            let file = File::open(path).map_err(|error| unreadable(path, &error))?;
            let size = file.metadata().map(|data| data.len()).unwrap_or(0);
            (Box::new(file), size)
        } else {
            (Box::new(std::io::stdin()), 0)
        };
        let bar = if is_file && std::io::stderr().is_terminal() {
            ProgressBar::new(size)
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}  {eta} left") {
            bar.set_style(style);
        }
        let lines = Box::new(BufReader::with_capacity(1 << 20, reader));
        let mut source = Self { lines, header: None, line: 0, hash: Sha256::new(), bar, is_file };
        if path.extension().is_some_and(|ending| ending == "csv") {
            let header = source.record()?.unwrap_or_default();
            source.header = Some(columns(&header)?);
        }
        Ok(source)
    }

    /// How far it is.
    fn progress(&self) -> Progress {
        let hash = self.hash.clone().finalize();
        Progress { line: self.line, hash: hash.iter().map(|byte| format!("{byte:02x}")).collect() }
    }

    /// Skips what an import of the same lines brought in before; how many rows that were.
    fn take_up(&mut self, found: Value, talk: Talk) -> Result<usize> {
        let Ok(before) = serde_json::from_value::<Progress>(found) else { return Ok(0) };
        let mut rows = 0;
        while self.line < before.line {
            let Some(text) = self.record()? else { break };
            rows += usize::from(!text.trim().is_empty());
        }
        if self.progress() != before {
            let detail = "Another file was being imported here and is not done. Finish that one first, or import this one from a pipe (-).";
            return Err(Error::new(Kind::Conflict, "import.other_file", detail));
        }
        talk.say(&format!("{rows} rows are in already; going on after line {}.", before.line));
        Ok(rows)
    }

    /// The next rows, at most a chunk of them.
    fn chunk(&mut self) -> Result<Vec<Row>> {
        let mut rows = Vec::with_capacity(CHUNK);
        while rows.len() < CHUNK {
            let Some(text) = self.record()? else { break };
            if text.trim().is_empty() {
                continue;
            }
            let line = self.line;
            let values = match &self.header {
                Some(header) => row_of(header, &text, line)?,
                None => serde_json::from_str(&text).map_err(|error| broken(line, &error.to_string()))?,
            };
            rows.push(Row { line, values });
        }
        Ok(rows)
    }

    /// The next line; of CSV the next record, which may hold line breaks inside quotes.
    fn record(&mut self) -> Result<Option<String>> {
        let mut text = String::new();
        loop {
            let before = text.len();
            let failed = |error: std::io::Error| broken(self.line + 1, &error.to_string());
            if self.lines.read_line(&mut text).map_err(failed)? == 0 {
                return Ok((!text.is_empty()).then_some(text));
            }
            let read = text.get(before..).unwrap_or_default();
            self.line += 1;
            self.hash.update(read.as_bytes());
            self.bar.inc(read.len() as u64);
            let is_open = (self.header.is_some() || self.line == 1) && text.matches('"').count() % 2 == 1;
            if !is_open {
                return Ok(Some(text));
            }
        }
    }
}

fn broken(line: u64, why: &str) -> Error {
    Error::new(Kind::Malformed, "import.broken", format!("Line {line} cannot be read: {why}."))
}

fn fields(text: &str) -> Result<Vec<String>, csv::Error> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let record = reader.records().next().transpose()?.unwrap_or_default();
    Ok(record.iter().map(str::to_owned).collect())
}

fn columns(text: &str) -> Result<Vec<String>> {
    let names = fields(text.trim_start_matches('\u{feff}')).map_err(|error| broken(1, &error.to_string()))?;
    let names: Vec<String> = names.into_iter().map(|name| name.trim().to_owned()).collect();
    if names.iter().all(String::is_empty) {
        return Err(broken(1, "the first line of CSV names the fields"));
    }
    Ok(names)
}

fn row_of(header: &[String], text: &str, line: u64) -> Result<Map<String, Value>> {
    let cells = fields(text).map_err(|error| broken(line, &error.to_string()))?;
    if cells.len() != header.len() {
        return Err(broken(
            line,
            &format!("it has {} columns, the first line {}", cells.len(), header.len()),
        ));
    }
    Ok(header.iter().cloned().zip(cells.into_iter().map(Value::String)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str, is_csv: bool) -> Source {
        let lines = Box::new(std::io::Cursor::new(text.to_owned()));
        let bar = ProgressBar::hidden();
        let mut source = Source { lines, header: None, line: 0, hash: Sha256::new(), bar, is_file: true };
        if is_csv {
            let header = source.record().unwrap().unwrap();
            source.header = Some(columns(&header).unwrap());
        }
        source
    }

    #[test]
    fn csv_rows_may_span_lines() {
        let rows = source("title,body\n\"a, b\",\"two\nlines\"\nc,d\n", true).chunk().unwrap();
        let shown: Vec<_> =
            rows.iter().map(|row| (row.line, Value::Object(row.values.clone()).to_string())).collect();
        assert_eq!(shown[0], (3, r#"{"title":"a, b","body":"two\nlines"}"#.to_owned()));
        assert_eq!(shown[1], (4, r#"{"title":"c","body":"d"}"#.to_owned()));
        assert!(
            source("a,b\n1\n", true).chunk().unwrap_err().detail().contains("1 columns, the first line 2")
        );
    }

    #[test]
    fn an_import_goes_on_where_it_was_and_notices_another_file() {
        let talk = Talk::new(arguments::Color::Never);
        let mut first = source("{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n", false);
        first.record().unwrap();
        first.record().unwrap();
        let before = serde_json::to_value(first.progress()).unwrap();
        let mut mended = source("{\"a\":1}\n{\"a\":2}\n{\"a\":4}\n", false);
        assert_eq!(mended.take_up(before.clone(), talk).unwrap(), 2);
        assert_eq!(mended.chunk().unwrap()[0].line, 3);
        assert_eq!(
            source("{\"b\":1}\n{\"a\":2}\n", false).take_up(before, talk).unwrap_err().code(),
            "import.other_file"
        );
    }

    #[test]
    fn a_broken_line_is_named() {
        assert!(
            source("{\"a\":1}\n{oops\n", false)
                .chunk()
                .unwrap_err()
                .detail()
                .starts_with("Line 2 cannot be read")
        );
    }
}
