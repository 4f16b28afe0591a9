//! Questions about a tree: its parts, what it reads, who can evaluate it.

use std::collections::BTreeSet;

use super::{Function, List, ListKind, Node, Row, Source, Tree};
use crate::schema::{CollectionId, FieldId};

impl Tree {
    /// The parts directly below that are about the same record, filters and bodies of macros included; neither
    /// [`Node::Inside`] nor guards.
    pub fn parts(&self) -> Vec<&Self> {
        match &self.node {
            Node::Constant(_)
            | Node::Now
            | Node::Auth(_)
            | Node::Field(..)
            | Node::Record(_)
            | Node::Element(_)
            | Node::Inside(..) => Vec::new(),
            Node::Visible { rule, value } => vec![rule, value],
            Node::Not(part) | Node::Negate(part) | Node::InList(part, _) => vec![part],
            Node::And(parts) | Node::Or(parts) | Node::Call(_, parts) => parts.iter().collect(),
            Node::If(parts) => parts.iter().collect(),
            Node::Compare(_, parts) | Node::Arithmetic(_, parts) => parts.iter().collect(),
            Node::InSet(one, parts) => std::iter::once(one.as_ref()).chain(parts).collect(),
            Node::Quantified { filters, body, .. } => {
                filters.iter().map(|(_, filter)| filter).chain([body.as_ref()]).collect()
            }
            Node::Aggregate { filters, map, .. } => {
                let map = map.iter().map(|(_, body)| body.as_ref());
                filters.iter().map(|(_, filter)| filter).chain(map).collect()
            }
        }
    }

    /// The list that this node walks or looks into.
    pub fn list(&self) -> Option<&List> {
        match &self.node {
            Node::InList(_, list) | Node::Quantified { list, .. } | Node::Aggregate { list, .. } => {
                Some(list)
            }
            _ => None,
        }
    }

    /// The row that this node reads, of a list the one it hangs on.
    fn row(&self) -> Option<&Row> {
        match &self.node {
            Node::Field(row, _) | Node::Record(row) | Node::Inside(row, _) => Some(row),
            _ => self.list().filter(|list| !matches!(list.kind, ListKind::Auth(_))).map(|list| &list.row),
        }
    }

    /// Whether memory can do it from images alone: own single fields and lists of the record and `old`, `auth` but
    /// its account, `now`, constants.
    pub fn is_local(&self) -> bool {
        let near = |row: &Row| row.hops.is_empty() && matches!(row.source, Source::Record | Source::Old);
        let here = match &self.node {
            Node::Field(row, _) => near(row),
            Node::Record(row) => row.hops.is_empty() && row.source != Source::Account,
            Node::Inside(row, inner) => near(row) && inner.is_local(),
            _ => self.list().is_none_or(|list| {
                let own = matches!(list.kind, ListKind::Field(_)) && near(&list.row);
                let guards = list.guard.is_none() && list.field_guard.is_none();
                matches!(list.kind, ListKind::Auth(_)) || (own && guards)
            }),
        };
        here && self.parts().into_iter().all(Self::is_local)
    }

    /// Whether no row is read at all, so that it has one value for a whole statement: constants, `now`, `auth` but
    /// its account.
    pub fn is_row_free(&self) -> bool {
        let drawn = matches!(self.node, Node::Call(Function::Random | Function::NewUuid, _));
        let element = matches!(self.node, Node::Element(_));
        self.row().is_none() && !drawn && !element && self.parts().into_iter().all(Self::is_row_free)
    }

    /// Whether `now` or `auth` decides, so that the same record may give another result later, or to another.
    pub fn is_about_caller_or_time(&self) -> bool {
        self.any(&|tree| {
            let auth = tree.list().is_some_and(|list| matches!(list.kind, ListKind::Auth(_)));
            let account = tree.row().is_some_and(|row| row.source == Source::Account);
            auth || account || matches!(tree.node, Node::Now | Node::Auth(_))
        })
    }

    /// Whether the record that it is about is named.
    pub fn is_about_record(&self) -> bool {
        self.row().is_some_and(|row| row.source == Source::Record)
            || self.parts().into_iter().any(Self::is_about_record)
    }

    /// Whether `old` is named.
    pub fn is_about_change(&self) -> bool {
        self.any(&|tree| tree.row().is_some_and(|row| row.source == Source::Old))
    }

    /// Whether a database CHECK or the condition of an index can hold it: the record's own stored single fields and
    /// constants, and nothing that only a write has.
    pub fn is_physical(&self) -> bool {
        let own = |row: &Row| row.hops.is_empty() && row.source == Source::Record;
        let here = match &self.node {
            Node::Field(row, _) => own(row),
            Node::Constant(_) => true,
            Node::Now
            | Node::Auth(_)
            | Node::Record(_)
            | Node::Element(_)
            | Node::Inside(..)
            | Node::Visible { .. } => false,
            Node::Call(function, arguments) => !only_in_writes(*function, arguments),
            _ => self.list().is_none(),
        };
        here && self.parts().into_iter().all(Self::is_physical)
    }

    /// Whether it holds what only memory can do (W functions, draws, the sum of doubles).
    pub fn needs_memory(&self) -> bool {
        self.any(&|tree| match &tree.node {
            Node::Call(function, arguments) => only_in_writes(*function, arguments),
            Node::Aggregate { aggregate: super::Aggregate::Sum, .. } => tree.ty == super::Type::Double,
            _ => false,
        })
    }

    /// Whether any part, those of computed fields and guards included, is such.
    pub fn any(&self, test: &dyn Fn(&Self) -> bool) -> bool {
        let inner = if let Node::Inside(_, inner) = &self.node { Some(inner) } else { None };
        let hops = self.row().map(|row| row.hops.as_slice()).unwrap_or_default();
        let guards = hops.iter().flat_map(|hop| [&hop.guard, &hop.field_guard]);
        let listed = self.list().into_iter().flat_map(|list| [&list.guard, &list.field_guard]);
        test(self)
            || inner.is_some_and(|inner| inner.any(test))
            || guards.chain(listed).flatten().any(|guard| guard.any(test))
            || self.parts().into_iter().any(|part| part.any(test))
    }

    /// Every stored field it reads, those in computed fields and guards included.
    pub fn names(&self) -> BTreeSet<(CollectionId, FieldId)> {
        let names = std::cell::RefCell::new(BTreeSet::new());
        self.any(&|tree| {
            let mut names = names.borrow_mut();
            if let Some(row) = tree.row() {
                let mut at = row.start;
                for hop in &row.hops {
                    names.insert((at, hop.field));
                    at = hop.to;
                }
            }
            if let Node::Field(row, field) = &tree.node {
                names.insert((row.at(), *field));
            }
            match tree.list().map(|list| (&list.kind, list.row.at())) {
                Some((ListKind::Field(field), at)) => _ = names.insert((at, *field)),
                Some((ListKind::Inverse { from, field, .. }, _)) => _ = names.insert((*from, *field)),
                _ => {}
            }
            false
        });
        names.into_inner()
    }
}

/// Functions that neither database has.
fn only_in_writes(function: Function, arguments: &[Tree]) -> bool {
    use super::Type;
    let of = arguments.first().map(|argument| &argument.ty);
    match function {
        Function::Matches
        | Function::Log10
        | Function::DateInZone
        | Function::Slugify
        | Function::Random
        | Function::NewUuid => true,
        Function::FullYear
        | Function::Month
        | Function::DayOfMonth
        | Function::DayOfWeek
        | Function::Hours
        | Function::Minute => arguments.len() > 1,
        Function::ToString => !matches!(of, Some(Type::Int | Type::Date)),
        Function::ToInt | Function::ToDouble => matches!(of, Some(Type::Text(_))),
        _ => false,
    }
}
