//! A plan: what would change, in words for people and in work for the database.
//!
//! Invariant: a plan with a refusal is never carried out, not even in part.

use std::fmt;

use super::work::Work;

/// What a step does to what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Something new.
    Add,
    /// A collection, field or value goes on under another name.
    Rename,
    /// Another rule for what is there; nothing stored is lost.
    Change,
    /// An index, check or empty thing goes.
    Drop,
}

/// One line of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it does.
    pub mark: Mark,
    /// What it concerns: `collection posts`, `field posts.title: text, required`.
    pub text: String,
}

/// Why a plan cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What it concerns: `field posts.title`.
    pub subject: String,
    /// What is wrong, and how to go on.
    pub sentence: String,
}

/// The way from what the database holds to what is declared.
#[derive(Debug, Default)]
pub struct SchemaPlan {
    pub(super) steps: Vec<Step>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) work: Work,
    pub(super) drops: Vec<String>,
    pub(super) fresh: bool,
}

impl SchemaPlan {
    /// Whether the database already is as declared.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.refusals.is_empty()
    }

    /// Whether the database holds nothing yet.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Whether it removes and renames no collection, field or value: safe to apply without asking.
    pub fn only_adds(&self) -> bool {
        let kept = |step: &Step| match step.mark {
            Mark::Add | Mark::Change => true,
            Mark::Rename => false,
            Mark::Drop => step.text.starts_with("index ") || step.text.starts_with("check "),
        };
        self.refusals.is_empty() && self.steps.iter().all(kept)
    }

    /// What it does, in order of collections.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What it will not do, each with the sentence that says how to go on.
    pub fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    pub(super) fn step(&mut self, mark: Mark, text: impl Into<String>) {
        self.steps.push(Step { mark, text: text.into() });
    }

    pub(super) fn refuse(&mut self, subject: impl Into<String>, sentence: impl Into<String>) {
        self.refusals.push(Refusal { subject: subject.into(), sentence: sentence.into() });
    }

    /// Whether another plan says the same.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        self.steps == other.steps && self.refusals == other.refusals
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.mark {
            Mark::Add => '+',
            Mark::Rename | Mark::Change => '~',
            Mark::Drop => '-',
        };
        write!(f, "{mark} {}", self.text)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "! {}: {}", self.subject, self.sentence)
    }
}

impl fmt::Display for SchemaPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("The database is as declared.\n");
        }
        for step in &self.steps {
            writeln!(f, "{step}")?;
        }
        for refusal in &self.refusals {
            writeln!(f, "{refusal}")?;
        }
        match self.refusals.len() {
            0 => Ok(()),
            1 => f.write_str("Nothing is changed while one step is refused.\n"),
            many => writeln!(f, "Nothing is changed while {many} steps are refused."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_like_a_list() {
        let mut plan = SchemaPlan::default();
        assert_eq!(plan.to_string(), "The database is as declared.\n");
        plan.step(Mark::Add, "field posts.title: text");
        plan.step(Mark::Drop, "index posts (title)");
        assert!(plan.only_adds());
        plan.refuse("field posts.body", "It is gone.");
        assert!(!plan.only_adds());
        assert_eq!(
            plan.to_string(),
            "+ field posts.title: text\n- index posts (title)\n! field posts.body: It is gone.\n\
             Nothing is changed while one step is refused.\n"
        );
    }
}
