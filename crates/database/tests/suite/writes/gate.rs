//! Rows of collections are written by the choke point alone: the authorizer of debug builds sees every other way.

use std::sync::Arc;

use mains_base::{Caller, Result};
use mains_database::dialect::Dialect;
use mains_database::engine::{Engine, Statements};
use mains_testkit::TestDb;
use mains_testkit::database::on;

use super::site::{Site, schema};

/// Runs statements as whoever has the engine alone can.
async fn past(engine: &Engine, texts: &'static [&'static str]) -> Result<()> {
    let job = move |statements: &mut dyn Statements| {
        texts.iter().try_for_each(|text| statements.execute_later(text, &[], None))?;
        Ok(Box::new(()) as mains_database::engine::Answer)
    };
    engine.run(&[], Arc::new(job)).await.map(drop)
}

#[test]
fn nothing_writes_past_the_choke_point() {
    on(Dialect::Sqlite, async || {
        let site = Site::new(TestDb::with_schema(Dialect::Sqlite, schema()).await);
        let ann = site.account("Ann").await;
        // The choke point has prepared its own deletion, which is still nobody else's.
        site.delete(&Caller::system(), site.target("accounts", ann.id)).await.unwrap();
        let engine = site.db.engine();
        for texts in [
            &["DELETE FROM \"accounts\" WHERE \"id\" IN $1"][..],
            &["DELETE FROM accounts"],
            &["UPDATE accounts SET version = version + 1"],
            &["INSERT INTO posts__tags (record, target, position) SELECT id, 'a', 1 FROM posts"],
            &["WITH all_of_them AS (SELECT id FROM accounts) DELETE FROM accounts WHERE id IN all_of_them"],
            // Where a reader of the text sees nothing.
            &[
                "CREATE TEMP VIEW innocent AS SELECT name FROM accounts",
                "CREATE TEMP TRIGGER quiet INSTEAD OF UPDATE ON innocent BEGIN UPDATE accounts SET name = new.name; END",
                "UPDATE innocent SET name = 'x'",
            ],
        ] {
            let refused = past(engine, texts).await.unwrap_err();
            assert!(format!("{refused:?}").contains("past the choke point"), "{texts:?}: {refused:?}");
        }
        // What has no door is nobody's but its owner's.
        past(engine, &["INSERT INTO mains_followers VALUES ('ears', 0)", "SELECT count(*) FROM accounts"])
            .await
            .unwrap();
    });
}

#[test]
fn a_text_is_judged_whatever_letters_it_names_its_table_in() {
    super::on_both(|site| async move {
        let site = &site;
        for text in ["UPDATE Accounts SET version = 7", "DELETE FROM \"accounts\"", "delete from POSTS__TAGS"]
        {
            let refused = site.db.write(&[], move |tx| tx.execute_later(text, &[])).await.unwrap_err();
            assert!(format!("{refused:?}").contains("past the choke point"), "{text}: {refused:?}");
        }
    });
}
