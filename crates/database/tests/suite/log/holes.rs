//! Numbers of the log that are drawn long before they are visible.

use super::*;

/// Changes of one transaction, as a cascade makes them.
const MANY: &str = "INSERT INTO mains_changes (seq, tx, at, collection, record, op, version) SELECT \
    CASE WHEN pg_current_xact_id() IS NOT NULL THEN nextval('mains_changes_seq') END, 1, 1, 'counters', \
    gen_random_uuid(), 3, 1 FROM generate_series(1, 15000)";

/// How many changes of a version have their positions.
async fn placed(engine: &Engine, version: i64) -> i64 {
    let text = format!(
        "SELECT count(*) FROM mains_changes_positions JOIN mains_changes USING (seq) WHERE version = {version}"
    );
    number(engine, &text).await.unwrap()
}

/// Writes a change and waits until it has its position.
async fn mark(engine: &Engine, version: i64) {
    let mut advanced = engine.log_advanced();
    run(engine, move |statements| log::append(statements, &change(version, version)).map(|()| 0))
        .await
        .unwrap();
    while placed(engine, version).await == 0 {
        advanced.changed().await.unwrap();
    }
}

#[test]
fn a_large_transaction_that_commits_behind_a_small_one_loses_nothing() {
    on_postgres(
        |settings| settings.write_threads = 4,
        async |engine, _| {
            prepare(engine).await;
            mark(engine, 7).await;
            let (waiting, mut is_waiting) = tokio::sync::mpsc::unbounded_channel();
            let (go, may_go) = std::sync::mpsc::channel::<()>();
            let may_go = std::sync::Mutex::new(may_go);
            let large = run(engine, move |statements| {
                statements.execute(MANY, &[], None)?;
                waiting.send(()).unwrap();
                let _ended = may_go.lock().unwrap().recv();
                Ok(0)
            });
            let small = async {
                is_waiting.recv().await.unwrap();
                mark(engine, 8).await;
                go.send(()).unwrap();
            };
            let (large, ()) = tokio::join!(large, small);
            large.unwrap();
            // Whoever sees this one saw the large one, too.
            mark(engine, 9).await;
            assert_eq!(placed(engine, 1).await, 15_000);
            assert_eq!(log::last(engine).await.unwrap(), Position(15_003));
        },
    );
}
