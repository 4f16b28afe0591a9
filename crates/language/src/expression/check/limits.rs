//! Limits over the whole tree, computed fields inlined: relations followed, macros within each other, levels, parts.
//!
//! Guards do not count: they are rules, each within its own limits.

use std::collections::HashSet;
use std::ops::Range;

use crate::expression::{Complaint, List, Node, Row, Source, Tree, Type};
use crate::schema::FieldId;

/// Macros within each other.
pub(super) const MAX_MACROS: usize = 3;
/// Relations followed: each path counts once per row it begins at, each walked list of records once.
const MAX_RELATIONS: usize = 12;
/// Levels of the tree.
const MAX_LEVELS: usize = 64;
/// Parts of the tree: computed fields that name each other twice would double it at each step.
const MAX_PARTS: usize = 10_000;

/// The tree, if it stays within the limits.
pub(super) fn within(tree: Tree, span: &Range<usize>) -> Result<Tree, Complaint> {
    let mut count = Count::default();
    let whole = Path { frame: 0, source: Source::Record, hops: Vec::new() };
    count.tree(&tree, &Place { record: whole, frame: 0, macros: 0, level: 1 });
    let over = |what: String, hint: &str| Err(Complaint::new(span, what).hint(hint));
    if count.parts > MAX_PARTS {
        let what = format!("With its computed fields this has more than {MAX_PARTS} parts.");
        return over(what, "Store an inner result in a field.");
    }
    let relations = count.paths.len() + count.lists;
    if relations > MAX_RELATIONS {
        let what = format!(
            "This follows {relations} relations, those in computed fields included; at most {MAX_RELATIONS} are allowed."
        );
        return over(what, "Store what is far away in a field of a nearer record.");
    }
    if count.macros > MAX_MACROS {
        let what = format!(
            "{} macros stand within each other, those in computed fields included; at most {MAX_MACROS} may.",
            count.macros
        );
        return over(what, "Store an inner result in a field.");
    }
    if count.levels > MAX_LEVELS {
        let what = format!(
            "With its computed fields this is {} levels deep; at most {MAX_LEVELS} may be.",
            count.levels
        );
        return over(what, "Store an inner result in a field.");
    }
    Ok(tree)
}

/// A record by how it is reached. Frames tell apart the variables of trees within each other.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Path {
    frame: usize,
    source: Source,
    hops: Vec<FieldId>,
}

struct Place {
    record: Path,
    frame: usize,
    macros: usize,
    level: usize,
}

#[derive(Default)]
struct Count {
    paths: HashSet<Path>,
    lists: usize,
    frames: usize,
    macros: usize,
    levels: usize,
    parts: usize,
}

impl Count {
    fn tree(&mut self, tree: &Tree, place: &Place) {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return;
        }
        self.levels = self.levels.max(place.level);
        self.macros = self.macros.max(place.macros);
        let below = |macros| Place { record: place.record.clone(), macros, level: place.level + 1, ..*place };
        match &tree.node {
            Node::Field(row, _) | Node::Record(row) => {
                self.row(row, place);
            }
            Node::Inside(row, inner) => {
                let record = self.row(row, place);
                self.frames += 1;
                let frame = self.frames;
                self.tree(inner, &Place { record, frame, macros: place.macros, level: place.level + 1 });
            }
            Node::Visible { value, .. } => self.tree(value, &below(place.macros)),
            Node::InList(_, list) | Node::Quantified { list, .. } | Node::Aggregate { list, .. } => {
                self.list(list, place);
            }
            _ => {}
        }
        let plain_size =
            matches!(&tree.node, Node::Aggregate { filters, map: None, .. } if filters.is_empty());
        let walks = matches!(tree.node, Node::Quantified { .. } | Node::Aggregate { .. }) && !plain_size;
        let next = below(place.macros + usize::from(walks));
        if walks {
            self.macros = self.macros.max(next.macros);
        }
        if !matches!(tree.node, Node::Visible { .. }) {
            for part in tree.parts() {
                self.tree(part, &next);
            }
        }
    }

    fn list(&mut self, list: &List, place: &Place) {
        if matches!(list.element, Type::Record(_)) {
            self.lists += 1;
        }
        self.row(&list.row, place);
    }

    fn row(&mut self, row: &Row, place: &Place) -> Path {
        let mut path = match row.source {
            Source::Record => place.record.clone(),
            Source::Element(_) => Path { frame: place.frame, source: row.source, hops: Vec::new() },
            Source::Old | Source::Account => Path { frame: 0, source: row.source, hops: Vec::new() },
        };
        for hop in &row.hops {
            path.hops.push(hop.field);
            self.paths.insert(path.clone());
        }
        path
    }
}
