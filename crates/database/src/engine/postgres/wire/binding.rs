//! What binds a password's proof to the server's certificate: `tls-server-end-point` of RFC 5929, section 4.
//!
//! Invariant: where the hash to use cannot be told for sure there is none, and the password is proved without.

use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// A SEQUENCE and an OBJECT IDENTIFIER of DER (X.690).
const SEQUENCE: u8 = 0x30;
const IDENTIFIER: u8 = 0x06;
/// 1.2.840.113549.1.1.x, RSA, and 1.2.840.10045.4.3.x, ECDSA: what stands before x.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];

/// The hash of a certificate, by the algorithm that it is signed with.
pub(crate) fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let (whole, _) = element(certificate, SEQUENCE)?;
    let (_, rest) = element(whole, SEQUENCE)?;
    let (algorithm, _) = element(rest, SEQUENCE)?;
    let (identifier, _) = element(algorithm, IDENTIFIER)?;
    let (last, family) = identifier.split_last()?;
    Some(match (family, last) {
        // With MD5 and SHA-1, too, the hash is SHA-256.
        (RSA, 4 | 5 | 11) | (ECDSA, 2) => Sha256::digest(certificate).to_vec(),
        (RSA, 12) | (ECDSA, 3) => Sha384::digest(certificate).to_vec(),
        (RSA, 13) | (ECDSA, 4) => Sha512::digest(certificate).to_vec(),
        _ => return None,
    })
}

/// What is in the first element, if it is of this sort, and what is behind it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (inside, behind) = rest.split_at_checked(length)?;
    (*first == tag).then_some((inside, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(tag: u8, inside: &[&[u8]]) -> Vec<u8> {
        let inside = inside.concat();
        let length = u16::try_from(inside.len()).unwrap().to_be_bytes();
        [&[tag, 0x82][..], &length, &inside].concat()
    }

    fn signed_with(identifier: &[u8]) -> Vec<u8> {
        let algorithm = der(SEQUENCE, &[&der(IDENTIFIER, &[identifier])]);
        der(SEQUENCE, &[&der(SEQUENCE, &[b"to be signed"]), &algorithm, &der(3, &[b"signature"])])
    }

    #[test]
    fn the_hash_is_that_of_the_signature() {
        let length = |family: &[u8], last: u8| {
            end_point(&signed_with(&[family, &[last]].concat())).map(|hash| hash.len())
        };
        assert_eq!(
            [length(RSA, 5), length(RSA, 11), length(RSA, 12), length(RSA, 13)],
            [Some(32), Some(32), Some(48), Some(64)]
        );
        assert_eq!([length(ECDSA, 2), length(ECDSA, 3), length(ECDSA, 4)], [Some(32), Some(48), Some(64)]);
        // RSASSA-PSS says its hash elsewhere; Ed25519 has none of its own.
        assert_eq!([length(RSA, 10), length(&[0x2b, 0x65], 0x70)], [None, None]);
        let whole = signed_with(&[RSA, &[11]].concat());
        assert_eq!(end_point(&whole).unwrap(), Sha256::digest(&whole).to_vec());
    }

    #[test]
    fn what_is_no_certificate_has_none() {
        let whole = signed_with(&[RSA, &[11]].concat());
        for length in 0..whole.len() {
            assert_eq!(end_point(&whole[..length]), None);
        }
        assert_eq!(end_point(&[SEQUENCE, 0x80]), None);
    }
}
