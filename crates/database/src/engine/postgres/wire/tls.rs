//! Encrypted connections: what an address asks for, whom we believe to be the server, and how a line begins.
//!
//! Invariant: nothing but the question for TLS is said in clear where the address wants it encrypted, and not a word to a
//! server that could not prove its name where the address wants that.

use std::io::{Error, ErrorKind, Read as _, Result, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio_postgres::config::SslMode;

use super::trust::{AnyName, Anybody};

/// What `sslmode` says, in the words of libpq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// In clear.
    Disable,
    /// Encrypted where the server can, whoever it is.
    Prefer,
    /// Encrypted, whoever it is.
    Require,
    /// By a server whose certificate is signed by whom we trust.
    VerifyCa,
    /// The same, and for the name that the address says.
    VerifyFull,
}

/// How connections of one address begin.
#[derive(Clone)]
pub(crate) struct Tls {
    mode: Mode,
    config: Option<Arc<ClientConfig>>,
}

/// A server that does not encrypt.
#[derive(Debug)]
pub(crate) struct Unencrypted;

impl std::fmt::Display for Unencrypted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the database's server does not encrypt connections")
    }
}

impl std::error::Error for Unencrypted {}

impl Mode {
    /// As an address says it.
    pub(crate) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "disable" => Self::Disable,
            "allow" | "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }
}

impl Tls {
    /// By this mode. `roots` is a file of the certificates that are trusted; without one, those are that browsers trust.
    pub(crate) fn new(mode: Mode, roots: Option<&Path>) -> std::result::Result<Self, String> {
        // As libpq has it: whoever says whom to trust wants that looked at.
        let mode = if mode == Mode::Require && roots.is_some() { Mode::VerifyCa } else { mode };
        let config = if mode == Mode::Disable { None } else { Some(Arc::new(config(mode, roots)?)) };
        Ok(Self { mode, config })
    }

    /// Its mode.
    #[cfg(test)]
    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// The same in the words of the library.
    pub(crate) fn ssl_mode(&self) -> SslMode {
        match self.mode {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        }
    }

    /// What is told to servers, where anything is encrypted.
    pub(crate) fn config(&self) -> Option<&Arc<ClientConfig>> {
        self.config.as_ref()
    }

    /// Asks the server of this name to encrypt. `None`: it does not, and need not.
    pub(super) fn begin(&self, stream: &mut TcpStream, name: &str) -> Result<Option<ClientConnection>> {
        let Some(config) = &self.config else { return Ok(None) };
        let mut out = BytesMut::new();
        frontend::ssl_request(&mut out);
        stream.write_all(&out)?;
        let mut answer = [0];
        // One byte and no more: what is behind it in clear would pass for what the server said encrypted.
        stream.read_exact(&mut answer)?;
        match answer {
            [b'S'] => {}
            [b'N'] if self.mode == Mode::Prefer => return Ok(None),
            [b'N'] => return Err(Error::new(ErrorKind::InvalidData, Unencrypted)),
            _ => {
                return Err(Error::new(
                    ErrorKind::InvalidData,
                    "the server does not speak PostgreSQL's protocol",
                ));
            }
        }
        let name = server_name(name)?;
        let mut connection = ClientConnection::new(Arc::clone(config), name).map_err(invalid)?;
        while connection.is_handshaking() {
            connection.complete_io(stream)?;
        }
        Ok(Some(connection))
    }
}

/// An encrypted socket.
pub(crate) type Encrypted = Box<StreamOwned<ClientConnection, TcpStream>>;

pub(crate) fn server_name(name: &str) -> Result<ServerName<'static>> {
    ServerName::try_from(name.to_owned()).map_err(|cause| Error::new(ErrorKind::InvalidInput, cause))
}

fn invalid(cause: rustls::Error) -> Error {
    Error::new(ErrorKind::InvalidData, cause)
}

fn config(mode: Mode, roots: Option<&Path>) -> std::result::Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(|cause| cause.to_string())?;
    let config = match mode {
        Mode::Disable | Mode::Prefer | Mode::Require => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody::new(&provider)))
        }
        Mode::VerifyCa => {
            let Some(roots) = roots else {
                return Err("sslmode=verify-ca needs sslrootcert: anybody has a certificate that browsers trust, for \
                            some name."
                    .to_owned());
            };
            let verifier = verifier(read(roots)?, provider)?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyName::new(verifier)))
        }
        Mode::VerifyFull => {
            let roots = match roots {
                Some(roots) => read(roots)?,
                None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
            };
            builder.with_webpki_verifier(verifier(roots, provider)?)
        }
    };
    Ok(config.with_no_client_auth())
}

fn verifier(
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
) -> std::result::Result<Arc<WebPkiServerVerifier>, String> {
    let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    builder.build().map_err(|cause| cause.to_string())
}

/// The certificates in a file of PEM.
fn read(file: &Path) -> std::result::Result<RootCertStore, String> {
    let shown = file.display();
    let found =
        CertificateDer::pem_file_iter(file).map_err(|cause| format!("sslrootcert={shown}: {cause}."))?;
    let mut roots = RootCertStore::empty();
    for certificate in found {
        let certificate = certificate.map_err(|cause| format!("sslrootcert={shown}: {cause}."))?;
        roots.add(certificate).map_err(|cause| format!("sslrootcert={shown}: {cause}."))?;
    }
    if roots.is_empty() { Err(format!("sslrootcert={shown} holds no certificate.")) } else { Ok(roots) }
}
