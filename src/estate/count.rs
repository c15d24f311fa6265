//! Numbers in files that others wrote: they are added up, so that they must be numbers of something.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer, Unexpected};

/// More than anybody has of anything, and so little that no file is long enough for a sum of them to overflow.
const MOST: u64 = 1 << 40;

fn checked<E: serde::de::Error>(count: u64) -> Result<u64, E> {
    if count > MOST { Err(E::invalid_value(Unexpected::Unsigned(count), &"a number of at most 2^40")) } else { Ok(count) }
}

/// Reads a number of things.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    checked(u64::deserialize(deserializer)?)
}

/// Reads numbers of things by what they are.
pub(super) fn counts<'de, D: Deserializer<'de>, K: Deserialize<'de> + Ord>(deserializer: D) -> Result<BTreeMap<K, u64>, D::Error> {
    let counts: BTreeMap<K, u64> = BTreeMap::deserialize(deserializer)?;
    counts.values().try_for_each(|count| checked(*count).map(drop))?;
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::super::{DeclaredRun, Listing};

    #[test]
    fn a_number_of_things_is_one() {
        let listing = |count: u64| format!(r#"{{"type": "AWS::EC2::Volume", "account": "1", "region": "r", "listed": {count}}}"#);
        for (count, fits) in [(0, true), (1 << 40, true), ((1 << 40) + 1, false), (u64::MAX, false)] {
            assert_eq!(serde_json::from_str::<Listing>(&listing(count)).is_ok(), fits, "{count}");
            let run =
                format!(r#"{{"files": [], "resources": 1, "not_covered": {{"x": {count}}}, "other_providers": 1, "region_from": {{}}}}"#);
            assert_eq!(serde_json::from_str::<DeclaredRun>(&run).is_ok(), fits, "{count}");
        }
        let error = serde_json::from_str::<Listing>(&listing(u64::MAX)).unwrap_err();
        assert!(crate::untrusted::json_problem(&error).contains("expected a number of at most 2^40"), "{error}");
    }
}
