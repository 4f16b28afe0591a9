//! Commands: what one can do with a ready-made collection besides reading and writing records.

use std::sync::Arc;
use std::time::Duration;

use mains_base::{Caller, Time};

use super::{CollectionId, Field, FieldId, Owner};
use crate::expression::{Rowless, Tree, evaluate};

/// A command of a collection, run by POST, or a query of it, asked by GET.
#[derive(Clone, Debug)]
pub struct Command {
    /// `lower_snake_case`; in addresses with `-`.
    pub name: String,
    /// Who declared it.
    pub owner: Owner,
    /// What it is about.
    pub on: On,
    /// Who may; of a command on a record about the stored one. Absent: nobody but those with `staff`.
    pub allow: Option<Arc<Tree>>,
    /// Those with this right may too.
    pub staff: Option<String>,
    /// What is sent.
    pub input: Vec<Argument>,
    /// It also takes the fields that a site added to the collection.
    pub takes: bool,
    /// What comes back.
    pub answers: Answers,
    /// How often one caller may; where visitors may ([`Command::is_open`]), one network, whoever asks.
    pub limits: Option<Rate>,
    /// What an `Idempotency-Key` does.
    pub replay: Replay,
}

/// What a command is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// The collection: `POST /api/accounts/sign-up`.
    Collection,
    /// One record: `POST /api/accounts/{id}/erase`.
    Record,
}

/// One value that is sent to a command.
#[derive(Clone, Debug)]
pub struct Argument {
    /// Its name, type and limits; its id is its place in [`Command::input`].
    pub field: Field,
    /// Never logged, never given back.
    pub secret: bool,
}

/// What a command answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// Nothing but that it was done.
    Nothing,
    /// A record, as the caller may see it.
    Record(CollectionId),
}

/// What an `Idempotency-Key` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// The stored answer is given again.
    Stored,
    /// The same, and without a key the command is refused.
    Required,
    /// The answer is not stored: it carries what may be told once.
    Never,
}

/// So many times in so long: `"10/1h"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How often.
    pub count: u32,
    /// Within how long.
    pub window: Duration,
}

impl Command {
    /// The argument of this name.
    pub fn argument(&self, name: &str) -> Option<&Argument> {
        self.input.iter().find(|argument| argument.field.name == name)
    }

    /// The place of an argument, by which a handler finds what was sent.
    pub fn place(&self, name: &str) -> Option<FieldId> {
        self.argument(name).map(|argument| argument.field.id)
    }

    /// Whether it is on the collection and visitors may run it now: what it is sent must prove who asks, if anything
    /// does.
    pub fn is_open(&self, now: Time) -> bool {
        self.is_allowed(&Caller::visitor(), now)
    }

    /// Whether it is on the collection and its `allow` is true of this caller, as far as that is known without
    /// reading anything.
    pub fn is_allowed(&self, caller: &Caller, now: Time) -> bool {
        let asked = |allow: &Arc<Tree>| evaluate(allow, &Rowless { caller, now }).is_true();
        self.on == On::Collection && self.allow.as_ref().is_some_and(asked)
    }

    /// Its name as it stands in addresses.
    pub fn address(&self) -> String {
        self.name.replace('_', "-")
    }
}

impl Rate {
    /// Reads `count/time`, the time as a number and `s`, `m`, `h` or `d`; at most a million in at most 30 days.
    pub fn parse(text: &str) -> Option<Self> {
        let (count, window) = text.split_once('/')?;
        let unit_at = window.len().checked_sub(1)?;
        let (number, unit) = window.split_at_checked(unit_at)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return None,
        };
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let (count, number): (u32, u64) = match (plain(count), plain(number)) {
            (true, true) => (count.parse().ok()?, number.parse().ok()?),
            _ => return None,
        };
        let seconds = number.checked_mul(seconds)?;
        let fits = (1..=1_000_000).contains(&count) && (1..=30 * 86_400).contains(&seconds);
        fits.then(|| Self { count, window: Duration::from_secs(seconds) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        let rate = |text: &str| Rate::parse(text).map(|rate| (rate.count, rate.window.as_secs()));
        assert_eq!(rate("10/1h"), Some((10, 3_600)));
        assert_eq!(rate("1/90s"), Some((1, 90)));
        assert_eq!(rate("1000000/30d"), Some((1_000_000, 2_592_000)));
        for bad in
            ["", "10", "10/", "/1h", "10/h", "0/1h", "10/0h", "10/1w", "+1/1h", "1/+1h", "1/31d", "1/ä"]
        {
            assert_eq!(rate(bad), None, "{bad}");
        }
    }
}
