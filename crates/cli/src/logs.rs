//! The program's own log: structured lines on stderr; under `dev` a short line per request, for a person.

use std::fmt::{self, Debug, Write};
use std::io::IsTerminal;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::settings::Log;
use crate::talk::{Hue, paint};

/// Where the lines of requests come from.
const REQUESTS: &str = "mains::request";

/// Begins to log, all parts at the one level of the settings.
pub(crate) fn start(log: &Log) {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&log.level))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let begun =
        if log.format == "json" { lines.json().try_init() } else { lines.with_target(false).try_init() };
    drop(begun);
}

/// Begins to log for whoever sits before it: requests, and what goes wrong.
pub(crate) fn start_short(log: &Log, colored: bool) {
    if log.format == "json" {
        return start(log);
    }
    let level = if log.level == "info" { format!("warn,{REQUESTS}=info") } else { log.level.clone() };
    let lines = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(level)).with_writer(std::io::stderr);
    drop(lines.event_format(Short { colored }).try_init());
}

struct Short {
    colored: bool,
}

impl<S, N> FormatEvent<S, N> for Short
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut words = Words::default();
        event.record(&mut words);
        if event.metadata().target() == REQUESTS {
            return writeln!(writer, "{}", words.request(self.colored));
        }
        let hue = if *event.metadata().level() <= Level::WARN { Hue::Bad } else { Hue::Faint };
        let level = event.metadata().level().as_str().to_lowercase();
        writeln!(writer, "{}: {}", paint(self.colored, hue, &level), words.sentence())
    }
}

/// The fields of a line.
#[derive(Default)]
struct Words(Vec<(&'static str, String)>);

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}

impl Words {
    fn find(&self, name: &str) -> &str {
        self.0.iter().find(|(found, _)| *found == name).map_or("", |(_, value)| value)
    }

    /// `GET    200    1.2 ms  /api/notes`
    fn request(&self, colored: bool) -> String {
        let status = self.find("status");
        let hue = match status.chars().next() {
            Some('2' | '3') => Hue::Good,
            Some('4') => Hue::Change,
            _ => Hue::Bad,
        };
        // A head that could not be read was answered in no time worth a number.
        let micros = self.find("micros").parse::<u32>().ok();
        let route = self.find("route").replace("{collection}", self.find("collection"));
        let took = micros.map_or_else(String::new, |micros| format!("{:.1} ms", f64::from(micros) / 1000.0));
        format!("{:6} {}  {took:>9}  {route}", self.find("method"), paint(colored, hue, status))
    }

    /// `a request failed (code=internal)`
    fn sentence(&self) -> String {
        let mut sentence = self.find("message").to_owned();
        for (name, value) in self.0.iter().filter(|(name, _)| *name != "message") {
            // Writing to a text does not fail.
            let _ = write!(sentence, " {name}={value}");
        }
        sentence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_short_line() {
        let words = [
            ("method", "GET"),
            ("route", "/api/{collection}/{id}"),
            ("collection", "notes"),
            ("status", "404"),
            ("micros", "1234"),
        ];
        let words = Words(words.map(|(name, value)| (name, value.to_owned())).to_vec());
        assert_eq!(words.request(false), "GET    404     1.2 ms  /api/notes/{id}");
        assert!(words.request(true).contains("\u{1b}[1;33m404"));
    }
}
