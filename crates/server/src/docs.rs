//! The page that the `type` of every problem leads to: `docs/errors.md`, as a browser shows it.
//!
//! Invariant: each code of the page is the id of its row, so that `/api/docs/errors#records.invalid` leads to it.

use futures_util::future::{BoxFuture, FutureExt, ready};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use mains_base::Result;

use crate::body::Body;
use crate::request::Sent;
use crate::router::{Call, Door, Response};

const PAGE: &str = include_str!("../../../docs/errors.md");

/// Where the page is.
pub(crate) fn door() -> Door {
    Door::new("/api/docs/errors", "GET, HEAD, OPTIONS", handle)
}

fn handle<'r>(_: &'r Call<'r>, _: Sent) -> BoxFuture<'r, Result<Response>> {
    let mut response = Response::new(Body::from(bytes::Bytes::from(html(PAGE))));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    ready(Ok(response)).boxed()
}

/// What a line of the page belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Nothing,
    Text,
    Table,
    Fence,
}

/// The Markdown that the page is written in: headings, paragraphs, tables, fences, code and links.
fn html(page: &str) -> String {
    let mut html =
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Errors</title>".to_owned();
    let (mut part, mut seen) = (Part::Nothing, Vec::new());
    for line in page.lines() {
        let next = part_of(line, part);
        if next != part {
            html.push_str(closed(part));
            html.push_str(opened(next));
            part = next;
        }
        match part {
            Part::Fence if !line.starts_with("```") => html.extend([&*escaped(line), "\n"]),
            Part::Table if !line.starts_with("| ---") => row(line, &mut seen, &mut html),
            Part::Text => html.extend([&*inline(line), "\n"]),
            Part::Nothing => heading(line, &mut html),
            Part::Fence | Part::Table => {}
        }
        if part == Part::Fence && line == "```" {
            html.push_str(closed(part));
            part = Part::Nothing;
        }
    }
    html.push_str(closed(part));
    html
}

fn part_of(line: &str, before: Part) -> Part {
    match line {
        _ if before == Part::Fence => Part::Fence,
        _ if line.starts_with("```") => Part::Fence,
        _ if line.starts_with('|') => Part::Table,
        _ if line.is_empty() || line.starts_with('#') => Part::Nothing,
        _ => Part::Text,
    }
}

fn opened(part: Part) -> &'static str {
    match part {
        Part::Nothing => "",
        Part::Text => "<p>",
        Part::Table => "<table>\n",
        Part::Fence => "<pre>",
    }
}

fn closed(part: Part) -> &'static str {
    match part {
        Part::Nothing => "",
        Part::Text => "</p>\n",
        Part::Table => "</table>\n",
        Part::Fence => "</pre>\n",
    }
}

fn heading(line: &str, html: &mut String) {
    let title = line.trim_start_matches('#');
    let level = line.len() - title.len();
    if level > 0 {
        let tag = format!("h{level}>");
        html.extend(["<", &*tag, &inline(title.trim()), "</", &tag, "\n"]);
    }
}

fn row<'l>(line: &'l str, seen: &mut Vec<&'l str>, html: &mut String) {
    let code = line.strip_prefix("| `").and_then(|rest| rest.split('`').next());
    match code.filter(|code| !seen.contains(code)) {
        Some(code) => {
            seen.push(code);
            html.extend(["<tr id=\"", &*escaped(code), "\">"]);
        }
        None => html.push_str("<tr>"),
    }
    for cell in line.trim_matches('|').split(" | ") {
        html.extend(["<td>", &*inline(cell.trim()), "</td>"]);
    }
    html.push_str("</tr>\n");
}

/// Code between backticks, and links.
fn inline(text: &str) -> String {
    let mut html = String::new();
    for (at, piece) in text.split('`').enumerate() {
        if at % 2 == 1 {
            html.extend(["<code>", &*escaped(piece), "</code>"]);
            continue;
        }
        let mut rest = piece;
        while let Some((before, name, target, after)) = link(rest) {
            let (before, name, target) = (escaped(before), escaped(name), escaped(target));
            html.extend([&*before, "<a href=\"", &target, "\">", &name, "</a>"]);
            rest = after;
        }
        html.push_str(&escaped(rest));
    }
    html
}

/// `before [name](target) after`
fn link(text: &str) -> Option<(&str, &str, &str, &str)> {
    let (before, rest) = text.split_once('[')?;
    let (name, rest) = rest.split_once("](")?;
    let (target, after) = rest.split_once(')')?;
    Some((before, name, target, after))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_leads_to_its_row() {
        let page = "# T\n\nSee [x](https://x.example/?a&b)\nand `<b>`.\n\n| code | |\n| --- | --- |\n| `a.b` | Say `x`. |\n\n```json\n{}\n\n```\n\nEnd.\n| `a.b` | again |";
        assert_eq!(
            html(page).split_once("</title>").unwrap().1,
            "<h1>T</h1>\n<p>See <a href=\"https://x.example/?a&amp;b\">x</a>\nand <code>&lt;b&gt;</code>.\n</p>\n\
             <table>\n<tr><td>code</td><td></td></tr>\n<tr id=\"a.b\"><td><code>a.b</code></td><td>Say <code>x</code>.</td></tr>\n</table>\n\
             <pre>{}\n\n</pre>\n<p>End.\n</p>\n<table>\n<tr><td><code>a.b</code></td><td>again</td></tr>\n</table>\n"
        );
    }

    #[test]
    fn the_page_has_every_code_once() {
        let html = html(PAGE);
        for code in ["not_found", "records.invalid", "too_long", "cli.settings"] {
            assert_eq!(html.matches(&format!("id=\"{code}\"")).count(), 1, "{code}");
        }
    }
}
