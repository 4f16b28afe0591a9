//! A line to the server: bytes out, messages in.

use std::borrow::Cow;
use std::io::{Error, ErrorKind, Read as _, Result, Write as _};
use std::time::Duration;

use super::place::Socket;

/// What is kept for reading when nothing large comes.
const ROOM: usize = 16 * 1024;
/// A longer message is none of PostgreSQL's: its own limit is 1 GB.
const LONGEST: usize = 1 << 30;

/// A socket and what was read ahead.
pub(crate) struct Line {
    socket: Socket,
    room: Vec<u8>,
    /// What is unread stands from here …
    begin: usize,
    /// … to here.
    end: usize,
}

/// The line broke while something was sent.
#[derive(Debug)]
pub(crate) struct Unsent {
    /// So many bytes may have arrived.
    pub(crate) sent: usize,
    pub(crate) cause: Error,
}

/// One message of the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'l> {
    pub(crate) tag: u8,
    pub(crate) body: Body<'l>,
}

/// The rest of a message; whatever is read is gone from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Body<'l>(&'l [u8]);

impl Line {
    pub(crate) fn new(socket: Socket, timeout: Duration) -> Result<Self> {
        socket.set_timeout(timeout)?;
        Ok(Self { socket, room: vec![0; ROOM], begin: 0, end: 0 })
    }

    /// How long one wait for the server may take from now on.
    pub(crate) fn set_timeout(&self, timeout: Duration) -> Result<()> {
        self.socket.set_timeout(timeout)
    }

    /// What binds a password's proof to this line, where something can.
    pub(crate) fn end_point(&self) -> Option<Vec<u8>> {
        self.socket.end_point()
    }

    /// Whether nobody on the way can read what is said.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.socket.is_encrypted()
    }

    /// Sends all of it.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> std::result::Result<(), Unsent> {
        let mut sent = 0;
        while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
            match self.socket.write(rest) {
                Ok(0) => return Err(Unsent { sent, cause: ErrorKind::WriteZero.into() }),
                Ok(count) => sent += count,
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                Err(cause) => return Err(Unsent { sent, cause: in_time(cause) }),
            }
        }
        Ok(())
    }

    /// The next message.
    pub(crate) fn next(&mut self) -> Result<Message<'_>> {
        let length = loop {
            let unread = self.room.get(self.begin..self.end).unwrap_or_default();
            if let Some(length) = length(unread)?.filter(|length| *length <= unread.len()) {
                break length;
            }
            self.fill()?;
        };
        let at = self.begin;
        self.begin += length;
        let whole = self.room.get(at..at + length).unwrap_or_default();
        let (tag, body) = whole.split_first().ok_or(ErrorKind::InvalidData)?;
        Ok(Message { tag: *tag, body: Body(body.get(4..).unwrap_or_default()) })
    }

    /// Reads what has come. The room grows with what is there, never with what a message says of its length.
    fn fill(&mut self) -> Result<()> {
        if self.begin == self.end {
            (self.begin, self.end) = (0, 0);
            if self.room.len() > 64 * ROOM {
                self.room.truncate(64 * ROOM);
                self.room.shrink_to_fit();
            }
        } else if self.end == self.room.len() && self.begin > 0 {
            self.room.copy_within(self.begin..self.end, 0);
            (self.begin, self.end) = (0, self.end - self.begin);
        }
        if self.end == self.room.len() {
            self.room.resize(2 * self.end.max(ROOM), 0);
        }
        let free = self.room.get_mut(self.end..).unwrap_or_default();
        let count = loop {
            match self.socket.read(free) {
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                outcome => break outcome.map_err(in_time)?,
            }
        };
        if count == 0 {
            return Err(Error::new(ErrorKind::UnexpectedEof, "the connection was closed"));
        }
        self.end += count;
        Ok(())
    }

    /// Whether an idle line still has a server at its other end, as far as one can see without asking.
    pub(crate) fn is_alive(&mut self) -> bool {
        // Unasked come notices and changed settings, and the error that ends the connection.
        self.begin == self.end && matches!(self.socket.peek(), Ok(tag) if tag != Some(b'E'))
    }
}

/// The length of the message that begins here, its tag included, if so much is known.
fn length(bytes: &[u8]) -> Result<Option<usize>> {
    let Some(length) = bytes.get(1..5).and_then(|length| length.try_into().ok()) else { return Ok(None) };
    let length = u32::from_be_bytes(length) as usize;
    if !(4..=LONGEST).contains(&length) {
        return Err(Error::new(ErrorKind::InvalidData, "the server does not speak PostgreSQL's protocol"));
    }
    Ok(Some(length + 1))
}

fn in_time(cause: Error) -> Error {
    match cause.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            Error::new(ErrorKind::TimedOut, "the database did not answer in time")
        }
        _ => cause,
    }
}

impl<'l> Body<'l> {
    #[cfg(test)]
    pub(crate) fn of(bytes: &'l [u8]) -> Self {
        Self(bytes)
    }

    /// So many bytes, if they are there.
    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'l [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    pub(crate) fn short(&mut self) -> Option<u16> {
        self.bytes(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    pub(crate) fn long(&mut self) -> Option<u32> {
        self.bytes(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// A text up to its zero.
    pub(crate) fn text(&mut self) -> Option<Cow<'l, str>> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let text = self.bytes(end)?;
        self.bytes(1)?;
        Some(String::from_utf8_lossy(text))
    }

    /// All that is left.
    pub(crate) fn rest(self) -> &'l [u8] {
        self.0
    }
}

/// A message as a server would send it.
#[cfg(test)]
pub(crate) fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn pair() -> (Line, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (Line::new(Socket::Unix(ours), LONG).unwrap(), theirs)
    }

    #[test]
    fn messages_come_whole_however_they_are_cut() {
        let large = vec![7; 5 * ROOM];
        let all = [message(b'Z', b"I"), message(b'D', &large), message(b'n', b"")].concat();
        for piece in [1, 3, 4096, all.len()] {
            let (mut line, mut theirs) = pair();
            let all = all.clone();
            let sender = std::thread::spawn(move || {
                all.chunks(piece).for_each(|chunk| theirs.write_all(chunk).unwrap());
                theirs
            });
            let read: Vec<(u8, Vec<u8>)> = (0..3)
                .map(|_| line.next().map(|message| (message.tag, message.body.rest().to_vec())).unwrap())
                .collect();
            assert_eq!(read, [(b'Z', b"I".to_vec()), (b'D', large.clone()), (b'n', Vec::new())]);
            assert!(line.is_alive());
            drop(sender.join().unwrap());
            assert!(!line.is_alive());
            assert_eq!(line.next().unwrap_err().kind(), ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn half_a_message_is_an_end_and_no_message() {
        let whole = message(b'C', b"INSERT 0 1\0");
        for length in 0..whole.len() {
            let (mut line, mut theirs) = pair();
            theirs.write_all(&whole[..length]).unwrap();
            drop(theirs);
            assert_eq!(line.next().unwrap_err().kind(), ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn lengths_that_cannot_be_are_refused_and_reserve_nothing() {
        for length in [0_u32, 3, 1 << 31, u32::MAX] {
            let (mut line, mut theirs) = pair();
            theirs.write_all(&[&b"D"[..], &length.to_be_bytes()].concat()).unwrap();
            assert_eq!(line.next().unwrap_err().kind(), ErrorKind::InvalidData);
        }
        let (mut line, mut theirs) = pair();
        theirs.write_all(&[&b"D"[..], &(1_u32 << 29).to_be_bytes(), b"little"].concat()).unwrap();
        drop(theirs);
        assert!(line.next().is_err());
        assert!(line.room.len() <= 2 * ROOM);
    }

    #[test]
    fn a_server_that_says_nothing_is_waited_for_no_longer_than_said() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let mut line = Line::new(Socket::Unix(ours), Duration::from_millis(1)).unwrap();
        assert_eq!(line.next().unwrap_err().kind(), ErrorKind::TimedOut);
        let unsent = line.send(&vec![0; 1 << 22]).unwrap_err();
        assert_eq!(unsent.cause.kind(), ErrorKind::TimedOut);
        assert!(unsent.sent < 1 << 22);
    }

    #[test]
    fn an_error_that_came_unasked_is_a_dead_line() {
        let (mut line, mut theirs) = pair();
        theirs.write_all(&message(b'S', b"a\0b\0")).unwrap();
        assert!(line.is_alive());
        let (mut line, mut theirs) = pair();
        theirs.write_all(&message(b'E', b"VFATAL\0\0")).unwrap();
        assert!(!line.is_alive());
    }
}
