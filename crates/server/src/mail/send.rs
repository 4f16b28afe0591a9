//! Handing mails to a server by SMTP (RFC 5321), with TLS (RFC 3207, RFC 8314) wherever the server is not this machine.

use std::path::Path;
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use mains_base::{Error, Kind, Result};
use mains_database::jobs::JobContext;
use tokio::time::timeout;

use super::address::{Address, Safety};

/// To connect.
const TIMEOUT: Duration = Duration::from_secs(20);
/// To take a mail, with all that is said before.
const PATIENCE: Duration = Duration::from_mins(1);

/// The way to a mail server.
pub(super) struct Smtp(AsyncSmtpTransport<Tokio1Executor>);

impl Smtp {
    /// The server of this address; nothing is said to it yet.
    pub(super) fn open(url: &str, ca: Option<&Path>) -> Result<Self> {
        let Address { host, port, safety, account } = Address::parse(url)?;
        let tls = match safety {
            Safety::Local => Tls::None,
            Safety::StartTls => Tls::Required(parameters(&host, ca)?),
            Safety::Whole => Tls::Wrapper(parameters(&host, ca)?),
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(port)
            .tls(tls)
            .timeout(Some(TIMEOUT));
        if let Some((user, password)) = account {
            transport = transport.credentials(Credentials::new(user, password));
        }
        Ok(Self(transport.build()))
    }

    /// Hands a mail over. What the server refuses for good (5xx) is given up, all else may be tried again.
    pub(super) async fn send(&self, message: Message) -> Result<()> {
        match timeout(PATIENCE, self.0.send(message)).await {
            Ok(sent) => sent.map(drop).map_err(meaning),
            Err(_) => {
                Err(unavailable(format!("The mail server did not answer within {} s.", PATIENCE.as_secs())))
            }
        }
    }
}

fn parameters(host: &str, ca: Option<&Path>) -> Result<TlsParameters> {
    let mut parameters = TlsParameters::builder(host.to_owned());
    if let Some(path) = ca {
        let unreadable = |error: String| {
            let detail = format!("[mail] ca: {} cannot be used: {error}.", path.display());
            Error::new(Kind::Invalid, "mails.settings", detail)
        };
        let pem = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
        let certificate = Certificate::from_pem(&pem).map_err(|error| unreadable(error.to_string()))?;
        parameters = parameters.add_root_certificate(certificate);
    }
    parameters.build().map_err(Error::internal)
}

#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
fn meaning(error: SmtpError) -> Error {
    if error.is_permanent() {
        return JobContext::give_up(format!("The mail server refused it: {}.", reason(&error)));
    }
    let detail = if error.is_transient() {
        format!("The mail server does not take it now: {}.", reason(&error))
    } else {
        format!("The mail server could not be used: {}.", reason(&error))
    };
    unavailable(detail)
}

fn unavailable(detail: String) -> Error {
    Error::new(Kind::Unavailable, "mails.server", detail)
}

/// The error with what caused it.
fn reason(error: &SmtpError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    text.trim_end_matches('.').to_owned()
}
