//! A guest who becomes somebody that is there, with all that they left.

use std::sync::{Arc, Mutex};

use mains_database::dialect::Dialect;
use mains_database::write::{New, Within};
use mains_server::App;
use mains_testkit::database::on;
use serde_json::json;

use super::guests::LINES;
use super::world::{World, settings};
use super::{NAMED, on_both_in};

const EMAIL: &str = "ines@corner.example";

/// More than one transaction moves.
#[test]
fn a_guest_with_thousands_of_records_signs_in() {
    on_both_in(&[("lines", LINES)], async |world| {
        world.account(EMAIL).await;
        let mut phone = world.browser();
        assert_eq!(phone.post("/api/lines", json!({"thing": "bread"})).await.status, 201);
        let owner = phone.get("/api/accounts/me").await.json["id"].as_str().unwrap().to_owned();
        let owner = mains_base::Uuid::from_suffix(owner.rsplit('_').next().unwrap()).unwrap();
        for part in 0..5 {
            let made = world.db.write(&[], move |tx| {
                let schema = tx.schema();
                let lines = schema.find("lines").unwrap();
                let [owns, thing] = ["owner", "thing"].map(|name| lines.find(name).unwrap().id);
                for number in 0..500 {
                    let values = [(owns, owner.into()), (thing, format!("thing {part} {number}").into())];
                    tx.insert(lines.id, &New::of(values))?;
                }
                Ok(())
            });
            made.await.unwrap();
        }
        assert_eq!(phone.sign_in(EMAIL, "four wet words").await.status, 200);
        let count = async |browser: &mut super::world::Browser<'_>| {
            browser.get("/api/lines/aggregate?count").await.json["items"][0]["count"].clone()
        };
        assert_eq!(count(&mut phone).await, json!(1000), "as many as one sign-in moves");
        world.work().await;
        assert_eq!(count(&mut phone).await, json!(2501), "and the rest after it");
    });
}

/// Another app hears of a merge in the transaction of the sign-in, and may refuse none of it half.
#[test]
fn another_app_hears_of_a_merge() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        on(dialect, async || {
            let heard: Arc<Mutex<Vec<String>>> = Arc::default();
            let note = Arc::clone(&heard);
            let within = Within::new("accounts", move |tx, changed| {
                let schema = tx.schema();
                let accounts = schema.find("accounts").unwrap();
                let [status, into] = ["status", "merged_into"].map(|name| accounts.find(name).unwrap().id);
                let (Some(before), Some(now)) = (&changed.before, &changed.now) else { return Ok(()) };
                if let Some(person) = now.value(into).as_id().filter(|_| before.value(into).is_null()) {
                    let found = tx.get(accounts.id, person)?;
                    let said = [before.value(status), now.value(status), found.value(status)]
                        .map(|value| value.as_text().unwrap().to_owned());
                    note.lock().unwrap().push(said.join(" "));
                }
                Ok(())
            });
            let other = App { within: vec![within], ..App::new("other") };
            let world = World::with_app(dialect, settings(), &[("lines", LINES)], Some(other)).await;
            world.account(EMAIL).await;
            let mut phone = world.browser();
            phone.post("/api/lines", json!({"thing": "bread"})).await;
            assert!(heard.lock().unwrap().is_empty());
            assert_eq!(phone.sign_in(EMAIL, "four wet words").await.status, 200);
            assert_eq!(*heard.lock().unwrap(), ["active merged active"]);
        });
    }
}

/// Somebody who forgot that they have an account takes a name with a sign-up, and signs in: the name is free again.
#[test]
fn a_merged_guest_lets_go_of_its_names() {
    on_both_in(&[("accounts", NAMED), ("lines", LINES)], async |world| {
        world.account(EMAIL).await;
        let mut phone = world.browser();
        phone.post("/api/lines", json!({"thing": "bread"})).await;
        let up = json!({"email": EMAIL, "password": "four wet words", "username": "ines"});
        assert_eq!(phone.post("/api/accounts/sign-up", up).await.status, 202);
        assert_eq!(phone.sign_in(EMAIL, "four wet words").await.status, 200);
        let taken = phone.patch("/api/accounts/me", json!({"username": "ines"})).await;
        assert_eq!((taken.status, &taken.json["username"]), (200, &json!("ines")), "{}", taken.body);
        assert_eq!(phone.get("/api/lines").await.json["items"].as_array().map(Vec::len), Some(1));
    });
}
