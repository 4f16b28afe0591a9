//! The engine on SQLite over a disk that fails on command: I/O errors, and no room left.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says what it expects by failing")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use mains_base::{Error, Kind, Result, SystemClock, Value};
use mains_database::engine::{Engine, EngineSettings, Job, ReadQuery, Route, Statements};

/// A mounted disk, served by a process of its own.
struct Place {
    served: Child,
    answers: BufReader<ChildStdout>,
    folder: tempfile::TempDir,
}

impl Place {
    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_mains-torture"));
        command.arg("disk").arg(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut served = command.spawn().unwrap();
        let answers = BufReader::new(served.stdout.take().unwrap());
        let mut place = Self { served, answers, folder };
        assert_eq!(place.answer(), "ready");
        place
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Tells the disk something.
    fn tell(&mut self, line: &str) -> usize {
        writeln!(self.served.stdin.as_mut().unwrap(), "{line}").unwrap();
        self.answer().parse().unwrap()
    }

    async fn open(&self) -> Engine {
        let settings = EngineSettings::sqlite(self.folder.path().join("mains.db"));
        Engine::open(&settings, Arc::new(SystemClock)).await.unwrap()
    }

    /// The power goes and comes back.
    async fn cut(&mut self, engine: Engine, seed: usize) -> Engine {
        self.tell("cut");
        engine.close().await;
        self.tell(&format!("recover {seed}"));
        self.open().await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // The end of its input unmounts the disk.
        drop(self.served.stdin.take());
        drop(self.served.wait());
    }
}

fn wait(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap().block_on(future);
}

/// Two tables: counters, and a heap that grows.
async fn prepare(place: &mut Place, engine: &Engine) {
    let made = engine.alter(|statements| {
        for text in [
            "CREATE TABLE counters (id INTEGER PRIMARY KEY, count INTEGER NOT NULL)",
            "INSERT INTO counters VALUES (1, 0)",
            "CREATE TABLE heap (id INTEGER PRIMARY KEY, body BLOB)",
        ] {
            statements.execute(text, &[], None)?;
        }
        Ok(())
    });
    made.await.unwrap();
    place.tell("settle");
}

fn job(body: impl Fn(&mut dyn Statements) -> Result<i64> + Send + Sync + 'static) -> Job {
    Arc::new(move |statements| Ok(Box::new(body(statements)?)))
}

fn count_up() -> Job {
    job(|statements| {
        statements.execute("UPDATE counters SET count = count + 1 WHERE id = 1", &[], None)?;
        Ok(0)
    })
}

fn grow(bytes: usize) -> Job {
    job(move |statements| {
        let body = Value::Bytes(vec![7; bytes]);
        statements.execute("INSERT INTO heap (body) VALUES ($1)", &[body], None)?;
        Ok(0)
    })
}

async fn run(engine: &Engine, job: Job) -> Result<i64> {
    Ok(*engine.run(&[], job).await?.downcast::<i64>().unwrap())
}

async fn number(engine: &Engine, sql: &str) -> i64 {
    let query = ReadQuery { text: sql.into(), parameters: Vec::new(), route: Route::Inline };
    engine.read(query, |rows| rows.next()?.unwrap().int(0).map(Option::unwrap)).await.unwrap()
}

const COUNT: &str = "SELECT count FROM counters WHERE id = 1";

/// Holds the writer until all of these wait, so that they share a group as far as its 2 ms go.
async fn together(engine: &Engine, jobs: Vec<Job>) -> Vec<Result<i64>> {
    let (started, mut has_started) = tokio::sync::mpsc::unbounded_channel();
    let (go, may_go) = std::sync::mpsc::channel::<()>();
    let may_go = Mutex::new(may_go);
    let holding = job(move |_| {
        started.send(()).unwrap();
        let _ended = may_go.lock().unwrap().recv();
        Ok(0)
    });
    let others = async {
        has_started.recv().await.unwrap();
        let mut waiting: Vec<_> = jobs.into_iter().map(|job| Box::pin(run(engine, job))).collect();
        assert!(waiting.iter_mut().all(|one| one.now_or_never().is_none()));
        go.send(()).unwrap();
        join_all(waiting).await
    };
    let (held, answers) = tokio::join!(engine.run_alone(&[], holding), others);
    held.unwrap();
    answers
}

fn is(answer: &Result<i64>, code: &str) -> bool {
    answer.as_ref().is_err_and(|error| error.code() == code)
}

#[test]
fn a_failed_commit_is_unknown_to_its_whole_group_and_the_next_one_works() {
    wait(async {
        let mut place = Place::make();
        let mut engine = place.open().await;
        prepare(&mut place, &engine).await;
        let (mut stored, mut largest) = (0, 0);
        for round in 0..20 {
            // The trace of a connection: gone when it is opened again.
            let mark = job(|statements| statements.query("PRAGMA cache_size = 77", &[]).map(|_| 0));
            run(&engine, mark).await.unwrap();
            let call = if round % 2 == 0 { "sync" } else { "write" };
            place.tell(&format!("fail {call} -wal 1"));
            let answers = together(&engine, (0..8).map(|_| count_up()).collect()).await;
            let unknown = answers.iter().filter(|answer| is(answer, "outcome_unknown")).count();
            stored += answers.iter().filter(|answer| answer.is_ok()).count() as i64;
            assert!(
                unknown > 0 && answers.iter().all(|answer| answer.is_ok() || is(answer, "outcome_unknown"))
            );
            let unavailable: Vec<&Error> =
                answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
            assert_eq!(unavailable[0].kind(), Kind::Unavailable);
            largest = largest.max(unknown);
            run(&engine, count_up()).await.unwrap();
            stored += 1;
            assert_eq!(number(&engine, COUNT).await, stored);
            assert_eq!(cache(&engine).await, -64_000);
            // What was acknowledged after a failed fsync is safe all the same.
            engine = place.cut(engine, round + 1).await;
            assert_eq!(number(&engine, COUNT).await, stored);
        }
        assert!(largest > 1, "never more than one in a group");
        engine.close().await;
    });
}

/// A heap whose pages nobody has read yet, a counter at 1, and a trace on the connection that is gone with it.
async fn with_heap(place: &mut Place) -> Engine {
    let engine = place.open().await;
    prepare(place, &engine).await;
    for _ in 0..20 {
        run(&engine, grow(8_000)).await.unwrap();
    }
    engine.close().await;
    let engine = place.open().await;
    run(&engine, count_up()).await.unwrap();
    let mark = job(|statements| statements.query("PRAGMA cache_size = 77", &[]).map(|_| 0));
    run(&engine, mark).await.unwrap();
    engine
}

async fn cache(engine: &Engine) -> i64 {
    let cache = job(|statements| {
        let rows = statements.query("PRAGMA cache_size", &[])?;
        Ok(rows.0[0].int(0)?.unwrap())
    });
    run(engine, cache).await.unwrap()
}

const HEAP: &str = "SELECT sum(length(body)) FROM heap";

/// Reads the whole heap; says how often it ran.
fn read_heap(runs: &Arc<AtomicI64>) -> Job {
    let runs = Arc::clone(runs);
    job(move |statements| {
        runs.fetch_add(1, Ordering::SeqCst);
        statements.query(HEAP, &[])?.0[0].int(0).map(Option::unwrap)
    })
}

#[test]
fn a_read_that_fails_once_is_noticed_by_nobody() {
    wait(async {
        let mut place = Place::make();
        let engine = with_heap(&mut place).await;
        let runs = Arc::new(AtomicI64::new(0));
        place.tell("fail read mains.db 1");
        let answers = together(&engine, vec![count_up(), read_heap(&runs), count_up()]).await;
        assert_eq!(place.tell("left"), 0);
        let answers: Vec<i64> = answers.into_iter().map(Result::unwrap).collect();
        // The group is undone before its COMMIT is sent, and each of it runs again, on another connection.
        assert_eq!(answers, [0, 160_000, 0]);
        assert_eq!(runs.load(Ordering::SeqCst), 2);
        assert_eq!(number(&engine, COUNT).await, 3);
        assert_eq!(cache(&engine).await, -64_000);
        engine.close().await;
    });
}

#[test]
fn what_cannot_be_read_fails_who_reads_it_alone() {
    wait(async {
        let mut place = Place::make();
        let engine = with_heap(&mut place).await;
        let runs = Arc::new(AtomicI64::new(0));
        // The first three pages hold the schema and the counters.
        place.tell("bad mains.db 12288");
        // Surviving the failure by a savepoint does not help.
        let blind = job(|statements| {
            let _unread = statements.savepoint(&mut |statements| statements.query(HEAP, &[]).map(drop));
            statements.execute("UPDATE counters SET count = count + 1000 WHERE id = 1", &[], None)?;
            Ok(0)
        });
        for round in 1..=5 {
            let jobs = vec![count_up(), read_heap(&runs), count_up(), blind.clone(), count_up()];
            let answers = together(&engine, jobs).await;
            for (place, answer) in answers.iter().enumerate() {
                match place {
                    1 | 3 => assert!(is(answer, "database.unavailable"), "{place}: {answer:?}"),
                    _ => assert!(answer.is_ok(), "{place}: {answer:?}"),
                }
            }
            assert_eq!(number(&engine, COUNT).await, 1 + 3 * round);
        }
        let altered = engine.alter(|statements| {
            statements.execute("CREATE TABLE more (id INTEGER PRIMARY KEY)", &[], None)?;
            statements.query(HEAP, &[]).map(drop)
        });
        assert_eq!(altered.await.unwrap_err().code(), "database.unavailable");
        place.tell("good");
        assert_eq!(run(&engine, read_heap(&runs)).await.unwrap(), 160_000);
        assert_eq!(number(&engine, "SELECT count(*) FROM sqlite_schema WHERE name = 'more'").await, 0);
        assert_eq!(cache(&engine).await, -64_000);
        let engine = place.cut(engine, 1).await;
        assert_eq!(number(&engine, COUNT).await, 16);
        engine.close().await;
    });
}

#[test]
fn a_checkpoint_that_fails_loses_nothing() {
    wait(async {
        let mut place = Place::make();
        let mut engine = place.open().await;
        prepare(&mut place, &engine).await;
        let mut rows = 0;
        for seed in 1..=3 {
            for call in ["sync", "write"] {
                place.tell(&format!("fail {call} mains.db 1"));
                for _ in 0..12 {
                    run(&engine, grow(1_000_000)).await.unwrap();
                    rows += 1;
                }
            }
            engine = place.cut(engine, seed).await;
            assert_eq!(number(&engine, "SELECT count(*) FROM heap").await, rows);
        }
        let check = job(|statements| {
            let rows = statements.query("PRAGMA integrity_check", &[])?;
            Ok(i64::from(rows.0[0].text(0)? == Some("ok")))
        });
        assert_eq!(run(&engine, check).await.unwrap(), 1);
        engine.close().await;
    });
}

#[test]
fn a_full_disk_refuses_what_does_not_fit_and_goes_on_with_what_does() {
    wait(async {
        let mut place = Place::make();
        let engine = place.open().await;
        prepare(&mut place, &engine).await;
        run(&engine, grow(1_000_000)).await.unwrap();
        engine.close().await;
        let mut engine = place.open().await;
        run(&engine, count_up()).await.unwrap();
        let room = place.tell("used") + 300_000;
        place.tell(&format!("limit {room}"));
        let mut stored = 1;
        for _ in 0..200 {
            let answers = together(&engine, vec![count_up(), grow(1_000_000), count_up()]).await;
            assert!(answers[0].is_ok() && answers[2].is_ok(), "{stored} {answers:?}");
            let refused = answers[1].as_ref().unwrap_err();
            assert_eq!((refused.kind(), refused.code()), (Kind::OutOfSpace, "database.full"));
            stored += 2;
            assert_eq!(number(&engine, COUNT).await, stored);
        }
        // Not one byte is left: reads go on, and after a cut all is there.
        let used = place.tell("used");
        place.tell(&format!("limit {used}"));
        assert!(is(&run(&engine, grow(1_000_000)).await, "database.full"));
        assert_eq!(number(&engine, "SELECT count(*) FROM heap").await, 1);
        place.tell("limit none");
        run(&engine, grow(1_000_000)).await.unwrap();
        run(&engine, count_up()).await.unwrap();
        engine = place.cut(engine, 1).await;
        assert_eq!(number(&engine, COUNT).await, stored + 1);
        assert_eq!(number(&engine, "SELECT count(*) FROM heap").await, 2);
        engine.close().await;
    });
}
