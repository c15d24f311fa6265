//! Property against property. Both sides have AWS's own names and forms; what is left are the ways in
//! which one and the same setting is written.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value as Json;

use crate::estate::{Estate, Fetched, Gap, Reason, Record, Resource, UNKNOWN_TAG, Value};

/// A property that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Difference {
    /// Its path: `backup_retention_period`, `tags.Owner`, `public_access_block.block_public_acls`.
    pub(crate) attribute: String,
    /// What is declared.
    pub(crate) declared: Json,
    /// What was seen.
    pub(crate) seen: Json,
}

/// What came of the comparison of one resource.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    /// What differs.
    pub(crate) differences: Vec<Difference>,
    /// What is declared and could not be read: it may differ.
    pub(crate) unread: Vec<Unread>,
    /// Number of properties that were compared.
    pub(crate) compared: u64,
}

/// A property that is declared, and that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Unread {
    /// Its path; empty for the whole resource.
    pub(crate) attribute: String,
    /// Why.
    pub(crate) gap: Arc<Gap>,
}

/// Properties that something else than the code moves, as it should.
const MOVED: &[(&str, &str, &str)] = &[
    ("AWS::AutoScaling::AutoScalingGroup", "desired_capacity", "scaling"),
    ("AWS::AutoScaling::AutoScalingGroup", "instance_ids", "scaling"),
    ("AWS::AutoScaling::AutoScalingGroup", "instances", "scaling"),
    ("AWS::AutoScaling::AutoScalingGroup", "instance_availability_zones", "scaling"),
    // Three zones whatever is asked for: AWS adds what is missing.
    ("AWS::RDS::DBCluster", "availability_zones", "storage"),
];

/// What AWS says by leaving a property out.
const ABSENT_MEANS: &[(&str, &str, &str)] =
    &[("AWS::EC2::Instance", "auto_recovery", "default"), ("AWS::EFS::FileSystem", "replication_overwrite_protection", "ENABLED")];

/// Lists that grow and shrink by scaling, beyond what code declares of them.
const GROWS: &[(&str, &str)] =
    &[("AWS::ElasticLoadBalancingV2::TargetGroup", "targets"), ("AWS::ElasticLoadBalancingV2::TargetGroup", "target_instance_ids")];

/// Elements of lists that AWS adds by itself, and no code declares.
fn of_aws(kind: &str, field: &str, element: &Value) -> bool {
    let Value::Record(element) = element else { return false };
    let text = |name: &str| match element.get(name) {
        Some(Value::String(text)) => Some(&**text),
        _ => None,
    };
    match (kind, field) {
        // The route to the VPC itself, and those that a gateway announces.
        ("AWS::EC2::RouteTable", "routes") => {
            text("gateway_id") == Some("local") || matches!(text("origin"), Some("EnableVgwRoutePropagation" | "Advertisement"))
        }
        _ => false,
    }
}

/// The names of keys: id, alias and ARN of an alias → ARN of the key.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    arns: HashMap<Arc<str>, Arc<str>>,
}

impl Keys {
    /// Those of an estate.
    pub(crate) fn of(estate: &Estate) -> Self {
        let mut keys: HashMap<Arc<str>, Option<Arc<str>>> = HashMap::new();
        for at in estate.of_type("AWS::KMS::Key") {
            let key = &estate.resources[at];
            let names = ["aliases", "alias_arns"].into_iter().flat_map(|path| key.values_at(path));
            let names = names.filter_map(|value| if let Value::String(name) = value { Some(name) } else { None });
            for name in names.chain([Arc::clone(&key.id)]) {
                // A name that several keys have, in other accounts or regions, tells none of them.
                let arn = keys.entry(name).or_insert_with(|| Some(Arc::clone(&key.arn)));
                if arn.as_ref() != Some(&key.arn) {
                    *arn = None;
                }
            }
        }
        Self { arns: keys.into_iter().filter_map(|(name, arn)| Some((name, arn?))).collect() }
    }

    fn same(&self, a: &Arc<str>, b: &Arc<str>) -> bool {
        let arn = |text: &Arc<str>| self.arns.get(text).cloned().unwrap_or_else(|| Arc::clone(text));
        arn(a) == arn(b)
    }
}

/// What is compared with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// What states declare, with what was seen: they are all there is, so what only AWS has was not declared.
    Code,
    /// Code with something else: what it does not say is not compared.
    Plan,
    /// What was seen on one day, with what was seen on another: everything counts.
    Days,
}

/// What differs between a resource as it is declared, or was, and as it was seen.
pub(crate) fn compare(declared: &Resource, seen: &Resource, keys: &Keys, of: Of) -> Comparison {
    let mut found = Comparison::default();
    let days = of == Of::Days;
    if let (Value::Record(_), Value::Unknown(gap)) = (&declared.properties, &seen.properties) {
        found.unread.push(Unread { attribute: String::new(), gap: Arc::clone(gap) });
    }
    if let (Value::Record(code), Value::Record(live)) = (&declared.properties, &seen.properties) {
        for ((field, ours), theirs) in code.ty.fields.iter().zip(&code.values).zip(&live.values) {
            let moved = MOVED.iter().any(|(kind, name, _)| *kind == declared.kind.name && *name == field.name);
            if !days && (moved || upgraded(&field.name, ours, theirs, code)) {
                continue;
            }
            if let Value::Unknown(gap) = ours {
                // A value that is set and hidden may differ; what the code leaves to AWS cannot.
                let hides = days || (of == Of::Code && matches!(gap.reason, Reason::Sensitive | Reason::NotCollected));
                if hides {
                    found.unread.push(Unread { attribute: field.name.clone(), gap: Arc::clone(gap) });
                }
                continue;
            }
            if let Value::Unknown(gap) = theirs {
                found.unread.push(Unread { attribute: field.name.clone(), gap: Arc::clone(gap) });
                continue;
            }
            found.compared += 1;
            let kind = declared.kind.name.as_str();
            let absent = ABSENT_MEANS.iter().find(|(k, name, _)| *k == kind && *name == field.name);
            let means = |value: &Value| matches!((value, absent), (Value::String(text), Some((_, _, word))) if **text == **word);
            if !days && ((means(ours) && *theirs == Value::Null) || (means(theirs) && *ours == Value::Null)) {
                continue;
            }
            let theirs = match theirs {
                Value::List(items) if !days && items.iter().any(|item| of_aws(kind, &field.name, item)) => {
                    &Value::List(items.iter().filter(|item| !of_aws(kind, &field.name, item)).cloned().collect())
                }
                other => other,
            };
            let of = if of == Of::Code && GROWS.contains(&(kind, field.name.as_str())) { Of::Plan } else { of };
            values(&field.name, ours, theirs, keys, of, &mut found);
        }
    }
    if let (Some(_), Fetched::Unknown(gap)) = (tags(declared), &seen.tags) {
        found.unread.push(Unread { attribute: "tags".to_owned(), gap: Arc::clone(gap) });
    }
    if let Some((ours, theirs)) = tags(declared).zip(tags(seen)) {
        found.compared += 1;
        for key in ours.keys().chain(theirs.keys().filter(|key| !ours.contains_key(*key))) {
            let (a, b) = (ours.get(key), theirs.get(key));
            let secret = a.is_some_and(|value| *value == UNKNOWN_TAG);
            if a != b && !secret && !key.starts_with("aws:") {
                let json = |value: Option<&&str>| value.map_or(Json::Null, |text| Json::from(*text));
                found.differences.push(Difference { attribute: format!("tags.{key}"), declared: json(a), seen: json(b) });
            }
        }
    }
    found
}

fn tags(resource: &Resource) -> Option<BTreeMap<&str, &str>> {
    match &resource.tags {
        Fetched::Known(tags) => Some(tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect()),
        Fetched::Absent => Some(BTreeMap::new()),
        Fetched::Unknown(_) => None,
    }
}

/// Whether AWS installed a minor version by itself, as it was told to.
fn upgraded(field: &str, ours: &Value, theirs: &Value, code: &Record) -> bool {
    let (Value::String(ours), Value::String(theirs)) = (ours, theirs) else { return false };
    let by_itself = code.get("auto_minor_version_upgrade").is_none_or(|value| *value == Value::Bool(true));
    if field != "engine_version" || !by_itself {
        return false;
    }
    let parts = |text: &str| -> Vec<u64> {
        text.split(['.', '_']).map(|part| part.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)).collect()
    };
    let (ours, theirs) = (parts(ours), parts(theirs));
    // PostgreSQL 10 and later count releases by the first number; MySQL, MariaDB and Aurora by the first two.
    let major = if ours.first().is_some_and(|first| *first >= 12) { 1 } else { 2 };
    ours.get(..major).is_some() && ours.get(..major) == theirs.get(..major) && ours < theirs
}

/// Whether a value is how nothing is written, one way or the other.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) | Value::Int(0) => true,
        Value::String(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(map) => map.is_empty(),
        Value::Bool(true)
        | Value::Int(_)
        | Value::Double(_)
        | Value::Timestamp(_)
        | Value::Duration(_)
        | Value::Record(_)
        | Value::Resource(_)
        | Value::Unknown(_) => false,
    }
}

fn values(path: &str, ours: &Value, theirs: &Value, keys: &Keys, of: Of, found: &mut Comparison) {
    match (ours, theirs) {
        (Value::Record(a), Value::Record(b)) => {
            for ((field, ours), theirs) in a.ty.fields.iter().zip(&a.values).zip(&b.values) {
                values(&format!("{path}.{}", field.name), ours, theirs, keys, of, found);
            }
        }
        (Value::List(a), Value::List(b)) if of == Of::Code && lists(a, b, keys) && more(a, b, keys).is_some() => {
            // The list is not known to be whole, and AWS has more than is declared.
            let gap = more(a, b, keys).expect("internal error: asked above");
            if gap.reason == Reason::NotInPlan {
                let known: Vec<&Value> = a.iter().filter(|item| !item.is_unknown()).collect();
                let (declared, seen) = (serde_json::to_value(known).unwrap_or_default(), serde_json::to_value(theirs).unwrap_or_default());
                found.differences.push(Difference { attribute: path.to_owned(), declared, seen });
            } else {
                found.unread.push(Unread { attribute: path.to_owned(), gap: Arc::clone(gap) });
            }
        }
        _ if same(ours, theirs, keys) => {
            let hidden = match (ours, of) {
                (Value::Unknown(gap), Of::Days) => Some(gap),
                (Value::Unknown(_), Of::Code | Of::Plan) => None,
                _ => gap_in(theirs).or_else(|| gap_in(ours).filter(|_| of == Of::Days)),
            };
            found.unread.extend(hidden.map(|gap| Unread { attribute: path.to_owned(), gap: Arc::clone(gap) }));
        }
        _ => {
            let json = |value: &Value| serde_json::to_value(value).unwrap_or_default();
            found.differences.push(Difference { attribute: path.to_owned(), declared: json(ours), seen: json(theirs) });
        }
    }
}

/// The gap that stands for elements of ours that are not known, where theirs has elements that no known one of ours is.
fn more<'v>(ours: &'v [Value], theirs: &[Value], keys: &Keys) -> Option<&'v Arc<Gap>> {
    let gap = ours.iter().find_map(|item| match item {
        Value::Unknown(gap) => Some(gap),
        _ => None,
    })?;
    (!left_over(ours, theirs, keys).1.is_empty()).then_some(gap)
}

/// The known elements of either list that are not in the other.
fn left_over<'v>(ours: &'v [Value], theirs: &'v [Value], keys: &Keys) -> (Vec<&'v Value>, Vec<&'v Value>) {
    let known = |list: &'v [Value]| list.iter().filter(|item| !item.is_unknown());
    let mut left: Vec<&Value> = known(theirs).collect();
    let mut alone = Vec::new();
    for value in known(ours) {
        match left.iter().position(|other| same(value, other, keys)) {
            Some(at) => drop(left.swap_remove(at)),
            None => alone.push(value),
        }
    }
    (alone, left)
}

/// The first gap in a value.
fn gap_in(value: &Value) -> Option<&Arc<Gap>> {
    match value {
        Value::Unknown(gap) => Some(gap),
        Value::List(items) => items.iter().find_map(gap_in),
        Value::Map(map) => map.values().find_map(gap_in),
        Value::Record(record) => record.values.iter().find_map(gap_in),
        _ => None,
    }
}

/// Whether two values are the same setting, as far as both are known.
fn same(ours: &Value, theirs: &Value, keys: &Keys) -> bool {
    match (ours, theirs) {
        (Value::Unknown(_), _) | (_, Value::Unknown(_)) => true,
        (Value::String(a), Value::String(b)) => {
            a == b || a.trim_end_matches(":*") == b.trim_end_matches(":*") || keys.same(a, b) || documents(a, b)
        }
        // Terraform keeps seconds.
        (Value::Timestamp(a), Value::Timestamp(b)) => a.as_second() == b.as_second(),
        (Value::List(a), Value::List(b)) => lists(a, b, keys),
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other, keys)))
        }
        (Value::Record(a), Value::Record(b)) => a.values.iter().zip(&b.values).all(|(a, b)| same(a, b, keys)),
        (a, b) => a == b || (is_nothing(a) && is_nothing(b)),
    }
}

/// An account as a principal is written as its root or by its number.
fn documents(a: &str, b: &str) -> bool {
    let account = |text: &str| -> Option<String> {
        let text = text.strip_prefix("AWS:")?;
        let digits = |t: &str| t.len() == 12 && t.bytes().all(|b| b.is_ascii_digit());
        if digits(text) {
            return Some(text.to_owned());
        }
        let rest = text.strip_prefix("arn:")?.split_once(":iam::")?.1.strip_suffix(":root")?;
        digits(rest).then(|| rest.to_owned())
    };
    account(a).is_some_and(|a| account(b).as_ref() == Some(&a))
}

/// Lists are sets here: AWS and Terraform order them as they like. An unknown element may stand for
/// any that only the other side has.
fn lists(ours: &[Value], theirs: &[Value], keys: &Keys) -> bool {
    let open = |list: &[Value]| list.iter().any(Value::is_unknown);
    let (alone, left) = left_over(ours, theirs, keys);
    (alone.is_empty() || open(theirs)) && (left.is_empty() || open(ours))
}
