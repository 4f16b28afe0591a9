//! Where a server listens, and the sockets to it.

use std::io::{BufRead as _, Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use rustix::net::{RecvFlags, recv, sockopt};
use rustls::StreamOwned;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::binding;
use super::tls::{Encrypted, Tls};

/// PostgreSQL's own port.
const PORT: u16 = 5432;

/// One address that a server may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// With the name that its certificate should be for.
    Tcp(SocketAddr, String),
    Unix(PathBuf),
}

/// A connected socket.
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Encrypted),
}

/// All addresses, in the order in which they are tried. Names are looked up, with the resolver's own time limit; one
/// that has no address is passed over where another host has.
pub(crate) fn places(config: &Config) -> Result<Vec<Place>> {
    let (hosts, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let count = hosts.len().max(addresses.len());
    let fits = |given: usize| given <= 1 || given == count;
    if count == 0 || !fits(ports.len()) || (!hosts.is_empty() && !fits(addresses.len())) {
        return Err(Error::new(ErrorKind::InvalidInput, "hosts, addresses and ports do not match"));
    }
    let (mut places, mut unknown) = (Vec::new(), None);
    for number in 0..count {
        let port = ports.get(number).or(ports.first()).copied().unwrap_or(PORT);
        match (addresses.get(number), hosts.get(number)) {
            (Some(address), host) => {
                let named = match host {
                    Some(Host::Tcp(name)) => name.clone(),
                    _ => address.to_string(),
                };
                places.push(Place::Tcp(SocketAddr::new(*address, port), named));
            }
            (None, Some(Host::Tcp(name))) => match (name.as_str(), port).to_socket_addrs() {
                Ok(found) => places.extend(found.map(|address| Place::Tcp(address, name.clone()))),
                Err(cause) => unknown = Some(cause),
            },
            (None, Some(Host::Unix(folder))) => {
                places.push(Place::Unix(folder.join(format!(".s.PGSQL.{port}"))));
            }
            (None, None) => {}
        }
    }
    match unknown {
        Some(cause) if places.is_empty() => Err(cause),
        _ => Ok(places),
    }
}

impl Place {
    /// Connects, with what the address says about keeping the line alive and about encryption, which a socket in the
    /// file system never needs.
    pub(crate) fn open(&self, (config, tls): (&Config, &Tls), timeout: Duration) -> Result<Socket> {
        match self {
            Self::Unix(path) => UnixStream::connect(path).map(Socket::Unix),
            Self::Tcp(address, name) => {
                let limit = config.get_connect_timeout().copied().unwrap_or(timeout);
                let mut stream = TcpStream::connect_timeout(address, limit)?;
                stream.set_nodelay(true)?;
                keep_alive(&stream, config)?;
                stream.set_read_timeout(Some(timeout)).and(stream.set_write_timeout(Some(timeout)))?;
                Ok(match tls.begin(&mut stream, name)? {
                    Some(connection) => Socket::Tls(Box::new(StreamOwned::new(connection, stream))),
                    None => Socket::Tcp(stream),
                })
            }
        }
    }
}

fn keep_alive(stream: &TcpStream, config: &Config) -> Result<()> {
    if config.get_keepalives() {
        sockopt::set_socket_keepalive(stream, true)?;
        sockopt::set_tcp_keepidle(stream, config.get_keepalives_idle())?;
    }
    #[cfg(target_os = "linux")]
    if let Some(limit) = config.get_tcp_user_timeout() {
        sockopt::set_tcp_user_timeout(stream, u32::try_from(limit.as_millis()).unwrap_or(u32::MAX))?;
    }
    Ok(())
}

impl Socket {
    /// How long one wait for the other end may take.
    pub(crate) fn set_timeout(&self, timeout: Duration) -> Result<()> {
        let timeout = Some(timeout);
        match self {
            Self::Unix(stream) => stream.set_read_timeout(timeout).and(stream.set_write_timeout(timeout)),
            Self::Tcp(stream) => stream.set_read_timeout(timeout).and(stream.set_write_timeout(timeout)),
            Self::Tls(stream) => {
                stream.sock.set_read_timeout(timeout).and(stream.sock.set_write_timeout(timeout))
            }
        }
    }

    /// The first byte that has come unasked; `None` when nothing has. An error when the line is dead.
    pub(crate) fn peek(&mut self) -> Result<Option<u8>> {
        match self {
            Self::Tcp(stream) => first(stream),
            Self::Unix(stream) => first(stream),
            Self::Tls(stream) => first_inside(stream),
        }
    }

    /// What binds a password's proof to this line, where something can.
    pub(crate) fn end_point(&self) -> Option<Vec<u8>> {
        let Self::Tls(stream) = self else { return None };
        binding::end_point(stream.conn.peer_certificates()?.first()?)
    }

    /// Whether nobody on the way can read what is said.
    pub(crate) fn is_encrypted(&self) -> bool {
        matches!(self, Self::Tls(_))
    }
}

fn first(socket: impl AsFd) -> Result<Option<u8>> {
    let mut byte = [0];
    match recv(socket, &mut byte[..], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
        Ok((_, 0)) => Err(ErrorKind::UnexpectedEof.into()),
        Ok(_) => Ok(byte.first().copied()),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
        Err(cause) => Err(cause.into()),
    }
}

/// The same of what is encrypted: what has come is opened, and stays to be read. Tickets of TLS are nothing.
fn first_inside(stream: &mut Encrypted) -> Result<Option<u8>> {
    let stream = &mut **stream;
    loop {
        let broken = |cause| Error::new(ErrorKind::InvalidData, cause);
        let state = stream.conn.process_new_packets().map_err(broken)?;
        if state.plaintext_bytes_to_read() > 0 {
            return Ok(stream.conn.reader().fill_buf()?.first().copied());
        }
        if state.peer_has_closed() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if first(&stream.sock)?.is_none() {
            return Ok(None);
        }
        // Something is there, so this does not wait.
        stream.conn.read_tls(&mut stream.sock)?;
    }
}

impl Read for Socket {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(bytes),
            Self::Unix(stream) => stream.read(bytes),
            Self::Tls(stream) => stream.read(bytes),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Result<Vec<Place>> {
        places(&url.parse().unwrap())
    }

    #[test]
    fn hosts_are_tried_in_order_with_their_ports() {
        let two = of("host=127.0.0.1,127.0.0.2 port=7,8 user=u").unwrap();
        let tcp = |text: &str, name: &str| Place::Tcp(text.parse().unwrap(), name.to_owned());
        assert_eq!(two, [tcp("127.0.0.1:7", "127.0.0.1"), tcp("127.0.0.2:8", "127.0.0.2")]);
        assert_eq!(of("postgres://u@127.0.0.1/x").unwrap(), [tcp("127.0.0.1:5432", "127.0.0.1")]);
        let named = of("hostaddr=127.0.0.9 host=nowhere.invalid user=u").unwrap();
        assert_eq!(named, [tcp("127.0.0.9:5432", "nowhere.invalid")]);
        assert_eq!(of("host=/run/pg port=7 user=u").unwrap(), [Place::Unix("/run/pg/.s.PGSQL.7".into())]);
    }

    #[test]
    fn a_host_without_an_address_is_passed_over() {
        let two = of("host=nowhere.invalid,127.0.0.2 port=7,8 user=u").unwrap();
        assert_eq!(two, [Place::Tcp("127.0.0.2:8".parse().unwrap(), "127.0.0.2".to_owned())]);
        assert!(of("host=nowhere.invalid user=u").is_err());
    }

    #[test]
    fn lists_of_other_lengths_and_nothing_are_refused() {
        assert!(of("user=u").is_err());
        assert!(of("host=127.0.0.1,127.0.0.2,127.0.0.3 port=7,8 user=u").is_err());
    }
}
