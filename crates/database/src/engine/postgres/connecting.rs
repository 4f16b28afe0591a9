//! Opening a connection: whom an address lets us talk to, and what a connection begins with.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::config::TargetSessionAttrs;

use super::address::Address;
use super::failure::Failure;
use super::link::Link;
use super::session::Life;
use super::wire::{Line, Place, places, sign_in};

/// Tells on which timeline the server is and since when it has counted.
const LIFE: &str = "SELECT CASE WHEN pg_is_in_recovery() THEN '' \
    ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END, (SELECT stats_reset::text FROM pg_stat_wal)";

/// Connects to the first address that lets us in, and sends `settings`.
pub(super) fn connect(address: &Address, settings: &str, timeout: Duration) -> Result<Link, Failure> {
    let mut last = Failure::lost(&"the name of the database's server has no address");
    for place in places(&address.config).map_err(|cause| Failure::lost(&cause))? {
        match at(&place, address, timeout) {
            Ok(mut link) => {
                link.script(settings)?;
                link.prepare_plain()?;
                link.life = Arc::new(life(&mut link)?);
                return Ok(link);
            }
            Err(failure) => last = failure,
        }
    }
    Err(last)
}

fn at(place: &Place, address: &Address, timeout: Duration) -> Result<Link, Failure> {
    let socket =
        place.open((&address.config, &address.tls), timeout).map_err(|cause| Failure::lost(&cause))?;
    let mut line = Line::new(socket, timeout).map_err(|cause| Failure::lost(&cause))?;
    sign_in(&mut line, &address.config)?;
    let mut link = Link::over(line);
    let wanted = match address.config.get_target_session_attrs() {
        TargetSessionAttrs::ReadWrite => "off",
        TargetSessionAttrs::ReadOnly => "on",
        _ => return Ok(link),
    };
    let found = link.ask("SELECT current_setting('transaction_read_only')")?;
    if found.text(0).map_err(Failure::Refused)? == Some(wanted) {
        return Ok(link);
    }
    Err(Failure::lost(&"this server is not of the sort that target_session_attrs wants"))
}

/// Which life of the server this connection belongs to.
fn life(link: &mut Link) -> Result<Life, Failure> {
    let found = link.ask(LIFE)?;
    let text = |column| found.text(column).map(|text| text.unwrap_or_default().to_owned());
    let life = text(0).and_then(|timeline| Ok(Life { timeline, counting: text(1)? }));
    life.map_err(Failure::Refused)
}
