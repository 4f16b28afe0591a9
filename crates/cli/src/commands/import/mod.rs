//! `mains import COLLECTION FILE|-`: JSON Lines, or CSV by the ending. A killed import goes on where it was.

mod source;

use mains_base::{Error, Kind, Result};
use serde_json::Value;

use crate::arguments;
use crate::backend::Backend;
use crate::operations::Operation;
use crate::operations::import::Chunk;
use crate::talk::Talk;
use source::{Mistake, Source};

/// How many mistakes are shown.
const SHOWN: usize = 20;

/// Imports all of it; says how many rows are in.
pub(crate) fn run(backend: &mut Backend, arguments: &arguments::Import, talk: Talk) -> Result<()> {
    let collection = &arguments.collection;
    let mut source = Source::open(&arguments.file)?;
    let mut written = 0;
    if source.is_file() {
        if arguments.fresh {
            backend.ask(Operation::ImportEnd { collection: collection.clone() })?;
        }
        let found = backend.ask(Operation::ImportFind { collection: collection.clone() })?;
        written = take_up(&mut source, found, talk)?;
    }
    loop {
        let chunk = source.chunk().map_err(|error| cut_short(&error, written, source.is_file()))?;
        if !chunk.mistakes.is_empty() {
            source.hide();
            return Err(refused(&chunk.mistakes, written, source.is_file(), talk));
        }
        if chunk.rows.is_empty() {
            break;
        }
        let count = chunk.rows.len();
        let answer = backend.ask(Operation::ImportChunk(Chunk {
            collection: collection.clone(),
            rows: chunk.rows,
            texts: source.is_csv(),
            progress: source.is_file().then(|| source.progress()),
        }))?;
        if let Some(mistakes) = answer.get("errors") {
            let mistakes: Vec<Mistake> = serde_json::from_value(mistakes.clone()).map_err(Error::internal)?;
            source.hide();
            return Err(refused(&mistakes, written, source.is_file(), talk));
        }
        written += count;
        source.show(written);
    }
    if source.is_file() {
        backend.ask(Operation::ImportEnd { collection: collection.clone() })?;
    }
    source.hide();
    talk.say(&format!("{} in {collection}.", rows(written)));
    Ok(())
}

/// Skips what an import of the same lines brought in before; how many rows that were.
fn take_up(source: &mut Source, found: Value, talk: Talk) -> Result<usize> {
    let Ok(before) = serde_json::from_value(found) else { return Ok(0) };
    let Some(skipped) = source.skip_to(&before)? else {
        let detail = "Another file was being imported here and is not done. Finish that one first, or give it up and import \
                      this one from its first line with --fresh.";
        return Err(Error::new(Kind::Conflict, "import.other_file", detail));
    };
    talk.say(&format!("{} in already; going on after line {}.", rows(skipped), before.line));
    Ok(skipped)
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
