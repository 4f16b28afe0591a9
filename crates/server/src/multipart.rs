//! `multipart/form-data` (RFC 7578): the fields of a form that could also hold files.
//!
//! Always true: the whole body is here already and bounded; so are the parts and their heads.

use mains_base::{Error, Kind, Result};
use memchr::memmem;

/// Parts of one form.
const PARTS: usize = 1_000;
/// Bytes of a part's head.
const HEAD: usize = 4_096;

/// The fields of a form, in order. A file is refused until files are built; an empty choice of one is no file.
pub(crate) fn fields(boundary: &str, body: &[u8]) -> Result<Vec<(String, String)>> {
    let mark = format!("\r\n--{boundary}");
    let first = format!("--{boundary}");
    let rest = body.strip_prefix(first.as_bytes()).or_else(|| {
        // What stands before the first mark is to be ignored.
        memmem::find(body, mark.as_bytes()).and_then(|at| body.get(at + mark.len()..))
    });
    let mut rest = rest.ok_or_else(broken)?;
    let mut found = Vec::new();
    while !rest.starts_with(b"--") {
        let part = skip_padding(rest).ok_or_else(broken)?;
        let end = memmem::find(part, mark.as_bytes()).ok_or_else(broken)?;
        let (content, after) = part.split_at_checked(end).ok_or_else(broken)?;
        if let Some(field) = field(content)? {
            found.push(field);
        }
        if found.len() > PARTS {
            return Err(malformed("The form has more fields than one request may."));
        }
        rest = after.get(mark.len()..).ok_or_else(broken)?;
    }
    Ok(found)
}

/// What follows a mark up to the end of its line.
fn skip_padding(rest: &[u8]) -> Option<&[u8]> {
    let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    rest.get(padding..)?.strip_prefix(b"\r\n")
}

fn field(part: &[u8]) -> Result<Option<(String, String)>> {
    // A part without headers begins with the empty line.
    let end = memmem::find(part, b"\r\n\r\n").filter(|end| *end <= HEAD).ok_or_else(broken)?;
    let head = part.get(..end).and_then(|head| std::str::from_utf8(head).ok()).ok_or_else(broken)?;
    let content = part.get(end + 4..).unwrap_or_default();
    let disposition = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let disposition = disposition.filter(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"));
    let disposition = disposition.map(|(_, value)| value).next().ok_or_else(broken)?;
    let name = parameter(disposition, "name").ok_or_else(broken)?;
    if parameter(disposition, "filename").is_some() {
        if content.is_empty() {
            return Ok(None);
        }
        let detail = format!("The file in {name} cannot be taken yet: files are not built. Leave it out.");
        return Err(Error::new(Kind::NotImplemented, "not_yet", detail));
    }
    let text = std::str::from_utf8(content).map_err(|_| broken())?;
    Ok(Some((name, text.to_owned())))
}

/// A parameter of `Content-Disposition`, as browsers write it: in quotes, with `%22` for a quote in it.
fn parameter(disposition: &str, name: &str) -> Option<String> {
    let mut rest = disposition;
    loop {
        let (_, after) = rest.split_once(';')?;
        let after = after.trim_start();
        let (key, value) = after.split_once('=')?;
        let (value, behind) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.split_once(';').map_or((value, ""), |(value, _)| (value, value_tail(after))),
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value.trim().replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"));
        }
        rest = behind;
    }
}

/// From the semicolon behind an unquoted value.
fn value_tail(text: &str) -> &str {
    text.find(';').and_then(|at| text.get(at..)).unwrap_or_default()
}

fn broken() -> Error {
    malformed("The form is not multipart/form-data as its Content-Type says; send it again as browsers do.")
}

fn malformed(detail: &'static str) -> Error {
    Error::new(Kind::Malformed, "forms.unreadable", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(head: &str, content: &str) -> String {
        format!("--x\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n")
    }

    fn read(body: &str) -> Result<Vec<(String, String)>> {
        fields("x", body.as_bytes())
    }

    #[test]
    fn fields_in_order_and_empty_files_left_out() {
        let body = part("name=\"a\"", "1\r\n2")
            + &part("name=\"b\"; filename=\"\"", "")
            // The mark counts at the beginning of a line alone, where no content may hold it (RFC 2046, 5.1.1).
            + &part("name=c", "a--x")
            + "--x--\r\n";
        let found = read(&format!("before\r\n{body}")).unwrap();
        assert_eq!(found, [("a".into(), "1\r\n2".into()), ("c".into(), "a--x".into())]);
        assert!(read("--x--").unwrap().is_empty());
    }

    #[test]
    fn what_is_broken_or_not_built_is_told() {
        let file = part("name=\"b\"; filename=\"a.png\"", "bytes") + "--x--";
        assert_eq!(read(&file).unwrap_err().code(), "not_yet");
        let whole = part("name=\"a\"", "1") + "--x--";
        for end in 0..whole.len() - 4 {
            assert!(read(&whole[..end]).is_err(), "{end}");
        }
        for bad in
            ["", "x", "--x\r\n\r\n\r\n--x--", "--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--"]
        {
            assert_eq!(read(bad).unwrap_err().code(), "forms.unreadable", "{bad}");
        }
    }
}
