//! Whoever applies what it hears has what a list shows it.

use std::collections::BTreeMap;

use mains_base::{Caller, Uuid};
use mains_database::records::live::Seen;
use serde_json::{Value as Json, json};

use super::site::Heard;
use crate::proofs::reading::list;

/// One change of one of few notes.
#[derive(Clone, Debug)]
enum Step {
    Put { note: usize, owner: Option<usize>, public: bool, done: bool },
    Delete(usize),
}

/// Steps that look drawn and are the same at every run.
fn steps(seed: u64) -> Vec<Step> {
    let mut state = seed;
    let mut below = |end: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((state >> 33) % end).unwrap()
    };
    let mut step = || match below(6) {
        0 => Step::Delete(below(4)),
        _ => Step::Put {
            note: below(4),
            owner: [None, Some(0), Some(1)][below(3)],
            public: below(2) == 0,
            done: below(2) == 0,
        },
    };
    (0..20).map(|_| step()).collect()
}

async fn follow(heard: &mut Heard, callers: &[Caller], steps: &[Step]) {
    let mut notes: [Option<Uuid>; 4] = [None; 4];
    let mut known: BTreeMap<String, BTreeMap<Uuid, Json>> = BTreeMap::new();
    for step in steps {
        match step {
            Step::Delete(note) => {
                let Some(id) = notes[*note].take() else { continue };
                heard.delete("notes", id).await;
            }
            Step::Put { note, owner, public, done } => {
                let owner = owner.map_or(Json::Null, |owner| heard.id(&callers[owner]).into());
                let version = heard.position().0;
                let fields = json!({ "owner": owner, "public": public, "status": if *done { "done" } else { "todo" },
                    "text": version.to_string() });
                match notes[*note] {
                    Some(id) => heard.update("notes", id, fields).await,
                    None => notes[*note] = Some(heard.create("notes", fields).await),
                }
            }
        }
        for (to, change, seen) in heard.seen(1).await {
            for name in to.split('+') {
                let known = known.entry(name.to_owned()).or_default();
                match &seen {
                    Seen::Record { json, .. } => {
                        known.insert(change.record, serde_json::from_slice(json).unwrap());
                    }
                    Seen::Gone => {
                        assert!(known.remove(&change.record).is_some(), "gone without having been there");
                    }
                }
            }
        }
    }
    for (name, caller, query) in listeners(callers) {
        let shown = list(heard.site(), &caller, "notes", query).await.unwrap();
        let shown = shown["items"].as_array().unwrap().clone();
        let mut told: Vec<Json> = known.remove(name).unwrap_or_default().into_values().collect();
        told.sort_by_key(|note| (note["created"].to_string(), note["id"].to_string()));
        assert_eq!(told, shown, "{name}");
    }
    for id in notes.into_iter().flatten() {
        heard.delete("notes", id).await;
        heard.skip(1).await;
    }
}

fn listeners(callers: &[Caller]) -> [(&'static str, Caller, &'static str); 5] {
    let [ada, bob] = callers else { panic!("two callers") };
    [
        ("ada", ada.clone(), "limit=100"),
        ("bob", bob.clone(), "limit=100"),
        ("done", bob.clone(), "limit=100&where.status=done"),
        ("nobody", Caller::visitor(), "limit=100"),
        ("all", Caller::system(), "limit=100"),
    ]
}

#[test]
fn what_is_heard_is_what_is_shown() {
    super::on_both(async |mut heard: Heard| {
        let callers = [heard.account("Ada").await, heard.account("Bob").await];
        for (name, caller, query) in listeners(&callers) {
            let topic = if query.contains("done") { "notes(status=done)" } else { "notes" };
            heard.listen(name, &caller, topic);
        }
        for seed in 0..10 {
            follow(&mut heard, &callers, &steps(seed)).await;
        }
    });
}
