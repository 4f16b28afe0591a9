//! Passwords: hashed and compared on one thread of their own, behind a queue with a bound.
//!
//! Always true: the work of a comparison is the same whether there is anything to compare with; a flood of sign-ins
//! takes one core at low priority and one piece of memory, and beyond the queue it is refused, not piled up.
//!
//! Parameters: OWASP Password Storage Cheat Sheet, argon2id with 19 MiB, two passes, one lane.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use argon2::password_hash::{Output, PasswordHash, Salt, SaltString};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use mains_base::{Error, Kind, Result};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

/// Memory in KiB, passes, lanes.
const MEMORY: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Bytes of a hash and of its salt.
const LENGTH: usize = 32;
const SALT: usize = 16;
/// Passwords that may wait: about a second of work at the low priority they run at.
const QUEUE: usize = 48;
/// How much the thread yields to others, as `nice` counts.
const NICE: i32 = 10;

/// Stands in for what is not stored: the same parameters, and the hash of nothing that anybody knows.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$AwoRGB8mLTQ7QklQV15lbHN6gYiPlp2kq7K5wMfO1dw";

/// A password as it was typed; wiped when dropped, never shown.
pub type Password = Zeroizing<String>;

/// The thread that knows passwords: begun by the first of them. Clones share it; it ends with the last of them.
#[derive(Clone, Default)]
pub struct Passwords {
    queue: Arc<OnceLock<SyncSender<Task>>>,
}

/// What to do with a password.
enum Work {
    /// Gives the text to be stored.
    Hash { salt: [u8; SALT] },
    /// Compares with a stored text; with none, the same work for nothing.
    Compare { stored: Option<String> },
}

struct Task {
    password: Password,
    work: Work,
    answer: oneshot::Sender<Result<Done>>,
}

enum Done {
    Hashed(String),
    Compared(bool),
}

/// Whether a stored text was made with other parameters than new ones are.
pub(super) fn is_dated(stored: &str) -> bool {
    let now = format!("$argon2id$v=19$m={MEMORY},t={PASSES},p={LANES}$");
    !stored.starts_with(&now)
}

impl Passwords {
    fn queue(&self) -> Result<&SyncSender<Task>> {
        if let Some(queue) = self.queue.get() {
            return Ok(queue);
        }
        // Of two that begin at once one stays; the other's thread ends with its queue.
        let started = start(QUEUE)?;
        Ok(self.queue.get_or_init(|| started))
    }

    /// The text to be stored for a password, with a salt of its own.
    pub async fn hash(&self, password: Password) -> Result<String> {
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt).map_err(|error| Error::internal(error.to_string()))?;
        match self.ask(password, Work::Hash { salt }).await? {
            Done::Hashed(text) => Ok(text),
            Done::Compared(_) => Err(Error::internal("the password thread answered something else")),
        }
    }

    /// Whether this is the password of a stored text. Without one the answer is no, after the same work.
    pub async fn matches(&self, password: Password, stored: Option<String>) -> Result<bool> {
        match self.ask(password, Work::Compare { stored }).await? {
            Done::Compared(same) => Ok(same),
            Done::Hashed(_) => Err(Error::internal("the password thread answered something else")),
        }
    }

    async fn ask(&self, password: Password, work: Work) -> Result<Done> {
        let (answer, answered) = oneshot::channel();
        self.queue()?.try_send(Task { password, work, answer }).map_err(|refused| match refused {
            TrySendError::Full(_) => busy(),
            TrySendError::Disconnected(_) => Error::internal("the password thread ended"),
        })?;
        answered.await.map_err(|_| Error::internal("the password thread gave no answer"))?
    }
}

/// Starts a thread behind a queue of this length.
fn start(length: usize) -> Result<SyncSender<Task>> {
    let (queue, tasks) = sync_channel(length);
    let hasher = Hasher::new()?;
    std::thread::Builder::new().name("passwords".to_owned()).spawn(move || hasher.run(&tasks))?;
    Ok(queue)
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passwords")
    }
}

/// What the thread works with: one piece of memory for all passwords.
struct Hasher {
    argon: Argon2<'static>,
    memory: Vec<Block>,
}

impl Hasher {
    fn new() -> Result<Self> {
        let params = Params::new(MEMORY, PASSES, LANES, Some(LENGTH)).map_err(failed)?;
        let memory = vec![Block::default(); params.block_count()];
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        Ok(Self { argon, memory })
    }

    fn run(mut self, tasks: &Receiver<Task>) {
        if let Err(error) = rustix::process::nice(NICE) {
            tracing::warn!(%error, "passwords are hashed at the priority of everything else");
        }
        while let Ok(Task { password, work, answer }) = tasks.recv() {
            // Who no longer waits gets no work: a flood of requests that give up costs nothing.
            if !answer.is_closed() {
                drop(answer.send(self.answer(&password, work)));
            }
        }
    }

    fn answer(&mut self, password: &str, work: Work) -> Result<Done> {
        match work {
            Work::Hash { salt } => self.hash(password, &salt).map(Done::Hashed),
            Work::Compare { stored } => {
                let same = self.compare(password, stored.as_deref().unwrap_or(NOBODY))?;
                Ok(Done::Compared(same && stored.is_some()))
            }
        }
    }

    /// A PHC string.
    fn hash(&mut self, password: &str, salt: &[u8; SALT]) -> Result<String> {
        let output = Self::output(&self.argon, &mut self.memory, password, salt)?;
        let salt = SaltString::encode_b64(salt).map_err(failed)?;
        let text = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: self.argon.params().try_into().map_err(failed)?,
            salt: Some(salt.as_salt()),
            hash: Some(output),
        };
        Ok(text.to_string())
    }

    /// Compares in constant time, with the parameters that the text says.
    fn compare(&mut self, password: &str, text: &str) -> Result<bool> {
        let stored = PasswordHash::new(text).map_err(failed)?;
        let params = Params::try_from(&stored).map_err(failed)?;
        let (Some(salt), Some(hash)) = (stored.salt, stored.hash) else {
            return Err(Error::internal("a stored password is not whole"));
        };
        if self.memory.len() < params.block_count() {
            self.memory.resize(params.block_count(), Block::default());
        }
        let mut bytes = [0; Salt::MAX_LENGTH];
        let salt = salt.decode_b64(&mut bytes).map_err(failed)?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        // `Output` compares in constant time.
        Ok(Self::output(&argon, &mut self.memory, password, salt)? == hash)
    }

    fn output(argon: &Argon2<'_>, memory: &mut [Block], password: &str, salt: &[u8]) -> Result<Output> {
        let mut out = Zeroizing::new([0; LENGTH]);
        argon.hash_password_into_with_memory(password.as_bytes(), salt, &mut *out, memory).map_err(failed)?;
        Output::new(&*out).map_err(failed)
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("a password could not be hashed: {error}"))
}

fn busy() -> Error {
    let detail = "Many people sign in at this moment; try again in a few seconds.";
    Error::new(Kind::Unavailable, "accounts.busy", detail).retry_after(Duration::from_secs(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_matches_its_hash_alone() {
        let passwords = Passwords::default();
        let stored = passwords.hash(password("correct horse")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_ne!(stored, passwords.hash(password("correct horse")).await.unwrap(), "each has its salt");
        assert!(passwords.matches(password("correct horse"), Some(stored.clone())).await.unwrap());
        assert!(!passwords.matches(password("correct horses"), Some(stored)).await.unwrap());
        assert!(!passwords.matches(password(""), None).await.unwrap(), "nothing stored is no empty password");
    }

    /// A vector made by the reference program: `echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1`.
    #[tokio::test]
    async fn the_reference_program_agrees() {
        let passwords = Passwords::default();
        let stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(passwords.matches(password("password"), Some(stored.to_owned())).await.unwrap());
    }

    #[tokio::test]
    async fn beyond_the_queue_one_is_refused() {
        let passwords = Passwords { queue: Arc::new(OnceLock::from(start(1).unwrap())) };
        let all = (0..20).map(|_| passwords.matches(password("x"), None));
        let answers = futures_util::future::join_all(all).await;
        let refused: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
        assert!(refused.len() >= 17, "{}", refused.len());
        assert!(refused.iter().all(|error| error.code() == "accounts.busy" && error.retry_wait().is_some()));
    }
}
