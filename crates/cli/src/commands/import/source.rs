//! A file or pipe that is being imported, read chunk by chunk.
//!
//! Invariant: the hash covers exactly the lines that were given out or skipped, so it says whether a file is still the
//! one that an import began with.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use mains_base::{Error, Kind, Result};
use mains_language::values::{FlawKind, flaws};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::files::unreadable;
use crate::operations::import::{Progress, Row};

/// Rows of one transaction, and bytes after which it takes no more.
const CHUNK: usize = 500;
const CHUNK_BYTES: usize = 4 << 20;
/// The longest row, in bytes.
const LONGEST: usize = 16 << 20;

/// What is being imported.
pub(super) struct Source {
    lines: Box<dyn BufRead>,
    is_csv: bool,
    /// The names of the columns, for CSV.
    header: Vec<String>,
    /// The last line that was read.
    line: u64,
    hash: Sha256,
    bar: ProgressBar,
    /// A pipe cannot be taken up again.
    is_file: bool,
}

/// Rows that belong together, and what is wrong with the lines among them that are none.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    pub(super) mistakes: Vec<Mistake>,
}

/// What is wrong with a line.
#[derive(Debug, Deserialize)]
pub(super) struct Mistake {
    pub(super) line: u64,
    pub(super) field: Option<String>,
    pub(super) message: String,
}

impl Source {
    /// Opens a file by its name, or stdin as `-`.
    pub(super) fn open(name: &str) -> Result<Self> {
        if name == "-" {
            let bar = bar(None);
            return Self::over(Box::new(std::io::stdin()), bar, false);
        }
        let path = Path::new(name);
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
        if metadata.is_dir() {
            let detail = format!("{name} is a folder; name a .jsonl or .csv file.");
            return Err(Error::new(Kind::Invalid, "import.folder", detail));
        }
        let is_csv = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
        // A named pipe or /dev/stdin can be read once, like a pipe.
        let size = metadata.is_file().then_some(metadata.len());
        let mut source = Self::over(Box::new(file), bar(size), is_csv)?;
        source.is_file = metadata.is_file();
        Ok(source)
    }

    fn over(reader: Box<dyn Read>, bar: ProgressBar, is_csv: bool) -> Result<Self> {
        let lines = Box::new(BufReader::with_capacity(1 << 20, reader));
        let mut source =
            Self { lines, is_csv, header: Vec::new(), line: 0, hash: Sha256::new(), bar, is_file: false };
        if is_csv {
            let first = source.record()?.unwrap_or_default();
            source.header = columns(&first)?;
        }
        Ok(source)
    }

    pub(super) fn is_file(&self) -> bool {
        self.is_file
    }

    pub(super) fn is_csv(&self) -> bool {
        self.is_csv
    }

    /// Shows how many rows are in.
    pub(super) fn show(&self, written: usize) {
        self.bar.set_message(format!("{written} rows"));
    }

    /// Takes the bar away, so that words can be said.
    pub(super) fn hide(&self) {
        self.bar.finish_and_clear();
    }

    /// How far it is.
    pub(super) fn progress(&self) -> Progress {
        let hash = self.hash.clone().finalize();
        let hex = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let hash = hex.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
        Progress { line: self.line, hash }
    }

    /// Reads up to where an import was before; how many rows that were, or none when the lines are others.
    pub(super) fn skip_to(&mut self, before: &Progress) -> Result<Option<usize>> {
        let mut rows = 0;
        while self.line < before.line {
            let Some(text) = self.record()? else { break };
            rows += usize::from(!is_blank(&text));
        }
        Ok((self.progress() == *before).then_some(rows))
    }

    /// The next rows, at most a chunk of them; none at the end.
    pub(super) fn chunk(&mut self) -> Result<Rows> {
        let (mut chunk, mut bytes) = (Rows::default(), 0);
        while chunk.rows.len() + chunk.mistakes.len() < CHUNK && bytes < CHUNK_BYTES {
            let Some(text) = self.record()? else { break };
            let text = text.trim_start_matches('\u{feff}');
            if is_blank(text) {
                continue;
            }
            bytes += text.len();
            let line = self.line;
            match if self.is_csv { row_of(&self.header, text) } else { object(text) } {
                Ok(values) => chunk.rows.push(Row { line, values }),
                Err(message) => chunk.mistakes.push(Mistake { line, field: None, message }),
            }
        }
        Ok(chunk)
    }

    /// The next line; of CSV the next record, which may hold line breaks inside quotes.
    fn record(&mut self) -> Result<Option<String>> {
        let (mut text, mut quotes) = (String::new(), 0);
        loop {
            let before = text.len();
            let failed = |why: &str| broken(self.line + 1, why);
            let room = (LONGEST + 1).saturating_sub(before) as u64;
            let count = (&mut self.lines).take(room).read_line(&mut text);
            let count = count.map_err(|error| failed(&reason(&error)))?;
            if count == 0 {
                return if quotes % 2 == 1 {
                    Err(failed("a quote is opened and never closed"))
                } else {
                    Ok((!text.is_empty()).then_some(text))
                };
            }
            if text.len() > LONGEST {
                return Err(failed("it is longer than 16 MiB; perhaps a quote or a line break is missing"));
            }
            let read = text.get(before..).unwrap_or_default();
            self.line += 1;
            self.hash.update(read.as_bytes());
            self.bar.inc(count as u64);
            quotes += if self.is_csv { read.matches('"').count() } else { 0 };
            if quotes % 2 == 0 {
                return Ok(Some(text));
            }
        }
    }
}

/// A bar for a file of a known size, a count for a pipe; nothing where nobody looks.
fn bar(size: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, style) = match size {
        Some(size) => (ProgressBar::new(size), "{bar:30} {percent:>3} %  {msg}  {eta} left"),
        None => (ProgressBar::new_spinner(), "{spinner} {msg}  {elapsed}"),
    };
    match ProgressStyle::with_template(style) {
        Ok(style) => bar.with_style(style.progress_chars("━━ ")),
        Err(_) => bar,
    }
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::InvalidData => "it is not UTF-8".to_owned(),
        _ => error.to_string(),
    }
}

fn broken(line: u64, why: &str) -> Error {
    Error::new(Kind::Malformed, "import.broken", format!("Line {line} cannot be read: {why}."))
}

/// Whether it is no row. A blank between line breaks may be the one cell of a row.
fn is_blank(text: &str) -> bool {
    text.trim_matches(['\r', '\n']).is_empty()
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    // A number is its field's matter: where it holds no JSON, it rounds or refuses.
    if let Some(flaw) = flaws(text.as_bytes()).into_iter().find(|flaw| flaw.kind == FlawKind::Twice)
        && serde_json::from_str::<Map<String, Value>>(text).is_ok()
    {
        return Err(format!("{} comes twice; say it once.", flaw.pointer));
    }
    serde_json::from_str(text).map_err(|error| {
        let why = error.to_string();
        let why = why.split(" at line ").next().unwrap_or_default().to_owned();
        match error.classify() {
            serde_json::error::Category::Data => {
                "This is no JSON object such as {\"title\": \"…\"}.".to_owned()
            }
            _ => format!("This is no JSON: {why} at column {}.", error.column()),
        }
    })
}

fn fields(text: &str) -> Result<Vec<String>, csv::Error> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let record = reader.records().next().transpose()?.unwrap_or_default();
    Ok(record.iter().map(str::to_owned).collect())
}

fn columns(text: &str) -> Result<Vec<String>> {
    let names = fields(text.trim_start_matches('\u{feff}')).map_err(|error| broken(1, &error.to_string()))?;
    let names: Vec<String> = names.into_iter().map(|name| name.trim().to_owned()).collect();
    if names.iter().any(String::is_empty) || names.is_empty() {
        return Err(broken(1, "the first line of CSV names the field of every column"));
    }
    if let Some((_, twice)) =
        names.iter().enumerate().find(|(at, name)| names.iter().take(*at).any(|one| one == *name))
    {
        return Err(broken(1, &format!("two columns are named {twice}")));
    }
    Ok(names)
}

fn row_of(header: &[String], text: &str) -> Result<Map<String, Value>, String> {
    let cells = fields(text).map_err(|error| error.to_string())?;
    if cells.len() != header.len() {
        return Err(format!("It has {} columns, the first line {}.", cells.len(), header.len()));
    }
    Ok(header.iter().cloned().zip(cells.into_iter().map(Value::String)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str, is_csv: bool) -> Source {
        let reader = Box::new(std::io::Cursor::new(text.to_owned()));
        Source::over(reader, ProgressBar::hidden(), is_csv).unwrap()
    }

    fn mistakes(text: &str, is_csv: bool) -> Vec<String> {
        let found = source(text, is_csv).chunk().unwrap().mistakes;
        found.iter().map(|mistake| format!("{}: {}", mistake.line, mistake.message)).collect()
    }

    #[test]
    fn csv_rows_may_span_lines() {
        let rows = source("title,body\n\"a, b\",\"two\nlines\"\nc,d\n", true).chunk().unwrap().rows;
        let shown: Vec<_> =
            rows.iter().map(|row| (row.line, Value::Object(row.values.clone()).to_string())).collect();
        assert_eq!(shown[0], (3, r#"{"title":"a, b","body":"two\nlines"}"#.to_owned()));
        assert_eq!(shown[1], (4, r#"{"title":"c","body":"d"}"#.to_owned()));
        assert_eq!(mistakes("a,b\n1\n", true), ["2: It has 1 columns, the first line 2."]);
        let open = source("a,b\n1,\"2\n", true).chunk().err().unwrap();
        assert_eq!(open.detail(), "Line 3 cannot be read: a quote is opened and never closed.");
    }

    #[test]
    fn json_may_hold_any_number_of_quotes_in_its_first_line() {
        let rows = source("\u{feff}{\"a\":\"5\\\" wide\"}\r\n{\"a\":\"b\"}", false).chunk().unwrap().rows;
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn an_import_goes_on_where_it_was_and_notices_another_file() {
        let mut first = source("{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n", false);
        first.record().unwrap();
        first.record().unwrap();
        let before = first.progress();
        let mut mended = source("{\"a\":1}\n{\"a\":2}\n{\"a\":4}\n", false);
        assert_eq!(mended.skip_to(&before).unwrap(), Some(2));
        assert_eq!(mended.chunk().unwrap().rows[0].line, 3);
        assert_eq!(source("{\"b\":1}\n{\"a\":2}\n", false).skip_to(&before).unwrap(), None);
        assert_eq!(source("{\"a\":1}\n", false).skip_to(&before).unwrap(), None);
    }

    #[test]
    fn every_broken_line_is_named() {
        assert_eq!(
            mistakes("{\"a\":1}\n{oops\n[1]\n", false),
            [
                "2: This is no JSON: key must be a string at column 2.",
                "3: This is no JSON object such as {\"title\": \"…\"}."
            ]
        );
        let twice = "{\"a\":1,\"a\":2}\n{\"a\":{\"b\":[{\"c\":1,\"c\":1}]}}\n";
        assert_eq!(
            mistakes(twice, false),
            ["1: /a comes twice; say it once.", "2: /a/b/0/c comes twice; say it once."]
        );
    }

    #[test]
    fn columns_have_names_of_their_own() {
        for (first, part) in
            [("a,a\n", "two columns are named a"), ("a,\n", "names the field"), ("", "names the field")]
        {
            assert!(columns(first).unwrap_err().detail().contains(part), "{first}");
        }
    }
}
