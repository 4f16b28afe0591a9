//! What is wrong with a file, where, and what to do; drawn so that people like to read it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The site does not start with it.
    Error,
    /// Worth a second look.
    Warning,
}

/// One thing to say about one place of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file, as the layer named it.
    pub path: String,
    /// Its whole text.
    pub source: Arc<str>,
    /// Bytes of the text that it is about.
    pub span: Range<usize>,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// The line, from 1.
    pub fn line(&self) -> usize {
        let before = self.source.get(..self.span.start).unwrap_or_default();
        before.matches('\n').count() + 1
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line(), self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " {hint}"))
    }
}

/// Draws a diagnostic: the sentence, the line with a caret, what to do.
pub fn render(diagnostic: &Diagnostic, colored: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let length = diagnostic.source.len();
    let start = diagnostic.span.start.min(length);
    let span = start..diagnostic.span.end.clamp(start, length);
    let snippet = Snippet::source(&*diagnostic.source)
        .path(diagnostic.path.as_str())
        .annotation(AnnotationKind::Primary.span(span));
    let mut group = level.primary_title(diagnostic.message.as_str()).element(snippet);
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.message(hint.as_str()));
    }
    let renderer = if colored { Renderer::styled() } else { Renderer::plain() };
    renderer.decor_style(DecorStyle::Ascii).render(&[group])
}
