//! The forms that e-mail addresses, web addresses and slugs must have.

/// Whether it looks like an address that mail can be sent to: `local@domain.tld`, as browsers check it, besides with
/// letters of all alphabets and at least one dot in the domain.
pub(super) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let local_letter = |letter: char| letter.is_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(letter);
    (1..=64).contains(&local.len())
        && local.chars().all(local_letter)
        && domain.contains('.')
        && domain.len() <= 253
        && domain.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.chars().all(|letter| letter.is_alphanumeric() || letter == '-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Whether it is an absolute http or https address without a user name in it.
pub(super) fn is_url(text: &str) -> bool {
    let rest = strip_scheme(text, "https://").or_else(|| strip_scheme(text, "http://"));
    let Some(rest) = rest else { return false };
    let clean =
        |letter: char| !letter.is_whitespace() && !letter.is_control() && !"<>\"\\^`{|}".contains(letter);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    rest.chars().all(clean) && is_authority(authority)
}

fn strip_scheme<'t>(text: &'t str, scheme: &str) -> Option<&'t str> {
    let (head, rest) = text.split_at_checked(scheme.len())?;
    head.eq_ignore_ascii_case(scheme).then_some(rest)
}

fn is_authority(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((address, port)) = rest.split_once(']') else { return false };
            return address.parse::<std::net::Ipv6Addr>().is_ok()
                && (port.is_empty() || is_port(port.strip_prefix(':')));
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let letter = |letter: char| letter.is_alphanumeric() || "-._~%".contains(letter);
    !host.is_empty() && host.chars().all(letter) && (port.is_none() || is_port(port))
}

fn is_port(text: Option<&str>) -> bool {
    text.is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Whether it has only `a-z`, `0-9` and `-`, and at least one of them.
pub(super) fn is_slug(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails() {
        for good in ["ada@acme.example", "a.b+c@x.co", "o'hara@sub.dömäin.de", "jørn@x.no"] {
            assert!(is_email(good), "{good}");
        }
        for bad in
            ["", "@", "a@", "@b.c", "a@b", "a b@c.d", "a@b..c", "a@-b.c", "a@b.c.", "a@b@c.d", "<a@b.c>"]
        {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn urls() {
        for good in [
            "https://a.example",
            "HTTP://a.example:8080/x?y=1#z",
            "https://[::1]:3000/",
            "https://bücher.example/ü%20",
            "http://localhost/",
        ] {
            assert!(is_url(good), "{good}");
        }
        for bad in [
            "",
            "a.example",
            "ftp://a",
            "javascript:alert(1)",
            "https://",
            "https:///x",
            "https://user@bank.example",
            "https://a b",
            "https://a:0",
            "https://a:x",
            "https://a\\b",
            "https://[x]",
        ] {
            assert!(!is_url(bad), "{bad}");
        }
    }

    #[test]
    fn slugs() {
        assert!(is_slug("a-1") && is_slug("-"));
        assert!(!is_slug("") && !is_slug("A") && !is_slug("ä") && !is_slug("a b") && !is_slug("a_b"));
    }
}
