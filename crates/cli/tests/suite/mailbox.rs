//! A server that takes mails, or refuses them for good, as it is told (RFC 5321, as much as is asked of it).

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// It runs until the test is over.
pub(crate) struct Mailbox {
    pub(crate) url: String,
    refuses: Arc<AtomicBool>,
    taken: Arc<AtomicUsize>,
}

impl Mailbox {
    /// One that refuses everything.
    pub(crate) fn refusing() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("smtp://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let (refuses, taken) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
        let (refusing, taking) = (Arc::clone(&refuses), Arc::clone(&taken));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // Who hangs up is no matter.
                let _ = serve(&stream, &refusing, &taking);
            }
        });
        Self { url, refuses, taken }
    }

    /// From now on it takes them.
    pub(crate) fn accept(&self) {
        self.refuses.store(false, Ordering::SeqCst);
    }

    /// How many it took.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }
}

fn serve(stream: &TcpStream, refuses: &AtomicBool, taken: &AtomicUsize) -> std::io::Result<()> {
    let mut out = stream;
    out.write_all(b"220 here\r\n")?;
    let mut is_content = false;
    for line in BufReader::new(stream).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).trim_end().to_owned();
        let answer = match line.get(..4).unwrap_or(&line) {
            "." if is_content => {
                is_content = false;
                taken.fetch_add(1, Ordering::SeqCst);
                "250 taken"
            }
            _ if is_content => continue,
            "MAIL" if refuses.load(Ordering::SeqCst) => "550 nothing is taken here",
            "DATA" => {
                is_content = true;
                "354 go on"
            }
            "QUIT" => "221 gone",
            _ => "250 well",
        };
        out.write_all(format!("{answer}\r\n").as_bytes())?;
    }
    Ok(())
}
