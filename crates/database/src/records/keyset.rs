//! What comes after a position in an order, as ranges that an index can serve.
//!
//! The rows after a position fall into segments that follow one another: rows equal in the first keys and greater in
//! the next, then rows equal in fewer. Each is an equality on some keys and one range, so each is read straight
//! from an index, however many rows are equal. Where all keys run one way and no NULL can be met, one comparison of
//! rows is the whole answer.
//!
//! Always true: segments do not overlap, together they hold exactly the rows after the position, and all rows of one
//! come before those of the next.

/// A key of the order, as far as segments depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Direction {
    pub(super) descending: bool,
    pub(super) nullable: bool,
}

/// What one segment asks of a key (its place), or of all keys from a place on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// Equal to the position's value.
    Equal(usize),
    /// NULL.
    Null(usize),
    /// Not NULL.
    NotNull(usize),
    /// Further on than the position's value.
    Beyond(usize),
    /// The row of keys from here to the last is further on than that of the position.
    RowBeyond(usize),
}

/// The segments after a position; bit *i* of `nulls` says that its value *i* is NULL.
pub(super) fn segments(keys: &[Direction], nulls: u32) -> Vec<Vec<Test>> {
    let mut found = Vec::new();
    let mut equal = Vec::new();
    after(keys, nulls, &mut equal, &mut found);
    found
}

/// Whether bit `place` of a mask is set.
pub(super) fn is_null(nulls: u32, place: usize) -> bool {
    nulls >> place & 1 == 1
}

fn after(keys: &[Direction], nulls: u32, equal: &mut Vec<Test>, found: &mut Vec<Vec<Test>>) {
    let place = equal.len();
    let Some(rest @ [key, ..]) = keys.get(place..) else { return };
    let with = |test| equal.iter().copied().chain([test]).collect::<Vec<Test>>();
    let runs_one_way = rest.iter().enumerate().all(|(step, other)| {
        let plain = !(other.descending && other.nullable);
        other.descending == key.descending && plain && !is_null(nulls, place + step)
    });
    if runs_one_way {
        found.push(with(Test::RowBeyond(place)));
        return;
    }
    let null = is_null(nulls, place);
    let beyond = match (key.descending, null) {
        (false, true) => vec![with(Test::NotNull(place))],
        (true, true) => Vec::new(),
        (true, false) if key.nullable => vec![with(Test::Beyond(place)), with(Test::Null(place))],
        (_, false) => vec![with(Test::Beyond(place))],
    };
    equal.push(if null { Test::Null(place) } else { Test::Equal(place) });
    after(keys, nulls, equal, found);
    equal.pop();
    found.extend(beyond);
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::*;

    type Row = Vec<Option<u8>>;

    fn order(keys: &[Direction], left: &Row, right: &Row) -> Ordering {
        let each = keys.iter().zip(left.iter().zip(right));
        each.fold(Ordering::Equal, |so_far, (key, (left, right))| {
            let next = if key.descending { right.cmp(left) } else { left.cmp(right) };
            so_far.then(next)
        })
    }

    /// As SQL decides it: a comparison with NULL is not true.
    fn beyond(key: Direction, cell: Option<u8>, value: Option<u8>) -> Option<Ordering> {
        let (cell, value) = (cell?, value?);
        Some(if key.descending { value.cmp(&cell) } else { cell.cmp(&value) })
    }

    fn holds(keys: &[Direction], test: Test, row: &Row, position: &Row) -> bool {
        match test {
            Test::Equal(place) => row[place].is_some() && row[place] == position[place],
            Test::Null(place) => row[place].is_none(),
            Test::NotNull(place) => row[place].is_some(),
            Test::Beyond(place) => {
                beyond(keys[place], row[place], position[place]) == Some(Ordering::Greater)
            }
            Test::RowBeyond(place) => {
                let each = (place..keys.len()).map(|at| beyond(keys[at], row[at], position[at]));
                let mut each = each.skip_while(|found| *found == Some(Ordering::Equal));
                each.next().flatten() == Some(Ordering::Greater)
            }
        }
    }

    fn rows(keys: &[Direction]) -> Vec<Row> {
        let mut rows = vec![Vec::new()];
        for key in keys {
            let cells: &[Option<u8>] =
                if key.nullable { &[None, Some(1), Some(2)] } else { &[Some(1), Some(2)] };
            rows = rows
                .iter()
                .flat_map(|row: &Row| cells.iter().map(|cell| [row.clone(), vec![*cell]].concat()))
                .collect();
        }
        rows
    }

    proptest! {
        #[test]
        fn each_row_after_a_position_is_in_one_segment_and_in_order(
            marks in prop::collection::vec(any::<(bool, bool)>(), 0..4), last in any::<bool>(),
        ) {
            let mut keys: Vec<Direction> =
                marks.iter().map(|&(descending, nullable)| Direction { descending, nullable }).collect();
            keys.push(Direction { descending: last, nullable: false });
            let mut all = rows(&keys);
            all.sort_by(|left, right| order(&keys, left, right));
            for (at, position) in all.iter().enumerate() {
                let nulls = (0..keys.len()).filter(|&place| position[place].is_none()).map(|place| 1 << place).sum();
                let parts = segments(&keys, nulls);
                let found: Vec<&Row> = parts
                    .iter()
                    .flat_map(|part| all.iter().filter(|row| part.iter().all(|&test| holds(&keys, test, row, position))))
                    .collect();
                prop_assert_eq!(found, all[at + 1..].iter().collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn one_way_without_nulls_is_one_comparison() {
        let key = Direction { descending: true, nullable: false };
        assert_eq!(segments(&[key, key], 0), [[Test::RowBeyond(0)]]);
        let nullable = Direction { descending: false, nullable: true };
        let id = Direction { descending: false, nullable: false };
        assert_eq!(segments(&[nullable, id], 0), [[Test::RowBeyond(0)]]);
    }

    #[test]
    fn downwards_into_nulls_is_three() {
        let keys =
            [Direction { descending: true, nullable: true }, Direction { descending: true, nullable: false }];
        let want = [vec![Test::Equal(0), Test::RowBeyond(1)], vec![Test::Beyond(0)], vec![Test::Null(0)]];
        assert_eq!(segments(&keys, 0), want);
        assert_eq!(segments(&keys, 1), [[Test::Null(0), Test::RowBeyond(1)]]);
    }
}
