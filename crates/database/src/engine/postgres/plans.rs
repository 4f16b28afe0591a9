//! What is prepared on one connection, by its text.
//!
//! Invariant: a name is closed only when no statement that waits to be sent can say it. Whatever is let go of waits for
//! the end of the batch that is filled meanwhile.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::wire::{Prepared, Told};

/// Statements kept per connection.
const MOST: usize = 512;
/// What a plan of yesterday can be blamed for is believed again after this long.
const BLAMED: Duration = Duration::from_secs(2);

/// The statements that are prepared.
#[derive(Default)]
pub(super) struct Plans {
    kept: HashMap<Arc<str>, Plan>,
    /// Their texts, in the order in which they are looked at when there are too many.
    order: VecDeque<Arc<str>>,
    /// So many names were given.
    named: u64,
    /// Let go of, while what waits to be sent may say their names.
    gone: Vec<Arc<Prepared>>,
    /// Let go of before that.
    closable: Vec<Arc<Prepared>>,
    /// What was blamed on a plan of yesterday last, and when.
    blamed: Option<(String, Instant)>,
}

struct Plan {
    statement: Arc<Prepared>,
    /// Asked for since it was looked at last.
    used: bool,
}

impl Plans {
    /// The statement of this text, if it is prepared.
    pub(super) fn find(&mut self, sql: &str) -> Option<Arc<Prepared>> {
        let plan = self.kept.get_mut(sql)?;
        plan.used = true;
        Some(Arc::clone(&plan.statement))
    }

    /// Whether this text is prepared.
    pub(super) fn knows(&self, sql: &str) -> bool {
        self.kept.contains_key(sql)
    }

    /// A name that was never given.
    pub(super) fn name(&mut self) -> String {
        self.named += 1;
        format!("s{}", self.named)
    }

    /// Keeps a statement. When there are too many, one goes that nobody asked for lately.
    pub(super) fn keep(&mut self, sql: &str, statement: &Arc<Prepared>) {
        self.let_go(sql);
        while self.kept.len() >= MOST {
            let Some(oldest) = self.order.pop_front() else { break };
            match self.kept.get_mut(&oldest) {
                Some(plan) if plan.used => {
                    plan.used = false;
                    self.order.push_back(oldest);
                }
                _ => self.gone.extend(self.kept.remove(&oldest).map(|plan| plan.statement)),
            }
        }
        let text: Arc<str> = sql.into();
        self.order.push_back(Arc::clone(&text));
        self.kept.insert(text, Plan { statement: Arc::clone(statement), used: false });
    }

    /// Lets go of one statement.
    pub(super) fn let_go(&mut self, sql: &str) {
        if let Some(plan) = self.kept.remove(sql) {
            self.order.retain(|text| **text != *sql);
            self.gone.push(plan.statement);
        }
    }

    /// Lets go of all.
    pub(super) fn forget(&mut self) {
        self.order.clear();
        self.gone.extend(self.kept.drain().map(|(_, plan)| plan.statement));
    }

    /// What waited is out, or will never be sent.
    pub(super) fn are_out(&mut self) {
        self.closable.append(&mut self.gone);
    }

    /// Statements that the server may forget now.
    pub(super) fn closable(&mut self) -> impl Iterator<Item = Arc<Prepared>> + '_ {
        self.closable.drain(..)
    }

    /// Whether a failure may come from a statement that was prepared for other columns. The same words again say that
    /// it does not: everything was prepared anew meanwhile.
    pub(super) fn may_be_blamed(&mut self, told: &Told) -> bool {
        if !told.may_be_of_a_plan() {
            return false;
        }
        let known = self.blamed.as_ref();
        if known.is_some_and(|(words, when)| *words == told.message && when.elapsed() < BLAMED) {
            return false;
        }
        self.blamed = Some((told.message.clone(), Instant::now()));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(plans: &mut Plans, sql: &str) -> String {
        let name = plans.name();
        let statement =
            Arc::new(Prepared { name: name.clone(), parameters: Box::default(), columns: Arc::from([]) });
        plans.keep(sql, &statement);
        name
    }

    fn closed(plans: &mut Plans) -> Vec<String> {
        plans.closable().map(|statement| statement.name.clone()).collect()
    }

    #[test]
    fn one_goes_that_nobody_asked_for_and_only_when_the_batch_is_out() {
        let mut plans = Plans::default();
        let names: Vec<String> =
            (0..MOST).map(|number| kept(&mut plans, &format!("SELECT {number}"))).collect();
        assert!(plans.find("SELECT 0").is_some());
        kept(&mut plans, "SELECT 'more'");
        assert!(plans.find("SELECT 0").is_some() && plans.find("SELECT 1").is_none());
        assert_eq!(closed(&mut plans), Vec::<String>::new());
        plans.are_out();
        assert_eq!(closed(&mut plans), [names[1].clone()]);
        assert_eq!(plans.kept.len(), MOST);
    }

    #[test]
    fn many_texts_that_nobody_asks_for_again_leave_those_that_are() {
        let mut plans = Plans::default();
        kept(&mut plans, "SELECT 'often'");
        for number in 0..5 * MOST {
            kept(&mut plans, &format!("SELECT {number}"));
            assert!(plans.find("SELECT 'often'").is_some(), "{number}");
        }
        assert_eq!((plans.kept.len(), plans.order.len()), (MOST, MOST));
    }

    #[test]
    fn a_text_that_is_prepared_anew_is_kept_once() {
        let mut plans = Plans::default();
        let first = kept(&mut plans, "SELECT 1");
        let second = kept(&mut plans, "SELECT 1");
        plans.are_out();
        assert_eq!((closed(&mut plans), plans.order.len()), (vec![first], 1));
        plans.forget();
        plans.are_out();
        assert_eq!((closed(&mut plans), plans.order.len()), (vec![second], 0));
        assert!(plans.find("SELECT 1").is_none());
    }

    #[test]
    fn the_same_words_are_blamed_once() {
        let told = |code: &str, message: &str| Told {
            code: code.to_owned(),
            message: message.to_owned(),
            ..Told::default()
        };
        let mut plans = Plans::default();
        assert!(plans.may_be_blamed(&told("42804", "column is of type bigint")));
        assert!(!plans.may_be_blamed(&told("42804", "column is of type bigint")));
        assert!(plans.may_be_blamed(&told("26000", "no statement s5")));
        assert!(!plans.may_be_blamed(&told("23505", "double")));
    }
}
