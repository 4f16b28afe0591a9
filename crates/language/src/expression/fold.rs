//! Folding: a part of constants alone is calculated when it is checked.

use mains_base::{Caller, Time};

use super::evaluate::{Cell, Rowless, evaluate};
use super::{Function, Node, Tree};

impl Tree {
    /// The constant that this node of constants gives; the node itself where it has other parts, is drawn anew each
    /// time, or is unknown.
    #[must_use]
    pub(super) fn folded(self) -> Self {
        let drawn = matches!(self.node, Node::Call(Function::Random | Function::NewUuid, _));
        let leaf = matches!(
            self.node,
            Node::Constant(_)
                | Node::Now
                | Node::Auth(_)
                | Node::Field(..)
                | Node::Record(_)
                | Node::Element(_)
        );
        let walks = self.list().is_some() || matches!(self.node, Node::Inside(..));
        let constant = self.parts().iter().all(|part| part.as_constant().is_some());
        if drawn || leaf || walks || !constant {
            return self;
        }
        let nobody = Caller::visitor();
        match evaluate(&self, &Rowless { caller: &nobody, now: Time::MIN }) {
            Cell::Known(value) => Self::constant(value, self.ty),
            Cell::Unknown => self,
        }
    }
}
