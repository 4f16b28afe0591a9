//! Random sites, random operations: SQLite and PostgreSQL give the same answers, step by step.
//!
//! A failure prints the seed, the site's files and the fewest operations that still show it.

mod draw;
mod operations;
mod pair;
mod site;

use mains_testkit::database::on;

use draw::Draw;
use operations::Operation;
use pair::Pair;

/// Sites of one run, and operations on each.
const SITES: u64 = 16;
const STEPS: usize = 60;

type Files = Vec<(String, String)>;

/// Runs the operations on both databases; the first step that they answer differently, with both answers. `written`
/// counts those that stored something.
async fn differs(files: &Files, operations: &[Operation], written: &mut usize) -> Option<String> {
    let pair = Pair::open(files).await;
    for (step, operation) in operations.iter().enumerate() {
        let [one, other] = pair.run(operation).await;
        *written += usize::from(one.contains("changed=true"));
        if let Some(said) = verdict(&one, &other) {
            return Some(format!("step {step}: {operation:?}\n{said}"));
        }
        let last = step + 1 == operations.len();
        if step % 6 == 5 || last {
            let [one, other] = pair.everything(last).await;
            if let Some(said) = verdict(&one, &other) {
                return Some(format!("after step {step}: {operation:?}\n{said}"));
            }
        }
    }
    None
}

fn verdict(sqlite: &str, postgres: &str) -> Option<String> {
    let broken = sqlite.starts_with("internal") || postgres.starts_with("internal");
    (broken || sqlite != postgres).then(|| format!("SQLite:     {sqlite}\nPostgreSQL: {postgres}"))
}

/// Leaves out every operation without which the databases still differ.
async fn shrunk(files: &Files, mut operations: Vec<Operation>) -> (Vec<Operation>, String) {
    let mut said = String::new();
    let mut place = operations.len();
    while place > 0 {
        place -= 1;
        let mut fewer = operations.clone();
        fewer.remove(place);
        if let Some(still) = differs(files, &fewer, &mut 0).await {
            (operations, said) = (fewer, still);
        }
    }
    (operations, said)
}

async fn prove(seed: u64) -> usize {
    let mut draw = Draw::new(seed);
    let site = site::Site::drawn(&mut draw);
    let files = site.files();
    let mut operations = operations::first(&site);
    operations.extend((0..STEPS).map(|_| Operation::drawn(&mut draw, &site)));
    let mut written = 0;
    let Some(first) = differs(&files, &operations, &mut written).await else { return written };
    let (operations, said) = shrunk(&files, operations).await;
    let said = if said.is_empty() { first } else { said };
    let files: Vec<String> = files.iter().map(|(name, toml)| format!("# {name}\n{toml}")).collect();
    panic!("seed {seed}\n{}\n{operations:#?}\n{said}", files.join("\n"));
}

/// `MAINS_TEST_SEED` runs one seed alone.
#[test]
fn both_databases_give_the_same_answers() {
    on(mains_database::dialect::Dialect::Sqlite, async || {
        for seed in seeds() {
            let written = prove(seed).await;
            println!("seed {seed}: {written} of {STEPS} operations stored something");
            assert!(written > 3, "seed {seed} proves nothing");
        }
    });
}

#[expect(clippy::disallowed_methods, reason = "a test asks which seed it was told to run")]
fn seeds() -> Vec<u64> {
    match std::env::var("MAINS_TEST_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number")],
        Err(_) => (1..=SITES).collect(),
    }
}
