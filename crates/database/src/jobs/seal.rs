//! Secrets of jobs, sealed: `nonce ‖ XChaCha20-Poly1305(JSON)`, bound to the job's name and key.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use mains_base::{Error, Result};
use serde_json::Value as Json;

const NONCE: usize = 24;

/// Seals and opens under one key of the server.
pub(crate) struct Seal(XChaCha20Poly1305);

impl Seal {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(Key::from_slice(key)))
    }

    /// Seals a document for this job; `random` is drawn for it alone.
    pub(super) fn seal(&self, secret: &Json, job: (&str, &str), random: &[u8; 32]) -> Result<Vec<u8>> {
        let nonce = random.first_chunk::<NONCE>().ok_or_else(broken)?;
        let text = serde_json::to_vec(secret).map_err(Error::internal)?;
        let payload = Payload { msg: &text, aad: &bound(job) };
        let sealed = self.0.encrypt(XNonce::from_slice(nonce), payload).map_err(|_| broken())?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for this job.
    pub(super) fn open(&self, sealed: &[u8], job: (&str, &str)) -> Result<Json> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE).ok_or_else(broken)?;
        let payload = Payload { msg: sealed, aad: &bound(job) };
        let text = self.0.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| broken())?;
        serde_json::from_slice(&text).map_err(Error::internal)
    }
}

fn bound((name, key): (&str, &str)) -> Vec<u8> {
    [name.as_bytes(), &[0], key.as_bytes()].concat()
}

fn broken() -> Error {
    Error::internal("the secret of a job cannot be sealed or opened with the server's key")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_opens_for_its_job_alone() {
        let seal = Seal::new(&[7; 32]);
        let secret = json!({"token": "abc"});
        let sealed = seal.seal(&secret, ("mail.send", "1"), &[9; 32]).unwrap();
        assert!(!sealed.windows(3).any(|part| part == b"abc"));
        assert_eq!(seal.open(&sealed, ("mail.send", "1")).unwrap(), secret);
        assert!(seal.open(&sealed, ("mail.send", "2")).is_err());
        assert!(Seal::new(&[8; 32]).open(&sealed, ("mail.send", "1")).is_err());
        assert!(seal.open(b"short", ("mail.send", "1")).is_err());
    }
}
