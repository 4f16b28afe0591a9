//! What a write may do and what becomes of it, on both databases.

mod cascades;
mod create;
mod defaults;
mod delete;
mod gate;
mod golden;
mod held;
mod hot;
mod leaving;
mod logged;
mod numbers;
mod services;
mod settled;
mod shop;
pub(crate) mod site;
mod steps;
mod together;
mod uniques;
pub(crate) mod unknown;
mod update;

use std::future::Future;

use mains_testkit::on_both_with;

use site::Site;

/// Runs a test on both databases, each with the site of [`site::FILES`].
fn on_both<F, Done>(test: F)
where
    F: Fn(Site) -> Done + Sync,
    Done: Future<Output = ()>,
{
    on_both_with(site::schema, |db| test(Site::new(db)));
}
