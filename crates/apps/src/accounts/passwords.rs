//! Passwords: hashed and compared on one thread of their own, behind a queue with a bound.
//!
//! Always true: the work of a comparison is the same whether there is anything to compare with; a flood of sign-ins
//! takes one core at low priority and one piece of memory, and beyond the queue it is refused, not piled up.
//!
//! Parameters: OWASP Password Storage Cheat Sheet, argon2id with 19 MiB, two passes, one lane.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use argon2::password_hash::{Output, PasswordHash, Salt, SaltString};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use mains_base::{Error, Kind, Result};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::waiting::{Waiting, Whose};

/// Memory in KiB, passes, lanes.
const MEMORY: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// The most memory in KiB that a stored text may ask for.
const MOST_MEMORY: u32 = 1_048_576;
/// Bytes of a hash and of its salt.
const LENGTH: usize = 32;
const SALT: usize = 16;
/// Passwords that may wait: about a second of work at the low priority they run at.
const QUEUE: usize = 48;
/// How much the thread yields to others, as `nice` counts.
const NICE: i32 = 10;

/// The salt and the hash of what is not stored: of nothing that anybody knows.
const NOBODY: &str = "$AAECAwQFBgcICQoLDA0ODw$AwoRGB8mLTQ7QklQV15lbHN6gYiPlp2kq7K5wMfO1dw";

/// A password as it was typed; wiped when dropped, never shown.
pub type Password = Zeroizing<String>;

/// The thread that knows passwords: begun by the first of them. Clones share it; it ends with the last of them.
#[derive(Clone, Default)]
pub struct Passwords {
    cost: Cost,
    thread: Arc<OnceLock<Thread>>,
}

/// What a password costs, and how many may wait.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// KiB of memory.
    pub memory: u32,
    /// Passes over it.
    pub passes: u32,
    /// Passwords that may wait.
    pub queue: usize,
}

impl Default for Cost {
    fn default() -> Self {
        Self { memory: MEMORY, passes: PASSES, queue: QUEUE }
    }
}

/// The end of the queue where passwords are put; with it the thread ends.
struct Thread(Arc<Waiting<Task>>);

impl Drop for Thread {
    fn drop(&mut self) {
        self.0.close();
    }
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

impl Passwords {
    /// With another cost than is recommended, for tests of what stands around it.
    pub fn costing(cost: Cost) -> Self {
        Self { cost, thread: Arc::default() }
    }

    /// Whether a stored text was made with other parameters than new ones are.
    pub(super) fn is_dated(&self, stored: &str) -> bool {
        let Cost { memory, passes, .. } = self.cost;
        !stored.starts_with(&format!("$argon2id$v=19$m={memory},t={passes},p={LANES}$"))
    }

    fn queue(&self) -> Result<&Waiting<Task>> {
        if let Some(Thread(queue)) = self.thread.get() {
            return Ok(queue);
        }
        // Of two that begin at once one stays; the other's thread ends with its queue.
        let started = start(self.cost)?;
        Ok(&self.thread.get_or_init(|| started).0)
    }

    /// The text to be stored for a password, with a salt of its own.
    pub async fn hash(&self, whose: Whose, password: Password) -> Result<String> {
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt).map_err(|error| Error::internal(error.to_string()))?;
        match self.ask(whose, password, Work::Hash { salt }).await? {
            Done::Hashed(text) => Ok(text),
            Done::Compared(_) => Err(Error::internal("the password thread answered something else")),
        }
    }

    /// Whether this is the password of a stored text. Without one the answer is no, after the same work.
    pub async fn matches(&self, whose: Whose, password: Password, stored: Option<String>) -> Result<bool> {
        match self.ask(whose, password, Work::Compare { stored }).await? {
            Done::Compared(same) => Ok(same),
            Done::Hashed(_) => Err(Error::internal("the password thread answered something else")),
        }
    }

    async fn ask(&self, whose: Whose, password: Password, work: Work) -> Result<Done> {
        let (answer, answered) = oneshot::channel();
        if let Some(refused) = self.queue()?.push(whose, Task { password, work, answer }) {
            drop(refused.answer.send(Err(busy())));
        }
        answered.await.map_err(|_| Error::internal("the password thread gave no answer"))?
    }
}

/// Starts a thread with a queue of its own.
fn start(cost: Cost) -> Result<Thread> {
    let mut hasher = Hasher::new(cost)?;
    begin(cost.queue, move |password, work| hasher.answer(password, work))
}

fn begin(room: usize, answer: impl FnMut(&str, Work) -> Result<Done> + Send + 'static) -> Result<Thread> {
    let queue = Arc::new(Waiting::new(room));
    let tasks = Arc::clone(&queue);
    std::thread::Builder::new().name("passwords".to_owned()).spawn(move || serve(&tasks, answer))?;
    Ok(Thread(queue))
}

/// What the thread does until its queue is closed.
fn serve(tasks: &Waiting<Task>, mut work_on: impl FnMut(&str, Work) -> Result<Done>) {
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::warn!(%error, "passwords are hashed at the priority of everything else");
    }
    while let Some(Task { password, work, answer }) = tasks.pop() {
        // Who no longer waits gets no work: a flood of requests that give up costs nothing.
        if !answer.is_closed() {
            // One password that breaks something is one answer that fails: the next begins anew.
            let done = catch_unwind(AssertUnwindSafe(|| work_on(&password, work)));
            drop(answer.send(done.unwrap_or_else(|_| Err(failed("the thread panicked")))));
        }
    }
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
    /// Stands in for what is not stored.
    nobody: String,
}

impl Hasher {
    fn new(cost: Cost) -> Result<Self> {
        let params = Params::new(cost.memory, cost.passes, LANES, Some(LENGTH)).map_err(failed)?;
        let memory = vec![Block::default(); params.block_count()];
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = format!("$argon2id$v=19$m={},t={},p={LANES}{NOBODY}", cost.memory, cost.passes);
        Ok(Self { argon, memory, nobody })
    }

    fn answer(&mut self, password: &str, work: Work) -> Result<Done> {
        match work {
            Work::Hash { salt } => self.hash(password, &salt).map(Done::Hashed),
            Work::Compare { stored } => {
                let nobody = self.nobody.clone();
                let same = self.compare(password, stored.as_deref().unwrap_or(&nobody))?;
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
        if params.m_cost() > MOST_MEMORY {
            return Err(failed("its text asks for more memory than there should be"));
        }
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
        let stored = passwords.hash(None, password("correct horse")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_ne!(
            stored,
            passwords.hash(None, password("correct horse")).await.unwrap(),
            "each has its salt"
        );
        assert!(passwords.matches(None, password("correct horse"), Some(stored.clone())).await.unwrap());
        assert!(!passwords.matches(None, password("correct horses"), Some(stored)).await.unwrap());
        assert!(
            !passwords.matches(None, password(""), None).await.unwrap(),
            "nothing stored is no empty password"
        );
    }

    /// A vector made by the reference program: `echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1`.
    #[tokio::test]
    async fn the_reference_program_agrees() {
        let passwords = Passwords::default();
        let stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(passwords.matches(None, password("password"), Some(stored.to_owned())).await.unwrap());
    }

    #[tokio::test]
    async fn beyond_the_queue_one_is_refused() {
        let passwords = Passwords::costing(Cost { queue: 1, ..Cost::default() });
        let all = (0..20).map(|_| passwords.matches(None, password("x"), None));
        let answers = futures_util::future::join_all(all).await;
        let refused: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
        assert!(refused.len() >= 17, "{}", refused.len());
        assert!(refused.iter().all(|error| error.code() == "accounts.busy" && error.retry_wait().is_some()));
    }

    /// PocketBase CVE-2026-82410: a panic in a worker that ends the service.
    #[tokio::test]
    async fn a_panic_on_the_thread_fails_one_answer_and_no_other() {
        let mut hasher = Hasher::new(Cost::default()).unwrap();
        let thread = begin(8, move |password, work| {
            assert_ne!(password, "broken", "as a fault in the work would");
            hasher.answer(password, work)
        });
        let thread = Arc::new(OnceLock::from(thread.unwrap()));
        let passwords = Passwords { cost: Cost::default(), thread };
        let stored = passwords.hash(None, password("correct horse")).await.unwrap();
        for _ in 0..3 {
            let broken = passwords.matches(None, password("broken"), None).await;
            assert_eq!(broken.err().map(|error| error.kind()), Some(Kind::Internal));
            let matches = passwords.matches(None, password("correct horse"), Some(stored.clone()));
            assert!(matches.await.unwrap(), "the next one is compared as ever");
        }
    }

    #[tokio::test]
    async fn a_stored_text_asks_for_no_more_memory_than_there_is() {
        let stored =
            "$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let refused = Passwords::default().matches(None, password("x"), Some(stored.to_owned())).await;
        assert_eq!(refused.err().map(|error| error.kind()), Some(Kind::Internal));
    }
}
