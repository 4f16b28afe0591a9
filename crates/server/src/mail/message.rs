//! From a filled template to the bytes of a mail (RFC 5322, MIME).
//!
//! Invariant: no value of a template becomes a header of its own.

use lettre::Message;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MultiPart, SinglePart};
use mains_base::{Error, Result};
use mains_database::jobs::JobContext;
use sha2::{Digest, Sha256};

/// Letters of a subject.
const SUBJECT: usize = 250;

/// A filled template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rendered {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: Option<String>,
}

/// The mail. Its `Message-ID` is made of the job's key, so that one that was handed over twice, because we stopped
/// between its acceptance and our note of it, can be told to be one.
pub(super) fn build(
    from: &Mailbox,
    to: &str,
    rendered: &Rendered,
    (key, host): (&str, &str),
) -> Result<Message> {
    let address = to.parse().map_err(|_| JobContext::give_up("The address it goes to is none."))?;
    let digest = Sha256::digest(key.as_bytes());
    let halves = digest.iter().take(16).flat_map(|byte| [byte >> 4, byte & 15]);
    let id: String = halves.filter_map(|half| char::from_digit(u32::from(half), 16)).collect();
    let message = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, address))
        .subject(subject(&rendered.subject))
        .message_id(Some(format!("<{id}@{host}>")))
        .date_now();
    let text = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(rendered.text.clone());
    let built = match &rendered.html {
        None => message.singlepart(text),
        Some(html) => {
            let html = SinglePart::builder().header(ContentType::TEXT_HTML).body(html.clone());
            message.multipart(MultiPart::alternative().singlepart(text).singlepart(html))
        }
    };
    built.map_err(Error::internal)
}

/// One line, whatever values stand in it.
fn subject(text: &str) -> String {
    let line: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    line.chars().take(SUBJECT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(to: &str, subject: &str) -> Result<String> {
        let from: Mailbox = "Shop <shop@x.example>".parse().unwrap();
        let rendered = Rendered {
            subject: subject.to_owned(),
            text: "Hallo Welt, grüß dich".to_owned(),
            html: Some("<p>hi</p>".to_owned()),
        };
        let message = build(&from, to, &rendered, ("key", "x.example"))?;
        Ok(String::from_utf8(message.formatted()).unwrap())
    }

    #[test]
    fn a_value_never_becomes_a_header() {
        let mail = built("ann@y.example", "Hi\r\nBcc: all@y.example\r\n\r\nbody").unwrap();
        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc:")), "{head}");
        assert!(head.contains("Subject: Hi  Bcc: all@y.example"), "{head}");
        for to in ["ann@y.example\r\nBcc: b@y.example", "ann", "", "a@b, c@d"] {
            assert_eq!(built(to, "x").unwrap_err().code(), "jobs.gave_up", "{to}");
        }
    }

    #[test]
    fn both_parts_and_an_id_that_stays() {
        let mail = built("ann@y.example", "Grüße").unwrap();
        assert!(mail.contains("multipart/alternative") && mail.contains("<p>hi</p>"), "{mail}");
        let id = |mail: &str| mail.lines().find(|line| line.starts_with("Message-ID: ")).unwrap().to_owned();
        assert_eq!(id(&mail), id(&built("ann@y.example", "Grüße").unwrap()));
        assert!(id(&mail).ends_with("@x.example>"));
    }
}
