//! `mains import COLLECTION FILE|-`: JSON Lines, or CSV by the ending. A killed import goes on where it was.

mod source;

use mains_base::{Error, Kind, Result};
use serde_json::Value;

use crate::arguments;
use crate::backend::Backend;
use crate::operations::Operation;
use crate::operations::import::{Chunk, Progress, Row, Step};
use crate::talk::Talk;
use source::{Mistake, Source};

/// How many mistakes are shown.
const SHOWN: usize = 20;

/// Imports all of it; says how many rows are in.
pub(crate) fn run(backend: &mut Backend, arguments: &arguments::Import, talk: Talk) -> Result<()> {
    let collection = &arguments.collection;
    let mut source = Source::open(&arguments.file)?;
    let mut reached = Reached::default();
    if source.is_file() {
        if arguments.fresh {
            backend.ask(Operation::ImportEnd { collection: collection.clone(), at: None })?;
        }
        let found = backend.ask(Operation::ImportFind { collection: collection.clone() })?;
        reached = take_up(&mut source, found, talk)?;
    }
    loop {
        let is_file = source.is_file();
        let chunk = source.chunk().map_err(|error| cut_short(&error, reached.rows, is_file))?;
        let mut mistakes = chunk.mistakes;
        if mistakes.is_empty() {
            if chunk.rows.is_empty() {
                break;
            }
            mistakes = put(backend, (collection, &source), chunk.rows, &mut reached)?;
        }
        if !mistakes.is_empty() {
            source.hide();
            return Err(refused(&mistakes, reached.rows, is_file, talk));
        }
        source.show(reached.rows);
    }
    if reached.at.is_some() {
        backend.ask(Operation::ImportEnd { collection: collection.clone(), at: reached.at })?;
    }
    source.hide();
    talk.say(&format!("{} in {collection}.", rows(reached.rows)));
    Ok(())
}

/// How far it is.
#[derive(Debug, Default)]
struct Reached {
    rows: usize,
    /// As the database notes it, for a file.
    at: Option<Progress>,
}

/// Writes rows that were read; what is wrong with them, when nothing of them is written.
fn put(
    backend: &mut Backend,
    (collection, source): (&str, &Source),
    rows: Vec<Row>,
    reached: &mut Reached,
) -> Result<Vec<Mistake>> {
    let count = rows.len();
    let to = source.is_file().then(|| source.progress());
    let step = to.clone().map(|to| Step { from: reached.at.clone(), to });
    let chunk = Chunk { collection: collection.to_owned(), rows, texts: source.is_csv(), step };
    let answer = backend.ask(Operation::ImportChunk(chunk))?;
    if let Some(mistakes) = answer.get("errors") {
        return serde_json::from_value(mistakes.clone()).map_err(Error::internal);
    }
    reached.rows += count;
    reached.at = to;
    Ok(Vec::new())
}

/// Skips what an import of the same lines brought in before.
fn take_up(source: &mut Source, found: Value, talk: Talk) -> Result<Reached> {
    let Ok(before) = serde_json::from_value(found) else { return Ok(Reached::default()) };
    let Some(skipped) = source.skip_to(&before)? else {
        let detail = "Another file was being imported here and is not done. Finish that one first, or give it up and import \
                      this one from its first line with --fresh.";
        return Err(Error::new(Kind::Conflict, "import.other_file", detail));
    };
    talk.say(&format!("{} in already; going on after line {}.", rows(skipped), before.line));
    Ok(Reached { rows: skipped, at: Some(before) })
}

fn rows(count: usize) -> String {
    if count == 1 { "1 row is".to_owned() } else { format!("{count} rows are") }
}

/// What is in already, and how to go on.
fn on(written: usize, is_file: bool) -> String {
    let before = format!("{} in before that.", rows(written));
    if is_file {
        format!("{before} Mend the file and run the same command again; it goes on from there.")
    } else {
        format!("{before} A pipe cannot be taken up again: mend the rows and send those that are not in.")
    }
}

fn cut_short(error: &Error, written: usize, is_file: bool) -> Error {
    Error::new(Kind::Malformed, "import.broken", format!("{} {}", error.detail(), on(written, is_file)))
}

fn refused(mistakes: &[Mistake], written: usize, is_file: bool, talk: Talk) -> Error {
    for mistake in mistakes.iter().take(SHOWN) {
        let field = mistake.field.as_ref().map_or(String::new(), |field| format!(", {field}"));
        talk.say(&format!("line {}{field}: {}", mistake.line, mistake.message));
    }
    if mistakes.len() > SHOWN {
        talk.say(&format!("… and {} more", mistakes.len() - SHOWN));
    }
    Error::new(Kind::Invalid, "import.refused", on(written, is_file))
}
