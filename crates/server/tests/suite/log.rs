//! The line of the log that each request leaves.

use std::io;
use std::sync::{Arc, Mutex};

use mains_server::Settings;
use tracing_subscriber::fmt::MakeWriter;

use crate::lab;
use crate::site::{get, router, show};
use crate::talk::{on_both, say};

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Kept {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

impl Kept {
    fn lines(&self) -> Vec<serde_json::Value> {
        let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[test]
fn a_failed_page_is_one_line_that_names_its_file_and_line() {
    on_both(async |talk| {
        let kept = Kept::default();
        let logging = tracing_subscriber::fmt().json().with_writer(kept.clone()).finish();
        let guard = tracing::subscriber::set_default(logging);
        for (address, accept) in
            [("/mistake", "*/*"), ("/mistake", "text/html"), ("/kept", "*/*"), ("/none", "*/*")]
        {
            talk.send(say(&format!("GET {address}")).with("accept", accept)).await;
        }
        drop(guard);
        let said: Vec<String> = kept
            .lines()
            .iter()
            .map(|line| {
                let of = |name: &str| line["fields"][name].as_str().unwrap_or_default().to_owned();
                format!("{}{}", of("cause"), of("route"))
            })
            .collect();
        let cause = "pages/mistake.html:2: There is no page.titel here.";
        let page = "pages/mistake.html";
        assert_eq!(said, [cause, page, cause, page, "pages/kept.html", "/{file}"]);
    });
}

#[tokio::test]
async fn a_request_is_one_line_without_secrets() {
    let kept = Kept::default();
    let logging = tracing_subscriber::fmt().json().with_writer(kept.clone()).finish();
    let guard = tracing::subscriber::set_default(logging);
    let router = router(Settings::default());
    let request = get("/api/notes/slug=private?filter=secret")
        .header("authorization", "Bearer mains_key_secret")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    show(&router, request, "").await;
    show(&router, get("/test/error"), "").await;
    drop(guard);

    let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said = |line: usize, name: &str| lines[line]["fields"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(lines.len(), 3, "{text}");
    assert_eq!((said(0, "method"), said(0, "route")), ("GET".into(), "/api/{collection}/{id}".into()));
    assert_eq!(said(0, "trace"), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(lines[0]["fields"]["status"], 404);
    assert!(!text.contains("secret") && !text.contains("slug="), "{text}");
    // Our own fault: its cause is in the log, under the request id of the line that follows.
    assert!(said(1, "cause").contains("hunter2"), "{text}");
    assert_eq!(said(1, "request"), said(2, "request"));
}

#[test]
fn a_line_names_the_command_and_never_the_record() {
    lab::on_both(async |lab| {
        let (ada, id) = lab.sign_up("ada").await;
        let kept = Kept::default();
        let logging = tracing_subscriber::fmt().json().with_writer(kept.clone()).finish();
        let guard = tracing::subscriber::set_default(logging);
        lab.json("POST /api/accounts/sign-in", "", r#"{"name":"ada"}"#).await;
        lab.json("POST /api/accounts/sign-in", "", r#"{"nobody":"x"}"#).await;
        lab.json(&format!("POST /api/accounts/{id}/rename"), &ada, r#"{"name":"eve"}"#).await;
        lab.json(&format!("POST /api/accounts/{id}/no-command"), &ada, "{}").await;
        drop(guard);
        let lines = kept.lines();
        let routes = lines.iter().filter_map(|line| line["fields"]["route"].as_str());
        assert_eq!(
            routes.collect::<Vec<_>>(),
            [
                "/api/{collection}/sign-in",
                "/api/{collection}/sign-in",
                "/api/{collection}/{id}/rename",
                "/api/{collection}/{id}"
            ]
        );
    });
}
