//! Changes of the schema on PostgreSQL: what they leave behind, and what they cost.

use mains_base::Value;

use super::proxy::{Fate, Proxy};
use super::*;

async fn over(proxy: &Proxy) -> Engine {
    let mut settings = EngineSettings::postgres(&proxy.url);
    settings.write_threads = 1;
    settings.statement_timeout = std::time::Duration::from_millis(500);
    Engine::open(&settings, Arc::new(SystemClock)).await.unwrap()
}

/// A change may be silent for hours; whoever writes next may not.
#[test]
fn a_change_that_could_not_begin_leaves_no_patience_behind() {
    wait(async {
        let database = Database::create().await;
        let proxy = Proxy::to(&database.url).await;
        let engine = over(&proxy).await;
        counters(&engine).await;
        let (other, connection) = tokio_postgres::connect(&database.url, NoTls).await.unwrap();
        tokio::runtime::Handle::current().spawn(connection);
        other.batch_execute("SELECT pg_advisory_lock(7236539012)").await.unwrap();
        let refused = engine.alter(|_| Ok(())).await.unwrap_err();
        assert_eq!(refused.code(), "database.busy");
        proxy.next(Fate::Stall, Fate::Pass);
        // The answer never comes, nor does the transaction's id.
        let stalled = run(&engine, |statements| count_up(statements, 1));
        let told = tokio::time::timeout(std::time::Duration::from_mins(1), stalled).await;
        assert_eq!(told.expect("nobody waits for hours").unwrap_err().code(), "outcome_unknown");
        engine.close().await;
    });
}

#[test]
fn rows_of_a_restore_travel_together() {
    wait(async {
        let database = Database::create().await;
        let proxy = Proxy::to(&database.url).await;
        let engine = over(&proxy).await;
        counters(&engine).await;
        let before = proxy.told();
        let filled = engine.alter(|statements| {
            statements.execute_later("CREATE TABLE later (id bigint)", &[], None)?;
            for number in 0..1_000 {
                statements.execute_later("INSERT INTO later VALUES ($1)", &[Value::Int(number)], None)?;
            }
            Ok(())
        });
        filled.await.unwrap();
        let told = proxy.told() - before;
        assert!(told < 100, "{told}");
        assert_eq!(number(&engine, "SELECT sum(id)::bigint FROM later").await.unwrap(), 499_500);
        engine.close().await;
    });
}
