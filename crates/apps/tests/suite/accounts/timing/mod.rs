//! Nobody learns from the time of an answer whether an address has an account, or in what state.
//!
//! Passwords cost next to nothing here, so what the database does is not lost in the work of hashing. Every door is
//! asked about every sort of address, in an order drawn by lot, and about one sort twice: `areas` has the statistic.

mod areas;

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use mains_apps::accounts::Accounts;
use mains_apps::accounts::passwords::{Cost, Passwords};
use mains_base::{Result, Uuid};
use mains_database::dialect::Dialect;
use mains_database::engine::Statements;
use mains_database::write::Changes;
use mains_server::App;
use mains_server::commands::Answer;
use mains_testkit::database::on;
use serde_json::{Value, json};

use self::areas::{Lots, Times};
use super::world::{Browser, Parts, World, settings};

/// How often each sort is measured at a door.
const ROUNDS: usize = 240;
/// Passwords that cost some microseconds.
const CHEAP: Cost = Cost { memory: 8, passes: 1, queue: 48 };
/// The password of who signed up, and one of nobody.
const UP: &str = "four wet words";
const WRONG: &str = "not my words";

/// What is done to an app before it serves.
type Change = fn(&mut App);

/// How an address is asked about, and which sorts of addresses. Of the first two nobody has heard: one is the twin of
/// the other.
#[derive(Clone, Copy)]
struct Door {
    path: &'static str,
    sorts: &'static [&'static str],
}

const UNKNOWN: [&str; 2] = ["unknown", "twin"];
/// Nobody has heard of these either: they stand behind all others in the order of addresses.
const LAST: &str = "zz-last";

const SIGN_IN: Door = Door {
    path: "/api/accounts/sign-in",
    sorts: &[
        "unknown",
        "twin",
        "known",
        "claimed",
        "unproved",
        "deactivated",
        "erased",
        "passwordless",
        LAST,
        // With the right password.
        "right claimed",
        "right unproved",
        "right deactivated",
    ],
};
const FORGOT: Door = Door { path: "/api/accounts/forgot", sorts: MOST };
const RESEND: Door = Door { path: "/api/accounts/resend", sorts: MOST };
const SIGN_UP: Door = Door { path: "/api/accounts/sign-up", sorts: MOST };
const CHANGE_EMAIL: Door = Door { path: "/api/accounts/me/change-email", sorts: MOST };
const MOST: &[&str] = &["unknown", "twin", "known", "claimed", "unproved", "deactivated"];

/// A site with people of all sorts, `count` of each.
struct Town {
    world: World,
    count: usize,
    /// Passwords, by address.
    passwords: HashMap<String, String>,
    requests: Cell<usize>,
}

fn address(sort: &str, number: usize) -> String {
    format!("{sort}{number}@corner.example")
}

impl Town {
    async fn found(dialect: Dialect, (sorts, count): (&[&str], usize), changed: Option<Change>) -> Self {
        let app = Accounts::with_passwords(settings(), Passwords::costing(CHEAP));
        let world = World::made(dialect, app, Parts { changed, ..Parts::default() }).await;
        let mut town = Self { world, count, passwords: HashMap::new(), requests: Cell::default() };
        // Somebody stands behind the unknown in the order of addresses, too.
        town.settle("known", &address("z", 0)).await;
        let nobody = |sort: &str| UNKNOWN.contains(&sort) || sort == LAST || sort.starts_with("right ");
        for sort in sorts.iter().filter(|sort| !nobody(sort)) {
            for number in 0..count {
                town.settle(sort, &address(sort, number)).await;
            }
        }
        town.world.work().await;
        town
    }

    /// Somebody of this sort.
    async fn settle(&mut self, sort: &str, email: &str) {
        if matches!(sort, "claimed" | "passwordless") {
            let mut browser = self.browser();
            self.world.sign_up(&mut browser, email).await;
            self.passwords.insert(email.to_owned(), UP.to_owned());
        } else {
            let password = self.world.app.create(&self.world.db, email, Vec::new()).await.unwrap();
            self.passwords.insert(email.to_owned(), password.to_string());
        }
        match sort {
            "passwordless" => {
                let token = self.world.letter(email).await.token();
                let proven = self.browser().post("/api/accounts/verify", json!({ "token": token })).await;
                assert_eq!(proven.json["has_password"], false, "{}", proven.body);
            }
            "unproved" => self.unprove(email).await,
            "deactivated" => self.world.app.set_active(&self.world.db, email, false).await.unwrap(),
            "erased" => {
                let mut browser = self.browser();
                browser.sign_in(email, &self.passwords[email]).await;
                assert_eq!(browser.post("/api/accounts/me/erase", json!({})).await.status, 204);
            }
            _ => {}
        }
    }

    /// An account whose address is not proven, as one that signed up where that comes later.
    async fn unprove(&self, email: &str) {
        let email = email.to_owned();
        let write = self.world.db.write(&[], move |tx| {
            let schema = tx.schema();
            let accounts = schema.find("accounts").unwrap();
            let verified = accounts.find("verified").unwrap().id;
            let row =
                tx.query(r#"SELECT "id" FROM "accounts" WHERE "email" = $1"#, &[email.clone().into()])?;
            let id = row.0[0].id(0)?.unwrap();
            tx.update(accounts.id, id, &Changes::of([(verified, false.into())]))
        });
        write.await.unwrap();
    }

    /// A browser in a network of its own, so that no limit is met.
    fn browser(&self) -> Browser<'_> {
        let number = self.requests.replace(self.requests.get() + 1);
        let mut browser = self.world.browser();
        browser.network = Some(format!("10.{}.{}.7", number / 200, number % 200));
        browser
    }

    /// Asks a door about all its sorts, in an order drawn by lot. All answers are one and the same.
    async fn measure(&self, door: &Door, rounds: usize) -> Times {
        // What was asked for in this minute is not asked for again.
        self.world.pass_hours(1);
        let (mut lots, mut times, mut answers) = (Lots::new(), Times::default(), BTreeSet::new());
        let mut asking = None;
        for round in 0..rounds {
            // Who is signed in asks a few times an hour.
            if door.path == CHANGE_EMAIL.path {
                asking = self.somebody(round).await;
            }
            let mut sorts = door.sorts.to_vec();
            lots.shuffle(&mut sorts);
            for sort in sorts {
                let mut browser = self.browser();
                browser.cookie = asking.clone();
                let body = self.body(door, sort, round);
                let begun = Instant::now();
                let answer = browser.post(door.path, body).await;
                times.add(sort, begun.elapsed().as_nanos());
                answers.insert((answer.status, answer.code().to_owned(), answer.names));
            }
        }
        assert_eq!(answers.len(), 1, "{}: {answers:?}", door.path);
        times
    }

    /// What is sent about the next address of a sort.
    fn body(&self, door: &Door, sort: &str, round: usize) -> Value {
        let right = sort.strip_prefix("right ");
        let email = address(right.unwrap_or(sort), round % self.count);
        if [SIGN_IN.path, SIGN_UP.path].contains(&door.path) {
            let password = right.map_or(WRONG, |_| &self.passwords[&email]);
            return json!({ "email": email, "password": password });
        }
        json!({ "email": email })
    }

    /// The session of somebody new.
    async fn somebody(&self, number: usize) -> Option<String> {
        let email = address("somebody", number);
        let password = self.world.app.create(&self.world.db, &email, Vec::new()).await.unwrap();
        let mut browser = self.browser();
        assert_eq!(browser.sign_in(&email, &password).await.status, 200);
        browser.cookie
    }
}

#[test]
fn a_sign_in_takes_as_long_whoever_the_address_is() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        on(dialect, async || {
            let town = Town::found(dialect, (SIGN_IN.sorts, 12), None).await;
            let leaks = town.measure(&SIGN_IN, ROUNDS).await.leaks(UNKNOWN);
            assert!(leaks.is_empty(), "{dialect:?}: {leaks:?}");
        });
    }
}

#[test]
fn a_letter_takes_as_long_to_ask_for_whoever_the_address_is() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        on(dialect, async || {
            let town = Town::found(dialect, (MOST, ROUNDS), None).await;
            // Signing up is the last: who was unknown is claimed from then on.
            for door in [FORGOT, RESEND, CHANGE_EMAIL, SIGN_UP] {
                let leaks = town.measure(&door, ROUNDS).await.leaks(UNKNOWN);
                assert!(leaks.is_empty(), "{dialect:?}, {}: {leaks:?}", door.path);
            }
        });
    }
}

/// Statements that a changed app asks more about who is known. One is seen on a machine that does nothing else (areas of
/// 0.66 to 0.77); these are seen beside any load.
const MORE: usize = 60;

/// Has a command look an address up first, ask more where it is known, and go on or not where nobody has heard of it.
fn looking_up(app: &mut App, command: &str, goes_on: bool) {
    for handled in app.handlers.iter_mut().filter(|handled| handled.command == command) {
        let inner = Arc::clone(&handled.handler);
        handled.handler = Arc::new(move |call| {
            let (inner, email) = (Arc::clone(&inner), call.text("email").to_owned());
            Box::pin(async move {
                let known = call.db().engine().snapshot(move |tx| is_known(tx, &email)).await?;
                if known || goes_on {
                    return inner(call).await;
                }
                call.write(&[], |_, _, _| Ok(Answer::later())).await
            })
        });
    }
}

fn is_known(tx: &mut dyn Statements, email: &str) -> Result<bool> {
    let find = r#"SELECT "id" FROM "accounts" WHERE "email__folded" = $1"#;
    let found = tx.query(find, &[email.into()])?;
    for row in &found.0 {
        let more = r#"SELECT "generation" FROM "account_secrets" WHERE "account" = $1"#;
        let id = row.id(0)?.unwrap_or(Uuid::NIL);
        (0..MORE).try_for_each(|_| tx.query(more, &[id.into()]).map(drop))?;
    }
    Ok(!found.0.is_empty())
}

/// The sorts that a changed app tells from those nobody has heard of.
async fn told(dialect: Dialect, door: Door, changed: Change) -> Vec<(&'static str, bool)> {
    let town = Town::found(dialect, (&["known", "claimed", "deactivated"], ROUNDS), Some(changed)).await;
    let door = Door { sorts: &["unknown", "twin", "known", "claimed", "deactivated"], ..door };
    let leaks = town.measure(&door, ROUNDS).await.leaks(UNKNOWN);
    leaks.iter().map(|leak| (leak.sort, leak.area > 0.5)).collect()
}

/// The test is worth something: some statements more about who is known, and it fails.
#[test]
fn statements_about_the_known_alone_are_seen() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        on(dialect, async || {
            let told = told(dialect, SIGN_IN, |app| looking_up(app, "sign_in", true)).await;
            assert_eq!(told, [("deactivated", true), ("known", true)], "{dialect:?}");
        });
    }
}

#[test]
fn a_letter_that_only_the_known_cost_is_seen() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        on(dialect, async || {
            let told = told(dialect, FORGOT, |app| looking_up(app, "forgot", false)).await;
            assert_eq!(told, [("deactivated", true), ("known", true)], "{dialect:?}");
        });
    }
}

/// Passwords that cost more than one that is not there: stored before the cost was lowered, for instance.
#[test]
fn a_password_that_costs_more_is_seen() {
    on(Dialect::Sqlite, async || {
        let town = Town::found(Dialect::Sqlite, (&[], 12), None).await;
        let dear = Accounts::with_passwords(settings(), Passwords::costing(Cost { memory: 1024, ..CHEAP }));
        for number in 0..town.count {
            dear.create(&town.world.db, &address("known", number), Vec::new()).await.unwrap();
        }
        let door = Door { sorts: &["unknown", "twin", "known"], ..SIGN_IN };
        let leaks = town.measure(&door, ROUNDS).await.leaks(UNKNOWN);
        assert_eq!(leaks.iter().map(|leak| leak.sort).collect::<Vec<_>>(), ["known"]);
    });
}
