//! The sample an auditor may draw again: which passes are in it follows from a seed that neither side can choose, and anybody can
//! repeat it with `sha256sum`.

use sha2::{Digest as _, Sha256};

/// How many of so many are looked at.
pub(super) fn size(of: usize) -> usize {
    match of {
        0..=10 => of,
        11..=50 => 10,
        51..=250 => 15,
        _ => 25,
    }
}

/// The seed of a report without a pack: it follows from the rules and from the moment.
pub(super) fn seed(policies_sha256: &str, as_of: &str) -> String {
    hex(&Sha256::digest(format!("{policies_sha256} {as_of}")))
}

/// The first of the items when they are ordered by SHA-256 of `seed fingerprint`, in that order.
pub(super) fn draw<T>(seed: &str, items: impl IntoIterator<Item = (String, T)>) -> Vec<T> {
    let rank = |fingerprint: &str| hex(&Sha256::digest(format!("{seed} {fingerprint}")));
    let mut ranked: Vec<(String, T)> = items.into_iter().map(|(fingerprint, item)| (rank(&fingerprint), item)).collect();
    let wanted = size(ranked.len());
    ranked.sort_by(|a, b| a.0.cmp(&b.0));
    ranked.truncate(wanted);
    ranked.into_iter().map(|(_, item)| item).collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold("sha256:".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("internal error: writing to a string cannot fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::{draw, seed, size};

    #[test]
    fn sizes_are_those_that_are_written_down() {
        assert_eq!([0, 1, 10, 11, 50, 51, 250, 251, 100_000].map(size), [0, 1, 10, 10, 10, 15, 15, 25, 25]);
    }

    #[test]
    fn the_seed_decides_and_the_order_of_what_is_given_does_not() {
        let items = || (0..300).map(|n| (format!("sha256:{n}"), n));
        let first = draw("a", items());
        assert_eq!(first.len(), 25);
        assert_eq!(first, draw("a", items().rev()));
        assert_ne!(first, draw("b", items()));
        // printf '%s' 'sha256:p 2026-01-31T12:00:00Z' | sha256sum
        assert_eq!(seed("sha256:p", "2026-01-31T12:00:00Z"), "sha256:778c272bf12cacf1dacd95b6b709a66468106e8e4e13f3635c8afed95c5768d2");
    }
}
