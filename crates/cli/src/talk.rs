//! How the program talks: data to stdout, everything else to stderr, colored where somebody looks.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the one place that prints")]

use std::io::{IsTerminal, Write};

use mains_base::{Error, Result};

use mains_language::site::{self, Diagnostic};

use crate::arguments::Color;
use crate::site::Trouble;

/// Where words go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Talk {
    colored: bool,
}

impl Talk {
    /// Decides about colors once; `NO_COLOR` (no-color.org) is honored.
    #[expect(clippy::disallowed_methods, reason = "NO_COLOR is no setting of ours")]
    pub(crate) fn new(color: Color) -> Self {
        let colored = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => std::io::stderr().is_terminal() && std::env::var("NO_COLOR").is_err(),
        };
        Self { colored }
    }

    /// A sentence for whoever looks.
    pub(crate) fn say(self, text: &str) {
        eprintln!("{text}");
    }

    /// A mishap, with its stable code.
    fn fail(self, error: &Error) {
        self.error(error.detail());
        for field in error.fields() {
            eprintln!("  {}: {}", field.pointer.trim_start_matches('/'), field.message);
        }
        if let Some(cause) = error.cause() {
            eprintln!("  because: {cause}");
        }
    }

    fn error(self, sentence: &str) {
        let (red, plain) = if self.colored { ("\u{1b}[1;31m", "\u{1b}[0m") } else { ("", "") };
        eprintln!("{red}error{plain}: {sentence}");
    }

    /// A mistake in a file, where it is.
    pub(crate) fn show(self, diagnostic: &Diagnostic) {
        eprintln!("{}", site::render(diagnostic, self.colored));
    }

    /// Whatever stands in the way.
    pub(crate) fn trouble(self, trouble: &Trouble) {
        match trouble {
            Trouble::Failed(error) => self.fail(error),
            Trouble::Settings(problem) => match problem.diagnostic() {
                Some(diagnostic) => self.show(&diagnostic),
                None => self.error(&problem.message),
            },
            Trouble::Written(found) => {
                for diagnostic in found {
                    self.show(diagnostic);
                }
                let noun = if found.len() == 1 { "mistake" } else { "mistakes" };
                self.say(&format!("{} {noun}.", found.len()));
            }
        }
    }

    /// Data: a line on stdout. A reader that went away ends the program quietly.
    pub(crate) fn print(self, line: &str) -> Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(line.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush())?;
        Ok(())
    }
}
