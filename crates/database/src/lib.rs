//! The engine room: one `Db` over SQLite and PostgreSQL. Expressions to SQL, queries, transactions, the log, schema plans.
//!
//! SQL stands here and in the `store.rs` of apps, nowhere else. What differs between the databases has a name in [`dialect`].

pub mod backup;
mod db;
pub mod dialect;
pub mod engine;
mod epoch;
pub mod jobs;
pub mod log;
mod notice;
pub mod records;
pub mod schema;
pub mod sql;
pub mod write;

pub use db::Db;
pub use epoch::Epoch;
pub use notice::Notice;
