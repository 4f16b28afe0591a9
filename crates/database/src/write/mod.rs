//! Writes: the transaction through which every row of a collection changes, and what a caller may change.
//!
//! Always true: rows of collections change only here; each change has its log row in the same transaction; types,
//! required, unique, immutable, transitions, sequences and checks bind everybody, rules bind whom they bind.

mod ask;
mod cascade;
mod change;
mod choke;
mod currency;
pub mod deletion;
mod draft;
mod erase;
mod gate;
mod guard;
mod image;
mod input;
mod insert_or_get;
mod judge;
mod kept;
mod keys;
mod layout;
mod links;
mod load;
mod merge;
mod numbers;
mod order;
pub mod records;
mod refusal;
mod repoint;
mod run;
mod save;
mod sequence;
mod settle;
mod sight;
mod slug;
mod transition;
mod tx;
mod violation;
mod within;

pub use choke::{Changes, New};
pub use image::Image;
pub use input::{Input, Sent};
pub use insert_or_get::Inserted;
pub use repoint::Reached;
pub use tx::Tx;
pub use within::{Changed, Within};

pub(crate) use change::{LEFT_OUT, OLD, RECORD};
pub(crate) use load::stored;
pub(crate) use numbers::{Counter, Numbers, block_job};
pub(crate) use order::Order;
pub(crate) use run::Run;
