//! Fields that nobody chose: each collection of the world gets some of drawn types and options.

use mains_language::schema::{
    Choice, CollectionId, CurrencyRule, Field, FieldId, FieldKind, Inverse, Many, OnDelete, Schema,
};

use super::random::Random;

/// How many each collection gets.
const EACH: usize = 6;

/// Adds drawn fields, and the other sides of those that are relations.
pub(super) fn add_fields(random: &mut Random, schema: &mut Schema) {
    let count = schema.collections.len();
    for place in 0..count {
        for number in 0..EACH {
            let (from, to) = (&schema.collections[place], random.below(count));
            let (id, from) = (FieldId(u16::try_from(from.fields.len()).unwrap()), from.id);
            let to = CollectionId(u16::try_from(to).unwrap());
            let inverse = format!("drawn_{place}_{number}");
            let mut field = Field::new(id, &format!("x{number}"), kind(random, to, &inverse));
            let listed = matches!(
                field.kind,
                FieldKind::Text { .. } | FieldKind::Integer { .. } | FieldKind::Relation { .. }
            );
            field.many = (listed && random.once_in(2)).then_some(Many { max_items: 100 });
            field.required = field.many.is_none() && random.once_in(3);
            if field.relation().is_some() {
                let (name, many) = (Some(inverse), field.many.is_some());
                schema.collections[usize::from(to.0)].inverses.push(Inverse { name, from, field: id, many });
            }
            schema.collections[place].fields.push(field);
        }
    }
}

fn kind(random: &mut Random, to: CollectionId, inverse: &str) -> FieldKind {
    let ignore_case = random.once_in(2);
    let choice = |name: &str| Choice { name: name.to_owned(), was: None };
    match random.below(10) {
        0 | 1 => FieldKind::Text { min: None, max: 5000, pattern: None, ignore_case },
        2 => FieldKind::Integer { min: None, max: None, sequence: None },
        3 => FieldKind::Number { min: None, max: None },
        4 => {
            let scale = u8::try_from(random.below(10)).unwrap();
            FieldKind::Decimal { scale, min: None, max: None }
        }
        5 => FieldKind::Bool,
        6 => FieldKind::Date { min: None, max: None },
        7 => FieldKind::Datetime { min: None, max: None },
        8 if ignore_case => FieldKind::Money { currency: CurrencyRule::Free },
        8 => FieldKind::Enum { values: vec![choice("todo"), choice("done")], transitions: None },
        _ => FieldKind::Relation { to, inverse: Some(inverse.to_owned()), on_delete: OnDelete::Clear },
    }
}
