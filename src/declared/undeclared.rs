//! What a state does not say of a resource, and what drift makes of that: nothing may be there, or AWS has put it there by
//! itself, or it could not be compared, and is told.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::estate::{Resource, Value};

/// The properties of a type that a state may not say.
pub(crate) struct Undeclared {
    /// The type.
    pub(crate) kind: &'static str,
    /// Each with its rule. Members of elements are written `attachments[].state`.
    pub(crate) properties: &'static [(&'static str, Rule)],
}

/// What holds of a property that a state does not say.
#[derive(Clone, Copy)]
pub(crate) enum Rule {
    /// Somebody else may declare it beside the resource. Where nobody does, there is nothing: an empty list, false, null.
    Nothing,
    /// The same, or this word, which AWS writes for nothing.
    NothingOr(&'static str),
    /// The same, or what the function knows that AWS makes of it.
    NothingBut(fn(&Value, &Resource) -> bool),
    /// It is what became of the resource, or follows from what is compared: nobody sets it.
    OfAws,
    /// It can be set in ways that are not read here. As AWS makes it, nobody has; else it is told that it was not compared.
    Usual(fn(&Value, &Resource) -> bool),
}

/// `Usual`: there is nothing.
pub(crate) fn nothing(value: &Value, _: &Resource) -> bool {
    match value {
        Value::Null | Value::Bool(false) | Value::Int(0) => true,
        Value::String(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(map) => map.is_empty(),
        _ => false,
    }
}

static RULES: LazyLock<HashMap<&str, HashMap<&str, Vec<Rule>>>> = LazyLock::new(|| {
    let mut rules: HashMap<&str, HashMap<&str, Vec<Rule>>> = HashMap::new();
    for of in super::tables::undeclared() {
        let own = rules.entry(of.kind).or_default();
        for (property, rule) in of.properties {
            own.entry(property).or_default().push(*rule);
        }
    }
    rules
});

/// The rules for a property that a state does not say.
pub(crate) fn rules(kind: &str, property: &str) -> &'static [Rule] {
    RULES.get(kind).and_then(|own| own.get(property)).map_or(&[], Vec::as_slice)
}

/// Types that services fill by themselves: no code can declare them.
pub(crate) const NOT_DECLARABLE: &[&str] = &[
    "AWS::Backup::RecoveryPoint",
    "AWS::DynamoDB::Backup",
    // Every account has them.
    "AWS::EC2::Region",
    "AWS::RDS::DBInstanceAutomatedBackup",
];

#[cfg(test)]
#[cfg(feature = "all-services")]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::declared::tables::{MAPPINGS, kinds, undeclared};
    use crate::estate::Type;

    /// What drift makes of each property where a state does not say it: one that has no rule must be in every table of Terraform.
    #[test]
    fn every_property_of_every_type_is_declared_or_has_a_rule() {
        let registry = crate::registry();
        let mut undecided = Vec::new();
        for kind in kinds() {
            let tables: Vec<_> =
                MAPPINGS.iter().flat_map(|tables| tables.iter()).filter(|m| m.kind == kind && m.from.starts_with("aws_")).collect();
            assert!(!tables.is_empty(), "{kind}");
            for field in &registry.get(kind).unwrap().properties.fields {
                let without = tables.iter().find(|table| !table.fields.iter().any(|declared| declared.name == field.name));
                if let Some(table) = without.filter(|_| rules(kind, &field.name).is_empty()) {
                    undecided.push(format!("{kind} `{}`: not in the table of {}", field.name, table.from));
                }
            }
        }
        assert!(undecided.is_empty(), "put it in the table, or give it a rule in UNDECLARED of its service:\n{}", undecided.join("\n"));
    }

    #[test]
    fn rules_are_about_properties_that_there_are() {
        let registry = crate::registry();
        let mut seen = BTreeSet::new();
        for of in undeclared() {
            assert!(seen.insert(of.kind) && kinds().contains(of.kind), "{}", of.kind);
            for (path, _) in of.properties {
                let mut ty = Type::Record(registry.get(of.kind).unwrap().properties.clone());
                for step in path.split('.') {
                    let Type::Record(record) = &ty else { panic!("{} {path}", of.kind) };
                    let Some((_, field)) = record.field(step.trim_end_matches("[]")) else { panic!("{} {path}", of.kind) };
                    ty = field.ty.without_null().clone();
                    if let Type::List(item) = ty {
                        ty = item.without_null().clone();
                    }
                }
            }
        }
        for kind in NOT_DECLARABLE {
            assert!(registry.get(kind).is_some() && !kinds().contains(kind), "{kind}");
        }
    }
}
