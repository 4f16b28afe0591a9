//! NOTIFY between nodes. What is lost of it is found by looking, so these tests speak and listen themselves.

use std::future::poll_fn;
use std::time::Duration;

use mains_database::engine::EngineSettings;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_postgres::{AsyncMessage, Client, NoTls};

use super::*;
use crate::engine::Database;

/// A client of the database's own, and what it hears on this channel.
async fn listener(database: &Database, channel: &str) -> (Client, UnboundedReceiver<String>) {
    let (client, mut connection) = tokio_postgres::connect(&database.url, NoTls).await.unwrap();
    let (heard, hears) = unbounded_channel();
    tokio::runtime::Handle::current().spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(news) = message {
                let _gone = heard.send(news.payload().to_owned());
            }
        }
    });
    client.batch_execute(&format!("LISTEN {channel}")).await.unwrap();
    (client, hears)
}

async fn second_node(database: &Database) -> Engine {
    let mut settings = EngineSettings::postgres(&database.url);
    settings.write_threads = 2;
    Engine::open(&settings, Arc::new(SystemClock)).await.unwrap()
}

#[test]
fn who_numbers_the_log_says_how_far_it_is() {
    on_postgres(
        |settings| settings.write_threads = 2,
        async |engine, database| {
            prepare(engine).await;
            let (_client, mut hears) = listener(database, "mains_numbered").await;
            // Until the news are connected some are told to nobody, so more is written until one is heard.
            let mut written = 0;
            let said = loop {
                run(engine, |statements| logged(statements, 1)).await.unwrap();
                written += 1;
                if let Ok(said) = tokio::time::timeout(Duration::from_millis(100), hears.recv()).await {
                    break said.unwrap().parse::<i64>().unwrap();
                }
            };
            assert!((0..=written).contains(&said), "{said} of {written}");
            run(engine, |statements| logged(statements, 1)).await.unwrap();
            while hears.recv().await.unwrap() != (written + 1).to_string() {}
        },
    );
}

#[test]
fn a_node_takes_the_word_of_another() {
    on_postgres(
        |settings| settings.write_threads = 2,
        async |engine, database| {
            prepare(engine).await;
            let (client, _) = listener(database, "nothing").await;
            let mut advanced = engine.log_advanced();
            // A number that no look could find.
            let mut told = false;
            while !told {
                client.batch_execute("NOTIFY mains_numbered, '77'").await.unwrap();
                let heard = advanced.wait_for(|position| *position == 77);
                told = tokio::time::timeout(Duration::from_millis(100), heard).await.is_ok();
            }
            // And what is no number harms nobody.
            client.batch_execute("NOTIFY mains_numbered, 'x'; NOTIFY mains_written").await.unwrap();
            run(engine, |statements| logged(statements, 1)).await.unwrap();
            advanced.wait_for(|position| *position == 1).await.unwrap();
        },
    );
}

#[test]
fn a_node_that_does_not_number_says_that_it_has_written() {
    on_postgres(
        |settings| settings.write_threads = 2,
        async |engine, database| {
            prepare(engine).await;
            run(engine, |statements| logged(statements, 1)).await.unwrap();
            all(engine, 1).await;
            // The lease is taken.
            let other = second_node(database).await;
            let (_client, mut hears) = listener(database, "mains_written").await;
            let mut written = 1;
            loop {
                run(&other, |statements| logged(statements, 1)).await.unwrap();
                written += 1;
                if tokio::time::timeout(Duration::from_millis(100), hears.recv()).await.is_ok() {
                    break;
                }
            }
            for node in [engine, &other] {
                assert_eq!(all(node, written).await.len(), written);
            }
            other.close().await;
        },
    );
}
