//! `/mails`: the mails that were kept, in `dev` alone.

use bytes::Bytes;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use mains_base::{Error, Kind, Result};
use mains_database::engine::Engine;

use super::kept::{self, Kept};
use crate::body::Body;
use crate::percent;
use crate::records::origin;
use crate::router::{Door, Response};

/// The page loads nothing; the HTML of a mail is shown in a frame that may do nothing but show.
const OF_LIST: &str =
    "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; frame-ancestors 'none'";
const OF_MAIL: &str = "sandbox allow-popups allow-top-navigation-by-user-activation; default-src 'none'; \
    style-src 'unsafe-inline'; img-src * data:; frame-ancestors 'self'";

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
    color-scheme:light dark}li{margin:.5rem 0}time{opacity:.7}pre{white-space:pre-wrap;border:1px solid;padding:1rem;\
    border-radius:.5rem}iframe{width:100%;height:32rem;border:1px solid;border-radius:.5rem;background:#fff}";

const NOT_HERE: &str =
    "Mails are shown at addresses of this machine, such as http://127.0.0.1:8080/mails, and at [site] url.";

/// The door to the mails that a site in development kept. It shows everything to everybody who can reach the
/// address, so no site in production has it.
pub fn door(engine: Engine) -> Door {
    Door::new("/mails", "GET, HEAD, OPTIONS", move |call, _| {
        let engine = engine.clone();
        Box::pin(async move {
            if !origin::is_own_host(call.head, call.settings) {
                return Err(Error::new(Kind::Forbidden, "mails.host", NOT_HERE));
            }
            answer(&engine, call.head.uri.query().unwrap_or_default()).await
        })
    })
}

async fn answer(engine: &Engine, query: &str) -> Result<Response> {
    let value = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).find_map(|(_, value)| percent::decode(value))
    };
    let Some(id) = value("mail") else {
        return Ok(page(list(&kept::list(engine).await?), OF_LIST));
    };
    let mail = kept::find(engine, &id).await.map_err(|_| Error::not_found())?;
    match value("part").as_deref() {
        Some("html") => Ok(page(mail.html.unwrap_or_default(), OF_MAIL)),
        _ => Ok(page(shown(&mail), OF_LIST)),
    }
}

fn list(mails: &[Kept]) -> String {
    let mut html = head("Mails");
    html.push_str("<h1>Mails</h1><p>Without <code>[mail] url</code> mails are kept here instead of sent; the last 200.</p><ul>");
    for Kept { id, at, to, subject, .. } in mails {
        let (to, subject, at) = (escaped(to), escaped(subject), at.to_string());
        html.extend(["<li><a href=\"/mails?mail=", id, "\">", &subject, "</a> to ", &to, " <time>", &at]);
        html.push_str("</time></li>");
    }
    html.push_str("</ul>");
    if mails.is_empty() {
        html.push_str("<p>None yet.</p>");
    }
    html
}

fn shown(mail: &Kept) -> String {
    let Kept { id, at, to, template, subject, text, html: rich } = mail;
    let (head, text) = (head(subject), linked(text));
    let (to, subject, template) = (escaped(to), escaped(subject), escaped(template));
    let mut html = format!(
        "{head}<p><a href=\"/mails\">All mails</a></p><h1>{subject}</h1>\
         <p>To {to}, template {template}, <time>{at}</time></p><pre>{text}</pre>"
    );
    if rich.is_some() {
        let frame = ["<iframe title=\"As HTML\" src=\"/mails?mail=", id, "&amp;part=html\"></iframe>"];
        html.extend(frame);
    }
    html
}

fn head(title: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{}</title><style>{STYLE}</style>",
        escaped(title)
    )
}

/// The text, with its addresses as links: they are what one wants of a mail in development.
fn linked(text: &str) -> String {
    let mut html = String::new();
    for word in text.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        if bare.starts_with("http://") || bare.starts_with("https://") {
            let (address, behind) = (escaped(bare), word.get(bare.len()..).unwrap_or_default());
            html.extend(["<a href=\"", &address, "\">", &address, "</a>", behind]);
        } else {
            html.push_str(&escaped(word));
        }
    }
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn page(html: String, policy: &'static str) -> Response {
    let mut response = Response::new(Body::from(Bytes::from(html)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_shown_and_not_obeyed() {
        assert_eq!(
            linked("Go to https://x.example/?a&b\nnow <script>"),
            "Go to <a href=\"https://x.example/?a&amp;b\">https://x.example/?a&amp;b</a>\nnow &lt;script&gt;"
        );
    }
}
