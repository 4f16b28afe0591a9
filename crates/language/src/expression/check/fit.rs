//! Fitting a whole expression to the type that is wanted of it.

use super::arithmetic::widened;
use super::{Checker, Typed};
use crate::expression::{Complaint, Tree, Type};

impl Checker<'_> {
    /// The expression as a value of this type.
    pub(super) fn fit(&self, mut typed: Typed, want: &Type) -> Result<Tree, Complaint> {
        if typed.is_null() {
            typed.tree.ty = want.clone();
            return Ok(typed.tree);
        }
        let model = Tree { ty: want.clone(), ..typed.tree.clone() };
        if !matches!((&typed.tree.ty, want), (Type::Text(_), Type::Text(_))) {
            let model = Typed::new(model, &typed.span);
            self.adapt(&mut typed, &model)?;
        }
        match (&typed.tree.ty, want) {
            (Type::Text(_), Type::Text(_)) => Ok(typed.tree),
            (Type::Int, Type::Decimal(to)) => Ok(widened(typed.tree, *to)),
            (Type::Decimal(from), Type::Decimal(to)) if from <= to => Ok(widened(typed.tree, *to)),
            (one, other) if one == other => Ok(typed.tree),
            (one, other) => {
                let schema = self.scope.schema;
                let message =
                    format!("This is {}, and {} is wanted.", one.describe(schema), other.describe(schema));
                let complaint = Complaint::new(&typed.span, message);
                Err(match (one, other) {
                    (Type::Int | Type::Decimal(_), Type::Double) => {
                        complaint.hint(format!("Write `double({})`.", self.words(&typed.span)))
                    }
                    (Type::Int | Type::Date, Type::Text(_)) => {
                        complaint.hint(format!("Write `string({})`.", self.words(&typed.span)))
                    }
                    _ => complaint,
                })
            }
        }
    }
}
