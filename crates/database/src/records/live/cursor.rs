//! Where somebody is in the log, sealed so that it tells nobody how much a site writes.

use mains_base::{Result, Time, Uuid, Value};

use crate::log::Position;
use crate::records::cursor::{self, Cursors};

/// What these cursors belong to.
const BOUND: &[u8] = b"changes";

/// A place in the log of one timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Of which log; a restored database begins another.
    pub timeline: Uuid,
    /// The last change that was told.
    pub position: Position,
}

impl Place {
    /// As a cursor.
    pub fn sealed(self, cursors: &Cursors) -> Result<String> {
        let keys = vec![Value::Id(self.timeline), Value::Int(self.position.0)];
        cursors.seal(&cursor::Position { now: Time::MIN, keys }, BOUND)
    }

    /// Reads a cursor; nothing where it is none of this site.
    pub fn opened(cursors: &Cursors, text: &str) -> Option<Self> {
        match cursors.open(text, BOUND).ok()?.keys.as_slice() {
            [Value::Id(timeline), Value::Int(position)] => {
                Some(Self { timeline: *timeline, position: Position(*position) })
            }
            _ => None,
        }
    }
}
