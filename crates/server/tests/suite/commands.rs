//! The door of commands: who may, with what, how often, and what comes back.

use mains_language::site::load;
use mains_server::keys::NewKey;
use mains_server::{Records, Settings};

use crate::lab::{Got, Lab, Seen, app, layers, nobody, on_both, on_both_with};

const SIGN_UP: &str = "POST /api/accounts/sign-up";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[test]
fn a_command_makes_a_record_and_begins_a_session() {
    on_both(async |lab| {
        let body = r#"{"name":"ada","password":"12345678","nick":"ad"}"#;
        let got = lab.json(SIGN_UP, "", body).await;
        assert_eq!(
            (got.status, got.json()["name"].as_str(), got.json()["nick"].as_str()),
            (201, Some("ada"), Some("ad"))
        );
        assert_eq!(got.json().get("closed"), None, "a field without rules is closed");
        assert_eq!(got.header("location"), format!("/api/accounts/{}", got.id()));
        let cookie = got.header("set-cookie");
        assert!(
            cookie.starts_with("mains=mains_session_") && cookie.ends_with("HttpOnly; SameSite=Lax"),
            "{cookie}"
        );
        let me = lab.json("GET /api/accounts/me", &got.cookie(), "").await;
        assert_eq!((me.status, me.id()), (200, got.id()));
        assert_eq!(
            lab.json(&format!("GET /api/accounts/{}", got.id()), "", "").await.json()["name"],
            serde_json::Value::Null
        );
        assert_eq!(*lab.seen.lock().unwrap(), [r#"None -> Some("ada")"#], "apps hear of it within");
    });
}

#[test]
fn everything_that_is_wrong_is_said_at_once_and_no_secret() {
    on_both(async |lab| {
        let got =
            lab.json(SIGN_UP, "", r#"{"password":"hunter2","nick":"far too long a nick","nme":1}"#).await;
        let mut wrong = got.wrong();
        wrong.sort();
        assert_eq!((got.status, wrong.join(" ")), (422, "/name /nick /nme /password".into()));
        assert!(!got.body.contains("hunter2"), "{}", got.body);
        let closed = r#"{"name":"ada","password":"12345678","nick":"ad","closed":"x"}"#;
        let got = lab.json(SIGN_UP, "", closed).await;
        assert_eq!((got.status, got.wrong()), (422, vec!["/closed".into()]), "{}", got.body);
        let got = lab.json(SIGN_UP, "", r#"{"name":"ada","password":"12345678"}"#).await;
        assert_eq!(got.wrong(), ["/nick"], "the site needs it of those who sign up");
        let got = lab.send(SIGN_UP, &[FORM], "name=ada&password=hunter2&nick=a&nick=b").await;
        assert_eq!(got.wrong(), ["/password", "/nick"]);
        assert!(lab.seen.lock().unwrap().is_empty(), "nothing was stored");
        assert_eq!(lab.json(SIGN_UP, "", "[1]").await.json()["code"], "request.json");
    });
}

#[test]
fn who_may_comes_before_what_is_wrong() {
    on_both(async |lab| {
        let (ada, id) = lab.sign_up("ada").await;
        let (bob, _) = lab.sign_up("bob").await;
        let rename = format!("POST /api/accounts/{id}/rename");
        let good = r#"{"name":"eve"}"#;
        let status = async |line: &str, cookie: &str, body: &str| lab.json(line, cookie, body).await.status;
        assert_eq!(status(&rename, &bob, good).await, 404, "bob may not read ada");
        assert_eq!(status(&rename, &bob, "{}").await, 404, "nor learn what is wrong");
        assert_eq!(status(&rename, "", good).await, 404);
        assert_eq!(status(&format!("POST /api/accounts/{}/rename", nobody()), &ada, good).await, 404);
        assert_eq!(status(&rename, &ada, "{}").await, 422);
        assert_eq!(status(SIGN_UP, &ada, "{}").await, 403, "she is signed in");
        assert_eq!(status("POST /api/accounts/sign-out", "", "{}").await, 401);
        assert_eq!(status("POST /api/accounts/me/rename", &ada, good).await, 200);
        assert_eq!(status("GET /api/accounts/sign-up", &ada, "").await, 404);
        assert_eq!(status("PATCH /api/accounts/sign-up", &ada, "{}").await, 405);
        assert_eq!(status("POST /api/accounts/sign_up", "", "{}").await, 405, "addresses have dashes");
        assert_eq!(status("POST /api/accounts/rename", &ada, good).await, 405);
        assert_eq!(status("POST /api/accounts/lose", &ada, "").await, 500, "a handler that asked nobody");
    });
}

#[test]
fn those_with_the_right_may_and_others_with_rights_may_not() {
    on_both(async |lab| {
        let (_, id) = lab.sign_up("ada").await;
        let key = async |role: &str| {
            let new = NewKey { roles: vec![role.into()], ..NewKey::default() };
            format!("Bearer {}", lab.records.callers().create_key(new).await.unwrap().1.expose())
        };
        let (staff, editor) = (key("staff").await, key("editor").await);
        let send = async |command: &str, key: &str, body: &'static str| {
            let headers =
                [("content-type", "application/json"), ("authorization", key), ("idempotency-key", command)];
            lab.send(&format!("POST /api/accounts/{id}/{command}"), &headers, body).await
        };
        let renamed = send("rename", &staff, r#"{"name":"eve"}"#).await;
        assert_eq!((renamed.status, renamed.json()["name"].as_str()), (200, Some("eve")));
        assert_eq!(send("rename", &editor, r#"{"name":"mal"}"#).await.status, 404);
        assert_eq!(send("pay", &staff, "").await.status, 403, "no right stands over this command");
    });
}

#[test]
fn a_plain_form_is_led_on_and_never_elsewhere() {
    on_both(async |lab| {
        let form = "name=ada&password=12345678&nick=ad&_next=%2Fwelcome";
        let got = lab.send(SIGN_UP, &[FORM], form).await;
        assert_eq!((got.status, got.header("location")), (303, "/welcome"));
        assert!(got.cookie().starts_with("mains=mains_session_"));
        let got = lab
            .send(SIGN_UP, &[FORM], "name=b&password=12345678&nick=b&_next=https%3A%2F%2Fevil.example")
            .await;
        assert_eq!(got.status, 400);
    });
}

#[test]
fn a_page_of_another_site_cannot_act() {
    on_both(async |lab| {
        let (ada, id) = lab.sign_up("ada").await;
        let post = async |more: (&str, &str)| {
            let headers = [FORM, ("cookie", ada.as_str()), ("host", "shop.example"), more];
            lab.send(&format!("POST /api/accounts/{id}/rename"), &headers, "name=evil").await
        };
        for evil in [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")]
        {
            let got = post(evil).await;
            assert_eq!(
                (got.status, got.json()["code"].as_str()),
                (403, Some("request.cross_site")),
                "{evil:?}"
            );
            let sign_in = lab
                .send("POST /api/accounts/sign-in", &[FORM, ("host", "shop.example"), evil], "name=ada")
                .await;
            assert_eq!((sign_in.status, sign_in.cookie()), (403, String::new()), "nor sign a victim in");
        }
        assert_eq!(post(("origin", "https://shop.example")).await.status, 200);
    });
}

#[test]
fn a_session_cannot_be_fixed_before_signing_in() {
    on_both(async |lab| {
        let (_, _) = lab.sign_up("victim").await;
        let (attacker, _) = lab.sign_up("attacker").await;
        let got = lab.json("POST /api/accounts/sign-in", &attacker, r#"{"name":"victim"}"#).await;
        assert_eq!(got.status, 200);
        assert_ne!(got.cookie(), attacker, "signing in begins a new session");
        let left = lab.json("GET /api/accounts/me", &attacker, "").await;
        assert_ne!(left.status, 200, "the session that was there is over");
        let forged = format!("mains=mains_session_{}", "0".repeat(52));
        let got = lab.json("POST /api/accounts/sign-in", &forged, r#"{"name":"victim"}"#).await;
        assert!(got.cookie() != forged && got.status == 200, "a token is never taken over from a request");
    });
}

#[test]
fn signing_out_ends_the_session_and_its_cookie() {
    on_both(async |lab| {
        let (ada, _) = lab.sign_up("ada").await;
        let got = lab.json("POST /api/accounts/sign-out", &ada, "").await;
        assert_eq!((got.status, got.cookie()), (204, "mains=".into()));
        assert!(got.header("set-cookie").contains("Max-Age=0"));
        assert_eq!(lab.json("POST /api/accounts/sign-out", &ada, "").await.status, 401);
    });
}

#[test]
fn so_often_and_no_more() {
    let settings = Settings { trusted_proxies: vec!["127.0.0.1".parse().unwrap()], ..Settings::default() };
    on_both_with(&settings, async |lab| {
        let from = async |address: &str| {
            let headers = [("content-type", "application/json"), ("x-forwarded-for", address)];
            lab.send(SIGN_UP, &headers, "{}").await
        };
        let first = from("203.0.113.1").await;
        assert_eq!((first.status, first.header("ratelimit")), (422, "\"sign-up\";r=4;t=3600"));
        assert_eq!(first.header("ratelimit-policy"), "\"sign-up\";q=5;w=3600");
        for _ in 0..4 {
            assert_eq!(from("203.0.113.1").await.status, 422);
        }
        let refused = from("203.0.113.1").await;
        assert_eq!((refused.status, refused.json()["code"].as_str()), (429, Some("limits.rate")));
        assert!(refused.header("retry-after").parse::<u64>().unwrap() > 3_000);
        assert_eq!(
            from("198.51.100.7, 203.0.113.1").await.status,
            429,
            "what the client writes is not believed"
        );
        assert_eq!(from("203.0.113.2").await.status, 422, "another network");
        lab.clock.advance_micros(2 * 3_600 * 1_000_000);
        assert_eq!(from("203.0.113.1").await.status, 422);
    });
}

#[test]
fn a_visitor_who_writes_becomes_a_guest() {
    on_both(async |lab| {
        let got = lab.json("POST /api/notes", "", r#"{"title":"One"}"#).await;
        assert_eq!(got.status, 201, "{}", got.body);
        let cookie = got.cookie();
        assert!(cookie.starts_with("mains=mains_session_"));
        let author = got.json()["author"].as_str().unwrap().to_owned();
        let second = lab.json("POST /api/notes", &cookie, r#"{"title":"Two"}"#).await;
        assert_eq!((second.status, second.cookie()), (201, String::new()), "made once");
        assert_eq!(second.json()["author"], author.as_str());
        let mine = lab.json("GET /api/notes", &cookie, "").await;
        assert_eq!(mine.json()["items"].as_array().unwrap().len(), 2);
        assert_eq!(
            lab.json("POST /api/accounts/sign-out", &cookie, "").await.status,
            401,
            "a guest is not signed in"
        );
        let failed = lab.json("POST /api/notes", "", "{}").await;
        assert_eq!((failed.status, failed.cookie()), (422, String::new()), "what fails makes nobody");
    });
}

#[test]
fn a_command_without_a_handler_does_not_start() {
    on_both(async |lab| {
        let mut app = app(&Seen::default());
        app.handlers.pop();
        let schema = load(&layers(&app)).unwrap();
        assert!(schema.find("accounts").unwrap().command("lose").is_some());
        let open = async || Records::open(lab.records.db().clone()).await.unwrap();
        let refused = open().await.with_apps(std::slice::from_ref(&app)).unwrap_err();
        assert_eq!(refused.detail(), "The command lose of accounts has no handler.");
        app.handlers.clear();
        assert!(open().await.with_apps(&[]).unwrap_err().detail().contains("has no handler"));
    });
}

#[test]
fn no_secret_is_logged() {
    use std::io;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let writer = log.clone();
    let logging = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let dispatch = tracing::Dispatch::new(logging);
    on_both(async |lab: Lab| {
        let _guard = tracing::dispatcher::set_default(&dispatch);
        // Places that log are told of listeners when they are first passed; another test may pass one just then.
        lab.json("GET /api/accounts/me", "", "").await;
        tracing::callsite::rebuild_interest_cache();
        let body = r#"{"name":"ada","password":"hunter2-hunter2","nick":"ad"}"#;
        let first: Got = lab.json(SIGN_UP, "", body).await;
        assert_eq!(first.status, 201);
        let token = first.cookie();
        assert_eq!(lab.json(SIGN_UP, "", body).await.status, 409);
        lab.json("GET /api/accounts/me", &token, "").await;
        let token = token.trim_start_matches("mains=mains_session_").to_owned();
        let said = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(said.contains("mains::request"), "{said}");
        assert!(!said.contains("hunter2") && !said.contains(&token), "{said}");
    });
}
