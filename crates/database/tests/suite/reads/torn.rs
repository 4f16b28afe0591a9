//! A record is read with the lists that it had then, whatever is written meanwhile.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mains_base::{Caller, Clock, Result, Uuid, Value};
use mains_database::engine::{Engine, ReadQuery, Reading, Route, RowStream, Statements, View};
use mains_database::records::{Key, Source};

use super::lists::fill;
use super::{Site, id, on_both, request};

/// The database, in which somebody changes an article as soon as anything of it was read.
struct Busy {
    engine: Engine,
    article: Uuid,
    done: AtomicBool,
}

impl Busy {
    fn of(site: &Site, article: u8) -> Self {
        Self { engine: site.db.engine.clone(), article: id(article), done: AtomicBool::new(false) }
    }

    async fn change(&self) {
        if self.done.swap(true, Ordering::Relaxed) {
            return;
        }
        let record = vec![Value::Id(self.article)];
        let body = move |tx: &mut dyn Statements| {
            tx.execute("UPDATE articles SET title = 'Later', version = 2 WHERE id = $1", &record, None)?;
            tx.execute("DELETE FROM articles__tags WHERE record = $1", &record, None)?;
            tx.execute(
                "INSERT INTO articles__tags (record, target, position) VALUES ($1, 'green', 0)",
                &record,
                None,
            )?;
            Ok(())
        };
        self.engine.alter(body).await.unwrap();
    }
}

impl Reading for Busy {
    const ROUTED: bool = true;

    async fn read<T: Send + 'static>(
        &self,
        query: ReadQuery,
        visit: impl Fn(&mut dyn RowStream) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let found = self.engine.read(query, visit).await;
        self.change().await;
        found
    }

    fn explain(&self, text: &str) -> impl Future<Output = Result<Route>> + Send {
        self.engine.explain(text)
    }

    async fn view<T: Send + 'static>(
        &self,
        body: impl Fn(&View<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let found = self.engine.view(body).await;
        self.change().await;
        found
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        self.engine.clock()
    }
}

#[test]
fn a_records_version_and_its_lists_are_of_one_state() {
    on_both(async |site| {
        fill(&site).await;
        let (busy, visitor) = (Busy::of(&site, 11), Caller::visitor());
        let source = Source { engine: &busy, epoch: &site.epoch, cursors: &site.cursors };
        let articles = site.db.schema.find("articles").unwrap().id;
        let key = Key::Id(id(11));
        let told = async || {
            let found = source.get(&visitor, articles, &key, Some("title,tags")).await.unwrap();
            let json: serde_json::Value = serde_json::from_slice(&found.body).unwrap();
            format!("v{} {} {}", found.version, json["title"], json["tags"])
        };
        assert_eq!(told().await, r#"v1 "One" ["red","blue"]"#);
        assert_eq!(told().await, r#"v2 "Later" ["green"]"#);
    });
}

#[test]
fn a_pages_records_and_their_lists_are_of_one_state() {
    on_both(async |site| {
        fill(&site).await;
        let (busy, visitor) = (Busy::of(&site, 11), Caller::visitor());
        let source = Source { engine: &busy, epoch: &site.epoch, cursors: &site.cursors };
        let request = request(&site.db.schema, "articles?fields=version,title,tags&limit=1&total=true");
        let told = async || {
            let body = source.list(&visitor, &request).await.unwrap();
            let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let item = &json["items"][0];
            format!("v{} {} {} of {}", item["version"], item["title"], item["tags"], json["total"])
        };
        assert_eq!(told().await, r#"v1 "One" ["red","blue"] of 3"#);
        assert_eq!(told().await, r#"v2 "Later" ["green"] of 3"#);
    });
}
