//! A line to the server that fails at chosen bytes: around COMMIT, above all.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::Notify;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// What befalls the next COMMIT; everything passes after it unless `then` says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Pass,
    /// New connections are closed at once.
    Refuse,
    /// Both ends are cut, and the server never sees it.
    CutBefore,
    /// It is done, and both ends are cut before the answer.
    CutAfter,
    /// Our end is cut, and the server waits for it until [`Proxy::release`].
    Hold,
    /// It is done, and the answer never comes, though the line stands.
    Stall,
    /// The server gets so many bytes of what it travels in, then both ends are cut.
    CutRequest(usize),
    /// It is done, and we get so many bytes of the answer, then both ends are cut.
    CutAnswer(usize),
}

/// How a connection names the COMMIT that it prepared when it began, wherever it runs it.
const COMMIT: &[u8] = b"\0commit\0";

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The line.
pub(crate) struct Proxy {
    /// The database behind it.
    pub(crate) url: String,
    state: Arc<State>,
}

struct State {
    server: Config,
    fate: Mutex<(Fate, Fate)>,
    /// Words after which another fate is met.
    awaited: Mutex<Option<(&'static str, Fate, Fate)>>,
    held: Mutex<Vec<Box<dyn Stream>>>,
    /// How often the server was told something.
    told: AtomicUsize,
    asked: Notify,
}

impl Proxy {
    pub(crate) async fn to(url: &str) -> Self {
        let server: Config = url.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let password = server.get_password().map(|word| format!(":{}", String::from_utf8_lossy(word)));
        let (user, database) = (server.get_user().unwrap(), server.get_dbname().unwrap());
        let url = format!("postgres://{user}{}@127.0.0.1:{port}/{database}", password.unwrap_or_default());
        let fate = Mutex::new((Fate::Pass, Fate::Pass));
        let state = Arc::new(State {
            server,
            fate,
            awaited: Mutex::default(),
            held: Mutex::default(),
            told: AtomicUsize::new(0),
            asked: Notify::new(),
        });
        let serving = Arc::clone(&state);
        tokio::runtime::Handle::current().spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if serving.fate.lock().unwrap().0 != Fate::Refuse {
                    tokio::runtime::Handle::current().spawn(Arc::clone(&serving).line(client));
                }
            }
        });
        Self { url, state }
    }

    pub(crate) fn next(&self, fate: Fate, then: Fate) {
        *self.state.fate.lock().unwrap() = (fate, then);
    }

    /// The same from when somebody says these words.
    pub(crate) fn after(&self, words: &'static str, fate: Fate, then: Fate) {
        *self.state.awaited.lock().unwrap() = Some((words, fate, then));
    }

    /// How often the server was told something, in pieces of up to 64 kB.
    pub(crate) fn told(&self) -> usize {
        self.state.told.load(Ordering::SeqCst)
    }

    /// Waits until somebody asks what became of a transaction.
    pub(crate) async fn asked(&self) {
        self.state.asked.notified().await;
    }

    /// Whether a COMMIT was held back.
    pub(crate) fn is_holding(&self) -> bool {
        !self.state.held.lock().unwrap().is_empty()
    }

    /// The server learns that the ends it waits for are gone.
    pub(crate) fn release(&self) {
        self.state.held.lock().unwrap().clear();
    }
}

impl State {
    async fn server(&self) -> Option<Box<dyn Stream>> {
        let port = self.server.get_ports().first().copied().unwrap_or(5432);
        Some(match self.server.get_hosts().first()? {
            Host::Tcp(name) => Box::new(TcpStream::connect((name.as_str(), port)).await.ok()?),
            Host::Unix(folder) => {
                Box::new(UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await.ok()?)
            }
        })
    }

    /// One connection, until an end is cut.
    async fn line(self: Arc<Self>, mut client: TcpStream) {
        let Some(mut server) = self.server().await else { return };
        let (mut ours, mut theirs) = (vec![0; 65_536], vec![0; 65_536]);
        loop {
            tokio::select! {
                read = client.read(&mut ours) => {
                    let Ok(count @ 1..) = read else { return };
                    let bytes = &ours[..count];
                    if holds(bytes, b"pg_xact_status") {
                        self.asked.notify_one();
                    }
                    self.told.fetch_add(1, Ordering::SeqCst);
                    self.listen(bytes);
                    let fate = if holds(bytes, COMMIT) { self.take() } else { Fate::Pass };
                    match fate {
                        Fate::Pass | Fate::Refuse => {}
                        Fate::CutBefore => return,
                        Fate::Hold => return self.held.lock().unwrap().push(server),
                        Fate::CutRequest(count) => {
                            drop(server.write_all(bytes.get(..count).unwrap_or(bytes)).await);
                            return;
                        }
                        Fate::CutAnswer(count) => {
                            server.write_all(bytes).await.unwrap();
                            let answer = answer(&mut *server).await;
                            return client.write_all(answer.get(..count).unwrap_or(&answer)).await.unwrap();
                        }
                        Fate::CutAfter | Fate::Stall => {
                            server.write_all(bytes).await.unwrap();
                            while !holds(&theirs, b"COMMIT\0") {
                                assert!(server.read(&mut theirs).await.unwrap() > 0);
                            }
                            if fate == Fate::Stall {
                                std::future::pending::<()>().await;
                            }
                            return;
                        }
                    }
                    if server.write_all(bytes).await.is_err() {
                        return;
                    }
                }
                read = server.read(&mut theirs) => {
                    let Ok(count @ 1..) = read else { return };
                    if client.write_all(&theirs[..count]).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn listen(&self, bytes: &[u8]) {
        let mut awaited = self.awaited.lock().unwrap();
        if let Some((_, fate, then)) = awaited.take_if(|(words, ..)| holds(bytes, words.as_bytes())) {
            *self.fate.lock().unwrap() = (fate, then);
        }
    }

    fn take(&self) -> Fate {
        let mut fate = self.fate.lock().unwrap();
        let (now, then) = *fate;
        if now != Fate::Pass {
            *fate = (then, then);
        }
        now
    }
}

/// All that the server says until it is ready for more.
async fn answer(server: &mut dyn Stream) -> Vec<u8> {
    let mut answer = Vec::new();
    while !answer.ends_with(b"Z\0\0\0\x05I") {
        assert!(server.read_buf(&mut answer).await.unwrap() > 0);
    }
    answer
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}
