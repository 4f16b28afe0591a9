//! How the program talks: data to stdout, everything else to stderr, colored where somebody looks.

use std::io::{ErrorKind, IsTerminal, Write};

use mains_base::{Error, Kind, Result};

use mains_language::site::{self, Diagnostic};

use crate::arguments::Color;
use crate::site::Trouble;

/// The code of an error that is none: whoever read our stdout has seen enough.
const ENOUGH: &str = "cli.reader_gone";

/// Where words go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Talk {
    /// Whether stderr and stdout are colored.
    colored: bool,
    colored_out: bool,
}

/// Colors that mean something.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hue {
    Good,
    Change,
    Bad,
    Faint,
}

impl Talk {
    /// Decides about colors once; `NO_COLOR` (no-color.org) is honored.
    pub(crate) fn new(color: Color) -> Self {
        let wanted = |terminal: bool| match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        Self {
            colored: wanted(std::io::stderr().is_terminal()),
            colored_out: wanted(std::io::stdout().is_terminal()),
        }
    }

    /// Whether words on stderr are colored.
    pub(crate) fn is_colored(self) -> bool {
        self.colored
    }

    /// A sentence for whoever looks.
    #[expect(clippy::unused_self, reason = "whoever talks was given the right to")]
    pub(crate) fn say(self, text: &str) {
        tell(text);
    }

    /// A line for whoever started a server, on stdout; on stderr where nobody reads stdout any more, for a server goes on.
    pub(crate) fn announce(self, line: &str) {
        if self.print(line).is_err() {
            tell(line);
        }
    }

    /// A mishap.
    fn fail(self, error: &Error) {
        // The sentence of a server speaks of a request; here the cause stands below.
        let ours = error.code() == "internal";
        self.error(if ours { "Something went wrong that Mains did not expect." } else { error.detail() });
        for field in error.fields() {
            tell(&format!("  {}: {}", field.pointer.trim_start_matches('/'), field.message));
        }
        // What a constraint is called in the database is no reason for somebody who met it.
        let expected =
            matches!(error.kind(), Kind::Conflict | Kind::Invalid | Kind::NotFound | Kind::Malformed);
        if let Some(cause) = error.cause().filter(|_| !expected) {
            tell(&format!("  because: {cause}"));
        }
    }

    fn error(self, sentence: &str) {
        tell(&format!("{}: {}", paint(self.colored, Hue::Bad, "error"), self.tinted(sentence)));
    }

    /// A text that may hold a plan, its lines in the colors of their marks.
    fn tinted(self, text: &str) -> String {
        let lines: Vec<String> = text.lines().map(|line| tint(self.colored, line)).collect();
        lines.join("\n")
    }

    /// A mistake in a file, where it is.
    pub(crate) fn show(self, diagnostic: &Diagnostic) {
        tell(&site::render(diagnostic, self.colored));
    }

    /// Whatever stands in the way.
    pub(crate) fn trouble(self, trouble: &Trouble) {
        match trouble {
            Trouble::Failed(error) => self.fail(error),
            Trouble::Settings(problem) => {
                if let Some(diagnostic) = problem.diagnostic() {
                    return self.show(&diagnostic);
                }
                let hint = problem.hint.as_ref().map_or(String::new(), |hint| format!(" {hint}"));
                self.error(&format!("{}{hint}", problem.message));
            }
            Trouble::Written(found) => {
                for diagnostic in found {
                    self.show(diagnostic);
                }
                let noun = if found.len() == 1 { "mistake" } else { "mistakes" };
                self.say(&format!("{} {noun}.", found.len()));
            }
        }
    }

    /// A plan as talk, its lines in the colors of their marks.
    pub(crate) fn say_plan(self, plan: &str) {
        self.say(&self.tinted(plan.trim_end()));
    }

    /// A plan as data.
    pub(crate) fn print_plan(self, plan: &str) -> Result<()> {
        plan.trim_end().lines().try_for_each(|line| self.print(&tint(self.colored_out, line)))
    }

    /// Data: a line on stdout.
    #[expect(clippy::unused_self, reason = "whoever talks was given the right to")]
    pub(crate) fn print(self, line: &str) -> Result<()> {
        let mut out = std::io::stdout().lock();
        let written = out.write_all(line.as_bytes()).and_then(|()| out.write_all(b"\n"));
        written.and_then(|()| out.flush()).map_err(gone)
    }

    /// A word of data in a color.
    pub(crate) fn hue(self, hue: Hue, text: &str) -> String {
        paint(self.colored_out, hue, text)
    }

    /// Rows of data, each column as wide as its widest cell; with a heading where somebody looks.
    pub(crate) fn print_table(self, heading: &[&str], rows: &[Vec<String>]) -> Result<()> {
        let heading: Vec<String> = heading.iter().map(|name| (*name).to_owned()).collect();
        let shown = std::io::stdout().is_terminal();
        let lines = aligned(shown.then_some(&heading).into_iter().chain(rows));
        for (number, line) in lines.iter().enumerate() {
            let line = if shown && number == 0 { self.hue(Hue::Faint, line) } else { line.clone() };
            self.print(&line)?;
        }
        Ok(())
    }
}

/// A line on stderr. Where that is closed, there is nobody to tell.
fn tell(line: &str) {
    drop(std::io::stderr().lock().write_all(format!("{line}\n").as_bytes()));
}

/// What writing to stdout failed with. A reader that went away ends the program quietly.
#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
pub(crate) fn gone(error: std::io::Error) -> Error {
    if error.kind() == ErrorKind::BrokenPipe {
        return Error::new(Kind::Unavailable, ENOUGH, "The reader of the output went away.");
    }
    Error::new(Kind::Internal, "cli.not_written", format!("The output cannot be written: {error}."))
}

/// Whether it only says that the reader went away.
pub(crate) fn is_enough(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::Failed(error) if error.code() == ENOUGH)
}

/// The cells under each other. The last one of a row is not filled up.
fn aligned<'r>(rows: impl Iterator<Item = &'r Vec<String>> + Clone) -> Vec<String> {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows.clone() {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.map(line).collect()
}

/// A line of a plan in the color of its mark.
fn tint(colored: bool, line: &str) -> String {
    let hue = match line.get(..2) {
        Some("+ ") => Hue::Good,
        Some("~ ") => Hue::Change,
        Some("- " | "! ") => Hue::Bad,
        _ => return line.to_owned(),
    };
    let (mark, rest) = line.split_at(1);
    format!("{}{rest}", paint(colored, hue, mark))
}

/// A text in a color.
pub(crate) fn paint(colored: bool, hue: Hue, text: &str) -> String {
    let code = match hue {
        Hue::Good => "1;32",
        Hue::Change => "1;33",
        Hue::Bad => "1;31",
        Hue::Faint => "2",
    };
    if colored { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_under_each_other() {
        let rows =
            [vec!["a".to_owned(), "bcd".to_owned(), String::new()], vec!["éfg".to_owned(), "h".to_owned()]];
        assert_eq!(aligned(rows.iter()), ["a    bcd", "éfg  h"]);
    }

    #[test]
    fn marks_of_a_plan_are_colored() {
        assert_eq!(tint(true, "+ field a.b"), "\u{1b}[1;32m+\u{1b}[0m field a.b");
        assert_eq!(tint(false, "- field a.b"), "- field a.b");
        assert_eq!(tint(true, "–"), "–");
    }
}
