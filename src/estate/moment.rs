//! When facts were found, as far as they tell it themselves.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value is, no moment is in it")]

use jiff::Timestamp;

use super::{Estate, Value};

/// Fields with a moment that was still to come when AWS or the code set it: it says nothing of when the fact was found. Every other
/// moment is of something that had happened.
const TO_COME: &[&str] = &[
    "backup_expiry_date_time",
    "date",
    "delete_at",
    "deletion_date",
    "deprecation_time",
    "expiration_date",
    "expiration_time",
    "lock_date",
    "valid_to",
];

impl Estate {
    /// The latest moment that code proves to have been past when it was written: that of a plan, and those of what had already happened.
    /// None where it names no such moment.
    pub fn latest_proven(&self) -> Option<Timestamp> {
        let mut latest = self.run.declared.as_ref().and_then(|declared| declared.written);
        for resource in &self.resources {
            each_past(&resource.properties, &mut |moment| latest = latest.max(Some(moment)));
        }
        latest
    }
}

fn each_past(value: &Value, found: &mut impl FnMut(Timestamp)) {
    match value {
        Value::Timestamp(moment) => found(*moment),
        Value::List(items) => items.iter().for_each(|item| each_past(item, found)),
        Value::Map(entries) => entries.values().for_each(|value| each_past(value, found)),
        Value::Record(record) => {
            for (field, value) in record.ty.fields.iter().zip(&record.values) {
                if !TO_COME.contains(&field.name.as_str()) {
                    each_past(value, found);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::TO_COME;
    use crate::estate::{RecordType, Type};

    fn moments(record: &RecordType, found: &mut BTreeSet<String>) {
        for field in &record.fields {
            let mut ty = &field.ty;
            while let Type::List(inner) | Type::Map(inner) | Type::Nullable(inner) = ty {
                ty = inner;
            }
            match ty {
                Type::Timestamp => drop(found.insert(field.name.clone())),
                Type::Record(record) => moments(record, found),
                _ => {}
            }
        }
    }

    #[test]
    fn what_is_to_come_is_named_as_the_types_name_it() {
        let mut found = BTreeSet::new();
        crate::registry().iter().for_each(|kind| moments(&kind.properties, &mut found));
        let gone: Vec<_> = TO_COME.iter().filter(|name| !found.contains(**name)).collect();
        // A build without a service lacks its types.
        assert!(gone.is_empty() || !cfg!(feature = "all-services"), "{gone:?}");
    }
}
