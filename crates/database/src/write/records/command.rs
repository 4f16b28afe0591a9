//! What a command of an app asks before it does its work, and how it takes the fields that a site added.

use std::sync::Arc;

use mains_base::{Caller, CallerKind, Error, Result, Uuid};
use mains_language::schema::{CollectionId, Command};

use super::super::ask::About;
use super::super::input::{Authority, Input, RecordRule};
use super::super::{Image, Tx, refusal};
use super::target::{self, Which};
use super::update::{FieldRules, apply};
use super::{Target, Written, act};

impl Tx<'_> {
    /// Whether the caller may run a command on the collection: its `allow` is true, or the caller has the right that
    /// its `staff` names. 403, of a visitor 401. The transaction acts for the caller from here on.
    pub fn allow(&mut self, caller: &Caller, collection: CollectionId, command: &Command) -> Result<()> {
        let declared = self.of(collection)?;
        act(self, caller, declared.collection());
        if has_right(caller, command) {
            return Ok(());
        }
        let blank = Image::blank(declared.collection());
        let rule = command.allow.as_ref().ok_or_else(|| refusal::forbidden(caller))?;
        let about = About { record: &blank, old: None };
        let allowed = self.truths(std::slice::from_ref(rule), caller, about)?.first() == Some(&true);
        if allowed { Ok(()) } else { Err(refusal::forbidden(caller)) }
    }

    /// The record that a command is about: 404 when the caller may not read it, then as [`Tx::allow`], then 412. As a
    /// rule it is one statement.
    pub fn allow_on(&mut self, caller: &Caller, target: &Target, command: &Command) -> Result<Arc<Image>> {
        let declared = self.of(target.collection)?;
        let authority = act(self, caller, declared.collection());
        let by_right = has_right(caller, command);
        let rule = command.allow.as_ref().filter(|_| !by_right);
        let beside = rule.filter(|_| authority.bound).map_or(&[][..], std::slice::from_ref);
        let found = target::find(self, &authority, target.collection, (Which::Key(&target.key), beside))?;
        let found = found.into_iter().next().ok_or_else(Error::not_found)?;
        let allowed = match rule {
            None => by_right,
            Some(_) if authority.bound => found.truths.first() == Some(&true),
            // Rules do not bind this caller, and yet the command is not theirs by any right.
            Some(rule) => {
                let about = About { record: &found.image, old: Some(&found.image) };
                self.truths(std::slice::from_ref(rule), caller, about)?.first() == Some(&true)
            }
        };
        if !allowed {
            return Err(refusal::forbidden(caller));
        }
        target.check_version(&found.image)?;
        Ok(found.image)
    }

    /// Puts the fields that a site added, as they were sent to a command, into a record of this transaction. They are
    /// judged with `caller` as `auth`: of a sign-up the new account. The record's own rule is not asked, because the
    /// command's was.
    pub fn take(
        &mut self,
        caller: &Caller,
        (collection, id): (CollectionId, Uuid),
        input: &Input,
    ) -> Result<Written> {
        let before = Arc::clone(self.caller());
        let declared = self.of(collection)?;
        let authority =
            Authority { record_rule: RecordRule::Passed, ..act(self, caller, declared.collection()) };
        let fields = FieldRules::of(declared.collection(), input);
        let image = self.find(collection, id)?.ok_or_else(Error::not_found)?;
        let truths = if authority.bound {
            self.truths(&fields.trees, caller, About { record: &image, old: Some(&image) })?
        } else {
            vec![true; fields.trees.len()]
        };
        let written = apply(self, &authority, target::Found { image, truths }, (&fields, input))?;
        self.act_as(&before);
        Ok(written)
    }
}

/// Whether a right alone lets this caller run it.
fn has_right(caller: &Caller, command: &Command) -> bool {
    let named = command.staff.as_ref().is_some_and(|right| !caller.is_bound(right));
    named || caller.kind == CallerKind::System
}
