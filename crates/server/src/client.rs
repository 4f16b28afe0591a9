//! The address of who asks, behind proxies.
//!
//! Invariant: a header is believed only as far as trusted proxies wrote it: read from the right, the first address that
//! is no trusted proxy is the client's; what stands left of it anybody may have written.

use std::net::{IpAddr, SocketAddr};

use http::header::FORWARDED;
use http::request::Parts;

use crate::proxies::{Proxy, hold};

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The client's address: of a trusted proxy what it says (`X-Forwarded-For`, else `Forwarded`, RFC 7239), of anybody
/// else the connection's.
pub(crate) fn address(head: &Parts, peer: IpAddr, trusted: &[Proxy]) -> IpAddr {
    let peer = peer.to_canonical();
    if !hold(trusted, peer) {
        return peer;
    }
    let lines = |name: &str| -> Vec<&str> {
        head.headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?")).collect()
    };
    let listed = lines(X_FORWARDED_FOR);
    let hops: Vec<Option<IpAddr>> = if listed.is_empty() {
        lines(FORWARDED.as_str()).iter().flat_map(|line| line.split(',')).map(forwarded).collect()
    } else {
        listed.iter().flat_map(|line| line.split(',')).map(|hop| read(hop.trim())).collect()
    };
    let mut last = peer;
    for hop in hops.into_iter().rev() {
        // What cannot be read was not written by a proxy that one can trust.
        let Some(hop) = hop else { return last };
        last = hop;
        if !hold(trusted, hop) {
            return hop;
        }
    }
    last
}

/// `for=` of one element of a `Forwarded` header.
fn forwarded(element: &str) -> Option<IpAddr> {
    let pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let mut named = pairs.filter(|(name, _)| name.eq_ignore_ascii_case("for")).map(|(_, value)| value);
    read(named.next()?.trim().trim_matches('"'))
}

/// An address, with a port or brackets or without.
fn read(text: &str) -> Option<IpAddr> {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = bracketed.unwrap_or(text).parse::<IpAddr>().ok();
    address
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .map(|found| found.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(peer: &str, headers: &[(&str, &str)]) -> String {
        let request = http::Request::get("/");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let trusted =
            ["10.0.0.7", "10.0.0.8/31", "fd00::7", "172.16.0.0/12"].map(|text| text.parse().unwrap());
        address(&request.body(()).unwrap().into_parts().0, peer.parse().unwrap(), &trusted).to_string()
    }

    #[test]
    fn only_what_trusted_proxies_wrote_is_believed() {
        for (peer, headers, client) in [
            ("192.0.2.1", &[][..], "192.0.2.1"),
            ("192.0.2.1", &[("x-forwarded-for", "203.0.113.9")], "192.0.2.1"),
            ("10.0.0.7", &[], "10.0.0.7"),
            ("10.0.0.7", &[("x-forwarded-for", "203.0.113.9")], "203.0.113.9"),
            ("::ffff:10.0.0.7", &[("x-forwarded-for", "203.0.113.9")], "203.0.113.9"),
            ("10.0.0.7", &[("x-forwarded-for", "127.0.0.1, 203.0.113.9")], "203.0.113.9"),
            ("10.0.0.7", &[("x-forwarded-for", "127.0.0.1, 203.0.113.9, 10.0.0.8")], "203.0.113.9"),
            (
                "10.0.0.7",
                &[("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "203.0.113.9")],
                "203.0.113.9",
            ),
            ("10.0.0.7", &[("x-forwarded-for", "203.0.113.9, unknown")], "10.0.0.7"),
            ("10.0.0.7", &[("x-forwarded-for", "10.0.0.8, 10.0.0.8")], "10.0.0.8"),
            ("172.31.7.7", &[("x-forwarded-for", "127.0.0.1, 203.0.113.9, 172.16.0.1")], "203.0.113.9"),
            ("172.32.7.7", &[("x-forwarded-for", "203.0.113.9")], "172.32.7.7"),
            ("10.0.0.7", &[("x-forwarded-for", "[2001:db8::9]:443")], "2001:db8::9"),
            ("10.0.0.7", &[("x-forwarded-for", "203.0.113.9:5000")], "203.0.113.9"),
            (
                "fd00::7",
                &[("forwarded", "for=192.0.2.60;proto=http, For=\"[2001:db8::9]:4711\"")],
                "2001:db8::9",
            ),
            ("10.0.0.7", &[("forwarded", "for=192.0.2.60, for=_hidden")], "10.0.0.7"),
            ("10.0.0.7", &[("forwarded", "for=1.1.1.1"), ("x-forwarded-for", "203.0.113.9")], "203.0.113.9"),
        ] {
            assert_eq!(asked(peer, headers), client, "{peer} {headers:?}");
        }
    }
}
