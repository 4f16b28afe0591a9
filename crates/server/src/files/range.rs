//! Byte ranges (RFC 9110, section 14): one range is served; several, and units other than bytes, get the whole file.

/// What of a file is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// From `first`, `length` bytes.
    Range { first: u64, length: u64 },
    /// Nothing: the range lies behind the end.
    Outside,
}

/// Reads a `Range` header for a file of `size` bytes. One that cannot be read is ignored, as the RFC says.
pub(super) fn part(header: &str, size: u64) -> Part {
    let Some(spec) = header.strip_prefix("bytes=").map(str::trim) else { return Part::Whole };
    let Some((first, last)) = spec.split_once('-').filter(|_| !spec.contains(',')) else {
        return Part::Whole;
    };
    match (number(first), number(last)) {
        (None, Some(0)) if first.is_empty() => Part::Outside,
        (None, Some(tail)) if first.is_empty() => {
            let length = tail.min(size);
            if length == 0 { Part::Outside } else { Part::Range { first: size - length, length } }
        }
        (Some(first), None) if last.is_empty() => from(first, u64::MAX, size),
        (Some(first), Some(last)) if first <= last => from(first, last, size),
        _ => Part::Whole,
    }
}

fn from(first: u64, last: u64, size: u64) -> Part {
    if first >= size {
        return Part::Outside;
    }
    Part::Range { first, length: last.min(size - 1) - first + 1 }
}

/// Digits only: `u64::from_str` would take a sign.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_ten_bytes() {
        let range = |first, length| Part::Range { first, length };
        for (header, wanted) in [
            ("bytes=0-0", range(0, 1)),
            ("bytes=2-5", range(2, 4)),
            ("bytes=2-", range(2, 8)),
            ("bytes=2-99", range(2, 8)),
            ("bytes=-3", range(7, 3)),
            ("bytes=-99", range(0, 10)),
            ("bytes=10-", Part::Outside),
            ("bytes=-0", Part::Outside),
            ("bytes=5-2", Part::Whole),
            ("bytes=0-1,4-5", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes=-", Part::Whole),
            ("lines=1-2", Part::Whole),
            ("bytes=99999999999999999999-", Part::Whole),
        ] {
            assert_eq!(part(header, 10), wanted, "{header}");
        }
        assert_eq!(part("bytes=-1", 0), Part::Outside);
    }
}
