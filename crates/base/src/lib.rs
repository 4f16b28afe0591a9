//! Values without I/O that every room shares: errors, ids, time, money, values, callers.
//!
//! Nothing here opens a file, reads a clock by itself (but [`SystemClock`]) or knows a database.

mod caller;
mod clock;
mod error;
mod id;
mod money;
mod nearest;
mod text;
mod time;
mod value;

pub use caller::{Caller, CallerKind};
pub use clock::{Clock, ManualClock, SystemClock};
pub use error::{Error, FieldError, Kind, Result};
pub use id::{Id, IdError, Prefix, Uuid};
pub use money::{Currency, Money};
pub use nearest::nearest;
pub use text::{fold, has_nul, nfc};
pub use time::{Date, Duration, Time};
pub use value::{MAX_INTEGER, Point, Value};
