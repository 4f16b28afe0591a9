//! The site's own files: `public/`, served as they are.
//!
//! Invariant: nothing outside the folder is ever opened: names are judged after one decoding, and what a symbolic link
//! leads to is judged again before it is read.

mod date;
mod kept;
mod path;
mod range;
mod types;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, LOCATION, RANGE,
    REFERRER_POLICY, VARY,
};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use mains_base::{Error, Result};
use tokio::sync::mpsc;

use crate::body::Body;
use crate::compress;
use crate::router::Response;
use crate::tasks;
pub use kept::Assets;
use kept::{Kept, Stamp};
use range::Part;

const CHUNK_BYTES: usize = 64 * 1024;

/// A folder of files.
#[derive(Clone, Debug)]
pub struct Files {
    assets: Assets,
    fallback: bool,
}

/// A file that may be sent.
struct Found {
    content: Content,
    name: PathBuf,
    size: u64,
    tag: String,
    modified: Option<i64>,
    /// Its address names this very content.
    lasting: bool,
}

enum Content {
    /// A small one, in memory.
    Kept(Arc<Kept>),
    /// A large one, open.
    Open(File),
}

/// What looking for a file gives.
enum Sought {
    Found(Found),
    /// A folder, asked for without the slash that makes its relative links right.
    Folder,
    Nothing,
}

impl Files {
    /// These files. `fallback`: unknown pages are `index.html`, for single-page apps.
    pub fn new(assets: Assets, fallback: bool) -> Self {
        Self { assets, fallback }
    }

    /// Answers a GET or HEAD.
    pub(crate) async fn answer(&self, head: &Parts) -> Result<Response> {
        if let Some(found) = self.in_memory(head.uri.path()) {
            return found.named(head).answer(head).await;
        }
        let (files, address) = (self.clone(), head.uri.path().to_owned());
        let page = self.fallback && wants_page(head);
        let sought = blocking(move || Ok(files.seek(&address, page))).await?;
        match sought {
            Sought::Found(found) => found.named(head).answer(head).await,
            Sought::Folder => redirect(head.uri.path(), head.uri.query()),
            Sought::Nothing => Err(Error::not_found()),
        }
    }

    fn in_memory(&self, address: &str) -> Option<Found> {
        let mut name = path::relative(address)?;
        if address.ends_with('/') {
            name.push("index.html");
        }
        self.assets.find(&name).map(|kept| Found::kept(name, kept))
    }

    fn seek(&self, address: &str, page: bool) -> Sought {
        let found = path::relative(address).map_or(Sought::Nothing, |name| self.look(address, &name));
        match found {
            Sought::Nothing if page => self.open_file(Path::new("index.html")),
            found => found,
        }
    }

    fn look(&self, address: &str, name: &Path) -> Sought {
        let Some(root) = self.assets.root() else { return Sought::Nothing };
        let folder = root.join(name).is_dir();
        match (folder, address.ends_with('/')) {
            (true, true) => self.open_file(&name.join("index.html")),
            (true, false) if root.join(name).join("index.html").is_file() => Sought::Folder,
            (false, false) => self.open_file(name),
            _ => Sought::Nothing,
        }
    }

    fn open_file(&self, name: &Path) -> Sought {
        let root = self.assets.root();
        let inside =
            root.and_then(|root| root.join(name).canonicalize().ok().filter(|path| path.starts_with(root)));
        let opened = inside.and_then(|path| {
            let (mut file, stamp) = kept::open_plain(&path)?;
            if stamp.size > kept::MOST {
                return Some(Found::open(file, name.to_owned(), stamp));
            }
            let kept = self.assets.keep(name, &mut file, stamp).ok()?;
            Some(Found::kept(name.to_owned(), kept))
        });
        opened.map_or(Sought::Nothing, Sought::Found)
    }
}

/// A browser that goes to a page, and not one that loads a picture or calls the API.
fn wants_page(head: &Parts) -> bool {
    let accepts = head.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let last = head.uri.path().rsplit('/').next().unwrap_or("");
    accepts.is_some_and(|accept| accept.contains("text/html")) && !last.contains('.')
}

fn redirect(path: &str, query: Option<&str>) -> Result<Response> {
    let target = query.map_or_else(|| format!("{path}/"), |query| format!("{path}/?{query}"));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(LOCATION, target.try_into().map_err(Error::internal)?);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

impl Found {
    fn open(file: File, name: PathBuf, stamp: Stamp) -> Self {
        let tag = format!("{:x}-{:x}", stamp.nanos, stamp.size);
        let (size, modified) = (stamp.size, stamp.seconds());
        Self { content: Content::Open(file), name, size, tag, modified, lasting: false }
    }

    fn kept(name: PathBuf, kept: Arc<Kept>) -> Self {
        let (size, modified, tag) = (kept.plain.len() as u64, kept.stamp.seconds(), kept.tag.clone());
        Self { content: Content::Kept(kept), name, size, tag, modified, lasting: false }
    }

    /// Whether the address names this very content, so that it may be kept for ever.
    fn named(mut self, head: &Parts) -> Self {
        let query = head.uri.query().unwrap_or_default();
        self.lasting = query.strip_prefix("v=").is_some_and(|tag| tag == self.tag);
        self
    }

    /// The bytes that are sent to a client that takes gzip, and asks for all of them.
    fn packed(&self, head: &Parts) -> Option<Bytes> {
        let Content::Kept(kept) = &self.content else { return None };
        kept.packed.clone().filter(|_| !head.headers.contains_key(RANGE) && compress::is_taken(head))
    }

    async fn answer(self, head: &Parts) -> Result<Response> {
        let mut response = Response::new(Body::empty());
        let packed = self.packed(head);
        self.describe(&mut response, packed.is_some())?;
        if self.is_known(head) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return Ok(response);
        }
        let name = self.name.to_string_lossy();
        let media_type = HeaderValue::from_static(types::media_type(&name));
        response.headers_mut().insert(CONTENT_TYPE, media_type);
        if let Some(packed) = packed {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            *response.body_mut() = Body::from(packed);
            return Ok(response);
        }
        let (first, length) = match self.wanted(head) {
            Part::Whole => (0, self.size),
            Part::Range { first, length } => {
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                let range = format!("bytes {first}-{}/{}", first + length - 1, self.size);
                response.headers_mut().insert(CONTENT_RANGE, range.try_into().map_err(Error::internal)?);
                (first, length)
            }
            Part::Outside => {
                *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
                let range = format!("bytes */{}", self.size);
                response.headers_mut().insert(CONTENT_RANGE, range.try_into().map_err(Error::internal)?);
                return Ok(response);
            }
        };
        *response.body_mut() = if head.method == Method::HEAD {
            Body::unsent(length)
        } else {
            self.content(first, length).await?
        };
        Ok(response)
    }

    /// The headers that a 304 has too.
    fn describe(&self, response: &mut Response, packed: bool) -> Result<()> {
        let headers = response.headers_mut();
        headers.insert(ETAG, HeaderValue::try_from(self.etag(packed)).map_err(Error::internal)?);
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        let caching = if self.lasting { "public, max-age=31536000, immutable" } else { "no-cache" };
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
        if matches!(&self.content, Content::Kept(kept) if kept.packed.is_some()) {
            headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        let policy = "frame-ancestors 'self'; object-src 'none'; base-uri 'self'";
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin"));
        if let Some(modified) = self.modified {
            let text = date::http_date(modified);
            headers.insert(LAST_MODIFIED, HeaderValue::try_from(text).map_err(Error::internal)?);
        }
        Ok(())
    }

    /// The tag of these very bytes: compressed ones have another.
    fn etag(&self, packed: bool) -> String {
        format!("\"{}{}\"", self.tag, if packed { "-gz" } else { "" })
    }

    /// Whether the client has this very file. `If-None-Match` stands above `If-Modified-Since` (RFC 9110, 13.2.2).
    fn is_known(&self, head: &Parts) -> bool {
        if let Some(tags) = header(head, &IF_NONE_MATCH) {
            let (plain, packed) = (self.etag(false), self.etag(true));
            let same = |tag: &str| {
                let tag = tag.trim().trim_start_matches("W/");
                tag == "*" || tag == plain || tag == packed
            };
            return tags.split(',').any(same);
        }
        let since = header(head, &IF_MODIFIED_SINCE).and_then(date::parse_http_date);
        matches!((since, self.modified), (Some(since), Some(modified)) if modified <= since)
    }

    fn wanted(&self, head: &Parts) -> Part {
        let current = |condition: &str| {
            let date = date::parse_http_date(condition);
            condition == self.etag(false) || (date.is_some() && date == self.modified)
        };
        match header(head, &RANGE) {
            Some(range) if header(head, &IF_RANGE).is_none_or(current) => range::part(range, self.size),
            _ => Part::Whole,
        }
    }

    async fn content(self, first: u64, length: u64) -> Result<Body> {
        match self.content {
            Content::Kept(kept) => {
                let (first, length) =
                    (usize::try_from(first).unwrap_or(0), usize::try_from(length).unwrap_or(0));
                let last = (first + length).min(kept.plain.len());
                Ok(Body::from(kept.plain.slice(first.min(last)..last)))
            }
            Content::Open(mut file) if length <= kept::MOST => {
                let bytes = blocking(move || {
                    file.seek(SeekFrom::Start(first))?;
                    read_up_to(&mut file, length)
                });
                Ok(Body::from(bytes.await?))
            }
            Content::Open(file) => {
                let (sender, receiver) = mpsc::channel(2);
                tasks::spawn("file", send_chunks(file, first, length, sender));
                Ok(Body::chunks(Some(length), receiver))
            }
        }
    }
}

/// Reads while the client takes; ends when it has left.
async fn send_chunks(mut file: File, first: u64, length: u64, sender: mpsc::Sender<io::Result<Bytes>>) {
    let mut left = length;
    if file.seek(SeekFrom::Start(first)).is_err() {
        return;
    }
    while left > 0 {
        let size = left.min(CHUNK_BYTES as u64);
        let read = blocking(move || {
            let chunk = read_up_to(&mut file, size)?;
            Ok((file, chunk))
        });
        let Ok((given_back, chunk)) = read.await else { return };
        file = given_back;
        left = left.saturating_sub(chunk.len() as u64);
        // A file that became shorter breaks off, which the announced length makes an error for the client.
        if chunk.is_empty() || sender.send(Ok(chunk)).await.is_err() {
            return;
        }
    }
}

fn read_up_to(file: &mut File, length: u64) -> io::Result<Bytes> {
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(CHUNK_BYTES));
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    Ok(tokio::task::spawn_blocking(work).await.map_err(Error::internal)??)
}

fn header<'h>(head: &'h Parts, name: &HeaderName) -> Option<&'h str> {
    head.headers.get(name).and_then(|value| value.to_str().ok())
}
