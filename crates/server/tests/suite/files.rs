//! Static files: types, conditions, ranges, and no way out of the folder.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use insta::assert_snapshot;
use mains_server::{Assets, Router, Settings, Site};
use tempfile::TempDir;

use crate::site::{get, show};

fn site(spa: bool) -> (TempDir, Router) {
    let folder = TempDir::new().unwrap();
    let public = folder.path().join("public");
    fs::create_dir_all(public.join("docs")).unwrap();
    fs::create_dir_all(public.join("empty")).unwrap();
    for (name, text) in [
        ("index.html", "<h1>Home</h1>"),
        ("app.js", "0123456789"),
        ("docs/index.html", "Docs"),
        (".secret", "secret"),
        ("large.bin", &"abcdefgh".repeat(100_000)),
        ("../outside.txt", "secret"),
    ] {
        fs::write(public.join(name), text).unwrap();
        set_time(&public.join(name));
    }
    symlink("../outside.txt", public.join("out.txt")).unwrap();
    symlink("app.js", public.join("in.js")).unwrap();
    symlink("..", public.join("up")).unwrap();
    let site = Site { assets: Assets::open(Some(&public)).unwrap(), ..Site::empty() };
    let router = Router::new(Settings { spa, ..Settings::default() }, &site).unwrap();
    (folder, router)
}

fn set_time(path: &Path) {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
}

async fn status(router: &Router, address: &str) -> String {
    show(router, get(address), "").await[..3].to_owned()
}

#[tokio::test]
async fn a_file_with_its_headers() {
    let (_folder, router) = site(false);
    assert_snapshot!(show(&router, get("/"), "").await, @r#"
    200 OK
    etag: "1a7133067a4ac7fe"
    accept-ranges: bytes
    cache-control: no-cache
    content-security-policy: frame-ancestors 'self'; object-src 'none'; base-uri 'self'
    referrer-policy: strict-origin-when-cross-origin
    last-modified: Sun, 09 Sep 2001 01:46:40 GMT
    content-type: text/html; charset=utf-8
    x-request-id: req_1
    x-content-type-options: nosniff

    <h1>Home</h1>
    "#);
    let head = show(&router, http::Request::head("/app.js"), "").await;
    assert!(
        head.contains("\ncontent-length: 10\n") && head.contains("text/javascript") && head.ends_with("\n\n"),
        "{head}"
    );
}

#[tokio::test]
async fn a_file_the_client_has_is_not_sent_again() {
    let (_folder, router) = site(false);
    let tag = "\"84d89877f0d4041e\"";
    for (name, value) in [
        ("if-none-match", tag),
        ("if-none-match", "\"other\", W/\"84d89877f0d4041e\""),
        ("if-none-match", "*"),
        ("if-modified-since", "Sun, 09 Sep 2001 01:46:40 GMT"),
    ] {
        let answer = show(&router, get("/app.js").header(name, value), "").await;
        assert!(answer.starts_with("304") && answer.contains(tag) && answer.ends_with("\n\n"), "{answer}");
    }
    let older = get("/app.js").header("if-modified-since", "Sun, 09 Sep 2001 01:46:39 GMT");
    assert!(show(&router, older, "").await.starts_with("200"));
    let both = get("/app.js")
        .header("if-none-match", "\"other\"")
        .header("if-modified-since", "Sun, 09 Sep 2001 01:46:40 GMT");
    assert!(show(&router, both, "").await.starts_with("200"), "the tag stands above the date");
}

#[tokio::test]
async fn ranges() {
    let (_folder, router) = site(false);
    let part = show(&router, get("/app.js").header("range", "bytes=2-4"), "").await;
    assert!(
        part.starts_with("206")
            && part.contains("\ncontent-range: bytes 2-4/10\n")
            && part.ends_with("\n\n234"),
        "{part}"
    );
    let outside = show(&router, get("/app.js").header("range", "bytes=10-"), "").await;
    assert!(outside.starts_with("416") && outside.contains("\ncontent-range: bytes */10\n"), "{outside}");
    let stale = get("/app.js").header("range", "bytes=2-4").header("if-range", "\"other\"");
    assert!(show(&router, stale, "").await.ends_with("\n\n0123456789"));
    let large = show(&router, get("/large.bin").header("range", "bytes=8-"), "").await;
    assert!(large.starts_with("206") && large.ends_with("abcdefgh"));
    assert_eq!(large.split("\n\n").nth(1).unwrap().len(), 799_992);
}

#[tokio::test]
async fn there_is_no_way_out_of_the_folder() {
    let (_folder, router) = site(true);
    for address in [
        "/../outside.txt",
        "/%2e%2e/outside.txt",
        "/..%2foutside.txt",
        "/%2e%2e%2foutside.txt",
        "/docs/../../outside.txt",
        "/..%5coutside.txt",
        "/out.txt",
        "/up/outside.txt",
        "/.secret",
        "/%2esecret",
        "/app.js%00.html",
        "//outside.txt",
        "/docs//index.html",
    ] {
        let answer = show(&router, get(address), "").await;
        assert!(answer.starts_with("404") && !answer.ends_with("secret"), "{address}: {answer}");
    }
    assert_eq!(status(&router, "/in.js").await, "200", "a link that stays inside is followed");
}

#[tokio::test]
async fn a_pipe_in_the_folder_is_no_file() {
    let (folder, router) = site(false);
    let pipe = folder.path().join("public/pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert_eq!(status(&router, "/pipe").await, "404");
}

#[tokio::test]
async fn folders() {
    let (_folder, router) = site(false);
    let moved = show(&router, get("/docs?a=1"), "").await;
    assert!(moved.starts_with("308") && moved.contains("\nlocation: /docs/?a=1\n"), "{moved}");
    assert!(show(&router, get("/docs/"), "").await.ends_with("\n\nDocs"));
    for nothing in ["/empty", "/empty/", "/app.js/", "/nothing"] {
        assert_eq!(status(&router, nothing).await, "404", "{nothing}");
    }
}

#[tokio::test]
async fn a_single_page_app_answers_its_own_addresses() {
    let (_folder, router) = site(true);
    let page = |address| get(address).header("accept", "text/html,*/*");
    assert!(show(&router, page("/orders/17"), "").await.ends_with("<h1>Home</h1>"));
    assert!(show(&router, page("/missing.js"), "").await.starts_with("404"), "not for files");
    assert!(show(&router, get("/orders/17"), "").await.starts_with("404"), "not for calls");
    assert!(show(&router, page("/api/orders"), "").await.starts_with("404"), "not for the API");
}

#[tokio::test]
async fn files_cannot_be_written() {
    let (_folder, router) = site(false);
    assert!(show(&router, http::Request::put("/app.js"), "x").await.starts_with("405"));
}

#[tokio::test]
async fn texts_are_sent_compressed_to_who_takes_it() {
    let folder = TempDir::new().unwrap();
    let text = "body { color: red; }\n".repeat(200);
    fs::write(folder.path().join("app.css"), &text).unwrap();
    fs::write(folder.path().join("noise.bin"), text.as_bytes()).unwrap();
    let site = Site { assets: Assets::open(Some(folder.path())).unwrap(), ..Site::empty() };
    let router = Router::new(Settings::default(), &site).unwrap();
    let gzip = |address| get(address).header("accept-encoding", "br, gzip");
    for _ in 0..2 {
        let packed = show(&router, gzip("/app.css"), "").await;
        assert!(
            packed.contains("\ncontent-encoding: gzip\n") && packed.contains("\nvary: Accept-Encoding\n"),
            "{packed}"
        );
        assert!(packed.len() < 1_000 && packed.contains("-gz\"\n"), "{packed}");
    }
    let plain = show(&router, get("/app.css"), "").await;
    assert!(plain.ends_with(&text) && plain.contains("\nvary: Accept-Encoding\n"), "{plain}");
    let part = show(&router, gzip("/app.css").header("range", "bytes=0-3"), "").await;
    assert!(part.starts_with("206") && part.ends_with("\n\nbody"), "ranges are of the plain bytes: {part}");
    assert!(show(&router, gzip("/noise.bin"), "").await.ends_with(&text), "only texts");
}

#[tokio::test]
async fn a_file_that_changed_is_seen_and_its_old_address_is_not_kept() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("app.css");
    fs::write(&file, "one").unwrap();
    let site = Site { assets: Assets::watched(Some(folder.path())).unwrap(), ..Site::empty() };
    let router = Router::new(Settings::default(), &site).unwrap();
    let first = show(&router, get("/app.css"), "").await;
    let tag = first.split("etag: \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let kept = format!("/app.css?v={tag}");
    assert!(
        show(&router, get(&kept), "").await.contains("cache-control: public, max-age=31536000, immutable\n")
    );
    fs::write(&file, "three").unwrap();
    let second = show(&router, get(&kept), "").await;
    assert!(second.ends_with("\n\nthree") && second.contains("cache-control: no-cache\n"), "{second}");
}
