//! The built-in pages: there, usable without a script, and the site's to replace.

use serde_json::json;

use super::{on_both, on_both_in};

#[test]
fn the_pages_are_there_and_say_what_failed() {
    on_both(async |world| {
        let mut ines = world.browser();
        for path in [
            "/sign-in",
            "/sign-up",
            "/sign-up?done=1",
            "/reset",
            "/reset?done=1",
            "/reset?token=x",
            "/verify?token=x",
            "/verify",
            "/account/email?token=x",
        ] {
            let page = ines.get(path).await;
            assert_eq!(page.status, 200, "{path}");
            assert!(
                page.body.contains("<h1") && page.body.contains("<form") || path.contains("done"),
                "{path}"
            );
            assert!(!page.body.contains("<script") && !page.body.contains("style=\""), "{path}");
        }
        let to_sign_in = ines.get("/account").await;
        assert_eq!(
            (to_sign_in.status, to_sign_in.location.as_deref()),
            (303, Some("/sign-in?next=%2Faccount"))
        );

        let form = "email=nobody&password=swordfish+under+water&_page=%2Fsign-up&_next=%2Fsign-up%3Fdone%3D1";
        let again = ines.form("/api/accounts/sign-up", form).await;
        assert_eq!(again.status, 422);
        assert!(again.body.contains("aria-invalid=\"true\"") && again.body.contains("value=\"nobody\""));
        assert!(!again.body.contains("swordfish"), "a password is not typed back");
    });
}

#[test]
fn an_account_sees_itself_and_its_devices() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        ines.patch("/api/accounts/me", json!({"name": "<Ines>", "preferences": {"theme": "dark"}})).await;
        let page = ines.get("/account").await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains("Hello, &lt;Ines&gt;") && page.body.contains("ines@corner.example"));

        let devices = ines.get("/account/sessions").await;
        assert_eq!(devices.status, 200);
        assert!(devices.body.contains("Test/1.0"), "{}", devices.body);
    });
}

#[test]
fn a_site_replaces_a_built_in_page_by_its_own() {
    let own = [
        (
            "sign-in.html",
            "{% set f = form(\"/api/accounts/sign-in\") %}{{ f.open() }}Come in{{ f.note() }}{{ f.close() }}",
        ),
        (
            "_layout.html",
            "<title>{% block title %}{% endblock %}</title><header>Ours</header>{% block content %}{% endblock %}",
        ),
    ];
    on_both_in(&own, async |world| {
        let mut ines = world.browser();
        let page = ines.get("/sign-in").await;
        assert!(page.body.contains("Come in") && !page.body.contains("forgot the password"), "{}", page.body);
        let form = "email=ines@corner.example&password=wrong+words+here&_page=%2Fsign-in";
        let again = ines.form("/api/accounts/sign-in", form).await;
        assert!(again.body.contains("Come in") && again.body.contains("role=\"alert\""), "{}", again.body);
        // The others are those of the app still, in the layout of the site.
        let reset = ines.get("/reset").await.body;
        assert!(reset.contains("<header>Ours</header>") && reset.contains("A new password"), "{reset}");
    });
}

#[test]
fn the_sign_up_form_asks_for_what_the_site_added() {
    const ADDED: &str = r#"
extends = "accounts"
[fields.username]
type = "text"
required = true
max = 40
read = 'true'
write = 'id == auth.id'
[fields.plan]
type = "enum"
values = ["free_of_charge", "paid"]
required = true
read = 'id == auth.id'
write = 'id == auth.id'
[fields.letters]
type = "bool"
read = 'id == auth.id'
write = 'id == auth.id'
[fields.invited]
type = "text"
label = "Who invited you <first>"
required = true
write = 'id == auth.id'
[fields.credit]
type = "integer"
read = 'true'
[fields.closed]
type = "text"
read = 'true'
write = 'false'
"#;
    on_both_in(&[("accounts", ADDED)], async |world| {
        let mut ines = world.browser();
        let page = ines.get("/sign-up").await.body;
        for part in [
            "<label for=\"username\">Username</label><input class=\"input\" id=\"username\" name=\"username\" required type=\"text\" maxlength=\"40\">",
            "name=\"plan\" required><option value=\"\">–</option><option value=\"free_of_charge\">free of charge</option>",
            "type=\"checkbox\" id=\"letters\"",
            "<label for=\"invited\">Who invited you &lt;first&gt;</label>",
            "<label for=\"email\">E-mail address</label>",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert!(!page.contains("name=\"credit\"") && !page.contains("name=\"closed\""), "{page}");

        let start = "email=ines%40corner.example&password=four+wet+words&_page=%2Fsign-up&_next=%2Fdone&letters=false";
        let again = ines.form("/api/accounts/sign-up", &format!("{start}&username=&plan=")).await;
        assert_eq!(again.status, 422);
        assert!(again.body.contains("id=\"username-message\"") && again.body.contains("id=\"plan-message\""));
        for said in ["#invited\">Who invited you &lt;first&gt;: This is", "#username\">Username: This is"] {
            assert!(again.body.contains(said), "{said} in {}", again.body);
        }
        let done =
            ines.form("/api/accounts/sign-up", &format!("{start}&username=ines&plan=paid&invited=Jon")).await;
        assert_eq!((done.status, done.location.as_deref()), (303, Some("/done")));
        let token = world.letter("ines@corner.example").await.token();
        ines.post("/api/accounts/verify", json!({"token": token})).await;

        // The profile shows what the account may read and write of them, and saves it; what is not shown stays.
        let page = ines.get("/account").await.body;
        assert!(
            page.contains("value=\"ines\"") && page.contains("<option value=\"paid\" selected>"),
            "{page}"
        );
        assert!(!page.contains("name=\"invited\"") && !page.contains("name=\"credit\""), "{page}");
        let form = "_method=PATCH&_next=%2Faccount&name=Ines&username=ines2&plan=paid&letters=true";
        assert_eq!(ines.form("/api/accounts/me", form).await.status, 303);
        assert_eq!(ines.get("/api/accounts/me").await.json["username"], "ines2");
    });
}

#[test]
fn where_nobody_can_sign_up_the_pages_say_so() {
    let closed = super::world::settings();
    let closed = mains_apps::accounts::Settings { sign_up: false, ..closed };
    for dialect in [mains_database::dialect::Dialect::Sqlite, mains_database::dialect::Dialect::Postgres] {
        mains_testkit::database::on(dialect, async || {
            let world = super::World::begin(dialect, closed).await;
            let mut visitor = world.browser();
            let page = visitor.get("/sign-up").await;
            assert!(
                page.body.contains("Nobody can sign up here") && !page.body.contains("<form"),
                "{}",
                page.body
            );
            assert!(!visitor.get("/sign-in").await.body.contains("/sign-up"));
        });
    }
    on_both(async |world| {
        assert!(world.browser().get("/sign-in").await.body.contains("href=\"/sign-up\""));
    });
}

#[test]
fn preferences_are_a_page_that_works_without_a_script_and_has_an_effect() {
    let own = [(
        "time.html",
        "{% set at = \"2026-01-02T23:30:00Z\" %}{{ at|datetime }}|{{ 1234.5|number }}|{{ at|datetime(zone=\"UTC\", locale=\"en\") }}",
    )];
    on_both_in(&own, async |world| {
        let mut ines = world.account("ines@corner.example").await;
        assert_eq!(ines.get("/time").await.body, "January 2, 2026, 23:30|1,234.5|January 2, 2026, 23:30");
        ines.patch("/api/accounts/me", json!({"preferences": {"shop": {"currency": "EUR"}}})).await;
        let page = ines.get("/account/preferences").await.body;
        for part in ["<option value=\"Europe/Berlin\">", "action=\"/api/accounts/me?_page="] {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert!(
            page.contains("href=\"/account/preferences\" aria-current=\"page\"")
                && !page.contains("data-theme")
        );

        let form = "_method=PATCH&_page=%2Faccount%2Fpreferences&_next=%2Faccount%2Fpreferences%3Fdone%3D1&_form=preferences\
                    &preferences.theme=dark&locale=de&zone=Europe%2FBerlin";
        assert_eq!(ines.form("/api/accounts/me", form).await.status, 303);
        let page = ines.get("/account/preferences?done=1").await.body;
        for part in [
            "data-theme=\"dark\"",
            "value=\"dark\" checked",
            "value=\"de\" selected",
            "value=\"Europe/Berlin\" selected",
            "Saved.",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert_eq!(ines.get("/time").await.body, "3. Januar 2026, 00:30|1.234,5|January 2, 2026, 23:30");
        let me = ines.get("/api/accounts/me").await.json;
        assert_eq!(me["preferences"]["shop"]["currency"], "EUR", "what a form does not name stays");

        // Nothing said, or nothing that is known: as the site does it.
        assert_eq!(ines.form("/api/accounts/me", "_method=PATCH&_next=%2F&locale=&zone=").await.status, 303);
        ines.patch("/api/accounts/me", json!({"zone": "Mars/Olympus", "locale": "xx"})).await;
        assert_eq!(ines.get("/time").await.body, "January 2, 2026, 23:30|1,234.5|January 2, 2026, 23:30");
    });
}

#[test]
fn the_device_that_asks_is_marked_among_the_others() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        let mut phone = world.browser();
        phone.agent = "Phone/2.0";
        assert_eq!(phone.sign_in("ines@corner.example", "four wet words").await.status, 200);
        for (browser, own, other) in
            [(&mut ines, "Test/1.0", "Phone/2.0"), (&mut phone, "Phone/2.0", "Test/1.0")]
        {
            let page = browser.get("/account/sessions").await.body;
            assert_eq!(page.matches("This device").count(), 1, "{page}");
            assert!(page.contains(&format!("{own} <span class=\"badge ok\">This device</span>")), "{page}");
            assert!(page.contains(&format!("aria-label=\"Sign out {other}\"")), "{page}");
            assert!(!page.contains(&format!("aria-label=\"Sign out {own}\"")), "{page}");
        }
    });
}
