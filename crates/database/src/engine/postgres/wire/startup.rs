//! Signing in: the first words on a line, and the password.
//!
//! Invariant: a password is only said to a server that asked for it, in the way it asked; with SCRAM the server has to
//! prove that it knows the password too.

use std::io::{Error, ErrorKind};

use bytes::BytesMut;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{
    ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256,
};
use postgres_protocol::message::frontend;
use tokio_postgres::Config;
use tokio_postgres::config;

use super::line::{Body, Line};
use super::told::Told;

/// Why nobody was let in.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The server said so.
    Told(Box<Told>),
    /// The line broke, or what came is no such conversation.
    Broken(Error),
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(cause: E) -> Self {
        Self::Broken(cause.into())
    }
}

/// What a server wants before it lets somebody in.
enum Wanted {
    Nothing,
    Password,
    Md5([u8; 4]),
    /// The mechanisms that it knows, each ended by a zero.
    Sasl(Vec<u8>),
    /// Further words of the mechanism.
    More(Vec<u8>),
    Last(Vec<u8>),
}

/// Says who we are and waits until statements may be sent.
pub(crate) fn sign_in(line: &mut Line, config: &Config) -> Result<(), Refusal> {
    let user = config.get_user().ok_or_else(|| wrong("the address of the database names no user"))?;
    let named = [
        ("database", config.get_dbname()),
        ("options", config.get_options()),
        ("application_name", config.get_application_name()),
    ];
    let named = named.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let mut out = BytesMut::new();
    let parameters = [("client_encoding", "UTF8"), ("user", user)].into_iter().chain(named);
    frontend::startup_message(parameters, &mut out)?;
    say(line, &out)?;
    authenticate(line, config, user)?;
    loop {
        let message = line.next()?;
        match message.tag {
            b'Z' => return Ok(()),
            b'E' => return Err(Refusal::Told(Box::new(Told::read(message.body)))),
            // The settings of the session, the key to cancel it, notices.
            b'S' | b'K' | b'N' | b'v' => {}
            _ => return Err(unexpected(message.tag)),
        }
    }
}

fn authenticate(line: &mut Line, config: &Config, user: &str) -> Result<(), Refusal> {
    let binds = config.get_channel_binding() == config::ChannelBinding::Require;
    if binds && !line.is_encrypted() {
        return Err(wrong("channel_binding=require needs TLS").into());
    }
    let password = || config.get_password().ok_or_else(|| wrong("the server asks for a password"));
    let mut out = BytesMut::new();
    match wanted(line)? {
        Wanted::Sasl(mechanisms) => {
            return scram(line, password()?, (&mechanisms, config.get_channel_binding()));
        }
        _ if binds => {
            return Err(wrong("channel_binding=require, and the server signs in without SCRAM").into());
        }
        Wanted::Nothing => return Ok(()),
        Wanted::Password => frontend::password_message(password()?, &mut out)?,
        Wanted::Md5(salt) => {
            let hash = md5_hash(user.as_bytes(), password()?, salt);
            frontend::password_message(hash.as_bytes(), &mut out)?;
        }
        Wanted::More(_) | Wanted::Last(_) => return Err(unexpected(b'R')),
    }
    say(line, &out)?;
    granted(line)
}

/// RFC 5802; bound to the server's certificate where both sides can, so that nobody between takes the proof along.
fn scram(
    line: &mut Line,
    password: &[u8],
    (mechanisms, binding): (&[u8], config::ChannelBinding),
) -> Result<(), Refusal> {
    let knows = |wanted: &str| mechanisms.split(|byte| *byte == 0).any(|name| name == wanted.as_bytes());
    let end_point = line.end_point().filter(|_| binding != config::ChannelBinding::Disable);
    let (name, bound) = match end_point {
        Some(hash) if knows(SCRAM_SHA_256_PLUS) => {
            (SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(hash))
        }
        _ if binding == config::ChannelBinding::Require => {
            return Err(wrong("channel_binding=require, and nothing binds to this server").into());
        }
        // Said so that a server which could bind notices whoever took that out of its offer.
        Some(_) => (SCRAM_SHA_256, ChannelBinding::unrequested()),
        None => (SCRAM_SHA_256, ChannelBinding::unsupported()),
    };
    if !knows(name) {
        return Err(wrong("the server signs in by no way that is known here").into());
    }
    let mut scram = ScramSha256::new(password, bound);
    let mut out = BytesMut::new();
    frontend::sasl_initial_response(name, scram.message(), &mut out)?;
    say(line, &out)?;
    let Wanted::More(words) = wanted(line)? else { return Err(unexpected(b'R')) };
    scram.update(&words)?;
    out.clear();
    frontend::sasl_response(scram.message(), &mut out)?;
    say(line, &out)?;
    let Wanted::Last(words) = wanted(line)? else { return Err(unexpected(b'R')) };
    scram.finish(&words)?;
    granted(line)
}

fn granted(line: &mut Line) -> Result<(), Refusal> {
    if matches!(wanted(line)?, Wanted::Nothing) { Ok(()) } else { Err(unexpected(b'R')) }
}

/// The next `Authentication…` message.
fn wanted(line: &mut Line) -> Result<Wanted, Refusal> {
    loop {
        let message = line.next()?;
        match message.tag {
            b'R' => return asked(message.body),
            b'E' => return Err(Refusal::Told(Box::new(Told::read(message.body)))),
            b'N' | b'v' => {}
            tag => return Err(unexpected(tag)),
        }
    }
}

fn asked(mut body: Body<'_>) -> Result<Wanted, Refusal> {
    Ok(match body.long() {
        Some(0) => Wanted::Nothing,
        Some(3) => Wanted::Password,
        Some(5) => Wanted::Md5(body.rest().try_into().map_err(|_| wrong("a salt of another length"))?),
        Some(10) => Wanted::Sasl(body.rest().to_vec()),
        Some(11) => Wanted::More(body.rest().to_vec()),
        Some(12) => Wanted::Last(body.rest().to_vec()),
        _ => return Err(wrong("the server signs in by no way that is known here").into()),
    })
}

fn say(line: &mut Line, bytes: &[u8]) -> Result<(), Refusal> {
    line.send(bytes).map_err(|unsent| Refusal::Broken(unsent.cause))
}

fn wrong(text: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, text)
}

fn unexpected(tag: u8) -> Refusal {
    let text = format!("a message {:?} that does not belong there", char::from(tag));
    Refusal::Broken(Error::new(ErrorKind::InvalidData, text))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use super::super::line::message;
    use super::super::place::Socket;
    use super::*;

    /// What a server heard that said this from the beginning, and whether we were let in.
    fn signed_in(answer: &[Vec<u8>]) -> (Result<(), Refusal>, Vec<u8>) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(&answer.concat()).unwrap();
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        let mut line = Line::new(Socket::Unix(ours), Duration::from_secs(20)).unwrap();
        let config = "postgres://mains:secret@h/shop".parse().unwrap();
        let outcome = sign_in(&mut line, &config);
        drop(line);
        let mut heard = Vec::new();
        theirs.read_to_end(&mut heard).unwrap();
        (outcome, heard)
    }

    fn asks(code: u32, rest: &[u8]) -> Vec<u8> {
        message(b'R', &[&code.to_be_bytes()[..], rest].concat())
    }

    fn ready() -> Vec<u8> {
        [message(b'S', b"a\0b\0"), message(b'K', b"12345678"), message(b'Z', b"I")].concat()
    }

    #[test]
    fn a_server_that_trusts_is_told_who_we_are_and_no_password() {
        let (outcome, heard) = signed_in(&[asks(0, b""), ready()]);
        outcome.unwrap();
        let said = b"client_encoding\0UTF8\0user\0mains\0database\0shop\0\0";
        assert!(heard.ends_with(said), "{heard:?}");
    }

    #[test]
    fn a_password_is_said_as_it_was_asked_for() {
        let (outcome, heard) = signed_in(&[asks(3, b""), asks(0, b""), ready()]);
        outcome.unwrap();
        assert!(heard.ends_with(&message(b'p', b"secret\0")));
        let (outcome, heard) = signed_in(&[asks(5, b"salt"), asks(0, b""), ready()]);
        outcome.unwrap();
        let hash = [md5_hash(b"mains", b"secret", *b"salt").as_bytes(), b"\0"].concat();
        assert!(heard.ends_with(&message(b'p', &hash)));
    }

    #[test]
    fn nobody_is_let_in_by_a_server_that_cannot_prove_itself() {
        let begun = asks(10, b"SCRAM-SHA-256\0\0");
        for answer in [
            // Skips the proof; answers with another's words; knows other mechanisms only.
            vec![begun.clone(), asks(0, b""), ready()],
            vec![
                begun.clone(),
                asks(11, b"r=other,s=c2FsdA==,i=4096"),
                asks(12, b"v=AAAA"),
                asks(0, b""),
                ready(),
            ],
            vec![begun, asks(12, b"v=AAAA"), asks(0, b""), ready()],
            vec![asks(10, b"SCRAM-SHA-256-PLUS\0\0")],
            vec![asks(7, b"")],
            vec![asks(5, b"sal")],
        ] {
            let (outcome, heard) = signed_in(&answer);
            assert!(matches!(outcome, Err(Refusal::Broken(_))), "{outcome:?}");
            assert!(!heard.windows(6).any(|window| window == b"secret"));
        }
    }

    #[test]
    fn refusals_are_told_at_each_stage_and_half_a_conversation_is_none() {
        let refusal = message(b'E', b"VFATAL\0C28P01\0Mno\0\0");
        let stages = [asks(3, b""), asks(0, b""), ready()];
        for stage in 0..stages.len() {
            let answer = [&stages[..stage], std::slice::from_ref(&refusal)].concat();
            assert!(matches!(signed_in(&answer).0, Err(Refusal::Told(told)) if told.code == "28P01"));
        }
        let whole = stages.concat();
        for length in 0..whole.len() {
            assert!(signed_in(&[whole[..length].to_vec()]).0.is_err());
        }
    }
}
