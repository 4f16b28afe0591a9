//! SQLite's functions, registered on every connection that runs generated SQL.

use mains_base::fold;
use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};

/// Twice the mean radius of the earth, in meters.
const DIAMETER: f64 = 12_742_017.6;

/// Registers `mains_round`, `mains_distance`, `mains_fold`, and `rarray` for bound lists.
pub fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    rusqlite::vtab::array::load_module(connection)?;
    connection.create_scalar_function("mains_round", 1, flags, |context| {
        Ok(context.get::<Option<f64>>(0)?.map(f64::round))
    })?;
    connection.create_scalar_function("mains_fold", 1, flags, |context| {
        Ok(context.get::<Option<String>>(0)?.map(|text| fold(&text)))
    })?;
    connection.create_scalar_function("mains_distance", 4, flags, |context| Ok(distance(context)))
}

/// Haversine; NULL where a coordinate is.
fn distance(context: &Context<'_>) -> Option<f64> {
    let degrees = |place| context.get::<Option<f64>>(place).ok().flatten();
    let (from, to) = ((degrees(0)?, degrees(1)?), (degrees(2)?, degrees(3)?));
    let half = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
    let across = from.0.to_radians().cos() * to.0.to_radians().cos();
    let square = half(to.0 - from.0) + across * half(to.1 - from.1);
    // Rounding may carry antipodes beyond 1, where there is no arc sine.
    Some(DIAMETER * square.sqrt().min(1.0).asin())
}
