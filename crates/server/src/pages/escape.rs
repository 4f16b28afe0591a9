//! Texts as HTML: what a template shows is text, whatever it holds.

use std::fmt::Write;

use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Error, Output, State, escape_formatter};

/// Writes a value: null is nothing, a text is escaped.
pub(super) fn show(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_none() {
        return Ok(());
    }
    if value.kind() == ValueKind::Bool {
        return Ok(out.write_str(if value.is_true() { "true" } else { "false" })?);
    }
    match value.as_str().filter(|_| !value.is_safe() && matches!(state.auto_escape(), AutoEscape::Html)) {
        Some(text) => Ok(write(out, text)?),
        None => escape_formatter(out, state, value),
    }
}

/// Writes a text for an element or a quoted attribute (OWASP, output encoding for HTML contexts).
pub(super) fn write(out: &mut impl Write, text: &str) -> std::fmt::Result {
    let mut from = 0;
    let clean = clean(text.as_bytes());
    for (at, byte) in text.bytes().enumerate().skip(clean) {
        let escaped = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            b'\'' => "&#39;",
            _ => continue,
        };
        out.write_str(text.get(from..at).unwrap_or_default())?;
        out.write_str(escaped)?;
        from = at + 1;
    }
    out.write_str(text.get(from..).unwrap_or_default())
}

/// How many bytes at the front need no look of their own: whole blocks without anything to escape. A block is judged
/// without a branch, so that the compiler does it with wide registers.
fn clean(bytes: &[u8]) -> usize {
    const BLOCK: usize = 16;
    let escaped = |block: &&[u8; BLOCK]| {
        let marked = block.iter().map(|byte| u8::from(matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'')));
        marked.fold(0, |marks, mark| marks | mark) == 1
    };
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    blocks.iter().take_while(|block| !escaped(block)).count() * BLOCK
}

/// A value as a plain text: null is nothing.
pub(super) fn plain(value: &Value) -> String {
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => String::new(),
        ValueKind::Bool => if value.is_true() { "true" } else { "false" }.to_owned(),
        _ => value.to_string(),
    }
}

/// The same as a text.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    // Writing to a text does not fail.
    let _ = write(&mut out, text);
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_gets_out_of_an_attribute_or_an_element() {
        assert_eq!(
            super::escaped("<a href='x' b=\"y\">&é"),
            "&lt;a href=&#39;x&#39; b=&quot;y&quot;&gt;&amp;é"
        );
        for length in 0..70 {
            for (sign, shown) in
                [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&#39;")]
            {
                let (before, behind) = ("é".repeat(length), "x".repeat(20));
                let text = format!("{before}{sign}{behind}{sign}");
                assert_eq!(super::escaped(&text), format!("{before}{shown}{behind}{shown}"));
            }
        }
    }
}
