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

/// Bytes of one encoded word, which has at most 75 characters.
const ENCODED: usize = 45;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

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

/// One line, whatever values stand in it. What looks like an encoded word (RFC 2047) is encoded itself, so that readers
/// show what was typed and decode nothing of it.
fn subject(text: &str) -> String {
    let line = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    let line: String = line.take(SUBJECT).collect();
    if !line.contains("=?") {
        return line;
    }
    let mut words = Vec::new();
    let mut word = String::new();
    for letter in line.chars() {
        if word.len() + letter.len_utf8() > ENCODED {
            words.push(std::mem::take(&mut word));
        }
        word.push(letter);
    }
    words.push(word);
    let encoded = words.iter().map(|word| format!("=?utf-8?b?{}?=", base64(word.as_bytes())));
    encoded.collect::<Vec<_>>().join(" ")
}

/// With padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for part in bytes.chunks(3) {
        let bits =
            part.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - part.len()));
        for place in 0..4 {
            let digit = ALPHABET.get((bits >> (18 - 6 * place) & 63) as usize).copied().unwrap_or(b'=');
            text.push(char::from(if place > part.len() { b'=' } else { digit }));
        }
    }
    text
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
    fn what_looks_like_an_encoded_word_is_shown_as_it_was_typed() {
        let typed = "=?utf-8?q?a=0d=0aBcc:_x?= asks";
        let mail = built("ann@y.example", typed).unwrap();
        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        assert!(!head.contains("?q?"), "{head}");
        assert_eq!(subject(typed), "=?utf-8?b?PT91dGYtOD9xP2E9MGQ9MGFCY2M6X3g/PSBhc2tz?=");
        assert!(head.contains("Subject: =?utf-8?b?PT91dGYtOD9xP2E9MGQ9MGFCY2M6X3g/PSBhc2tz?="), "{head}");
        let long = subject(&"=?ü".repeat(80));
        assert!(long.split(' ').count() > 1 && long.split(' ').all(|word| word.len() <= 75), "{long}");
        assert_eq!(subject("1 + 1 = 2?"), "1 + 1 = 2?");
        assert_eq!([base64(b"a"), base64(b"ab"), base64(b"abc")], ["YQ==", "YWI=", "YWJj"]);
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
