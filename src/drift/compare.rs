//! Property against property. Both sides have AWS's own names and forms; what is left are the ways in
//! which one and the same setting is written.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value as Json;

use crate::declared::{AWS_KEY, Rule, rules};
use crate::estate::{Estate, Fetched, Gap, Reason, Record, Resource, UNKNOWN_TAG, Value, out_of_reach};

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

/// What AWS gives anew with each start.
const RENEWED: &[(&str, &str)] = &[("AWS::EC2::Instance", "public_ip_address")];

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
        // That a table is the main one is a property of its own.
        ("AWS::EC2::RouteTable", "associations") => element.get("main") == Some(&Value::Bool(true)),
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
                match of {
                    Of::Days => found.unread.push(Unread { attribute: field.name.clone(), gap: Arc::clone(gap) }),
                    Of::Code => undeclared(&field.name, gap, theirs, seen, keys, &mut found),
                    // What a plan does not say it leaves as it is.
                    Of::Plan => {}
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
            if !days && RENEWED.contains(&(kind, field.name.as_str())) && *theirs != Value::Null {
                if *ours == Value::Null && of == Of::Code {
                    let subject = format!("{}: {} has come to be since the state was written", declared.name, field.name);
                    let gap = out_of_reach(declared.kind.service, &seen.account, &seen.region, &subject);
                    found.unread.push(Unread { attribute: field.name.clone(), gap: Arc::new(gap) });
                }
                continue;
            }
            let theirs = if days { theirs } else { &without_aws(kind, &field.name, theirs) };
            let of = if of == Of::Code && GROWS.contains(&(kind, field.name.as_str())) { Of::Plan } else { of };
            values(&field.name, ours, theirs, keys, of, &mut found);
            if of == Of::Code {
                left_open(kind, &mut field.name.clone(), ours, seen, &mut found);
            }
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

/// What drift makes of a property that the state does not say.
fn undeclared(property: &str, gap: &Arc<Gap>, theirs: &Value, seen: &Resource, keys: &Keys, found: &mut Comparison) {
    let kind = seen.kind.name.as_str();
    // What is hidden may differ, whatever it is.
    let rules = if gap.reason == Reason::Sensitive { &[][..] } else { rules(kind, property) };
    // Nobody configured it, or could have with this type of the code.
    let left_out = matches!(gap.reason, Reason::NotInPlan | Reason::AwsDecides);
    let not_compared = |gap: &Arc<Gap>| Unread { attribute: property.to_owned(), gap: Arc::clone(gap) };
    let aws_key = gap.code.as_deref().filter(|code| *code == AWS_KEY).and(gap.subject.as_deref());
    for rule in rules {
        let nobody_did = match rule {
            Rule::OfAws => return,
            _ if !left_out => continue,
            _ if theirs.is_unknown() => break,
            Rule::Nothing => is_nothing(theirs),
            Rule::NothingOr(word) => is_nothing(theirs) || matches!(theirs, Value::String(text) if **text == **word),
            Rule::NothingBut(usual) => is_nothing(theirs) || usual(theirs, seen),
            Rule::Usual(usual) if usual(theirs, seen) => true,
            Rule::Usual(_) => break,
        };
        found.compared += 1;
        if !nobody_did {
            let seen = without_aws(kind, property, theirs);
            if !is_nothing(&seen) {
                let seen = serde_json::to_value(&seen).unwrap_or_default();
                found.differences.push(Difference { attribute: property.to_owned(), declared: Json::Null, seen });
            }
        }
        return;
    }
    match (theirs, aws_key) {
        (Value::Unknown(theirs), _) => found.unread.push(not_compared(theirs)),
        // What was to come to be when the state was written is empty in it, and there is nothing.
        (theirs, _) if gap.reason == Reason::AfterApply && is_nothing(theirs) => found.compared += 1,
        // The key of AWS for the service, by its alias.
        (Value::String(_), Some(alias)) if keys.arns.contains_key(alias) => {
            found.compared += 1;
            values(property, &Value::string(alias), theirs, keys, Of::Code, found);
        }
        _ => found.unread.push(not_compared(gap)),
    }
}

/// A list without the elements that AWS adds by itself.
fn without_aws(kind: &str, field: &str, value: &Value) -> Value {
    match value {
        Value::List(items) if items.iter().any(|item| of_aws(kind, field, item)) => {
            Value::List(items.iter().filter(|item| !of_aws(kind, field, item)).cloned().collect())
        }
        other => other.clone(),
    }
}

/// Members of what is declared that the state does not say. An unknown element of a list is none: it is compared with what
/// AWS has more.
fn left_open(kind: &str, path: &mut String, ours: &Value, seen: &Resource, found: &mut Comparison) {
    match ours {
        Value::Unknown(gap) => {
            if found.unread.iter().any(|unread| unread.attribute == *path) {
                return;
            }
            let decided = |rule: &Rule| match rule {
                Rule::OfAws => true,
                Rule::Nothing | Rule::NothingOr(_) => seen.values_at(path).iter().all(is_nothing),
                Rule::NothingBut(usual) | Rule::Usual(usual) => {
                    seen.values_at(path).iter().all(|value| is_nothing(value) || (!value.is_unknown() && usual(value, seen)))
                }
            };
            if gap.reason == Reason::Sensitive || !rules(kind, path).iter().any(decided) {
                found.unread.push(Unread { attribute: path.clone(), gap: Arc::clone(gap) });
            }
        }
        Value::Record(record) => {
            let len = path.len();
            for (field, value) in record.ty.fields.iter().zip(&record.values) {
                path.push('.');
                path.push_str(&field.name);
                left_open(kind, path, value, seen, found);
                path.truncate(len);
            }
        }
        Value::List(items) => {
            let len = path.len();
            path.push_str("[]");
            items.iter().filter(|item| !item.is_unknown()).for_each(|item| left_open(kind, path, item, seen, found));
            path.truncate(len);
        }
        _ => {}
    }
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

/// The known elements of either list that are not in the other. Those of which everything is known are looked up by how they are
/// written; those of which something is not, by the members that are.
fn left_over<'v>(ours: &'v [Value], theirs: &'v [Value], keys: &Keys) -> (Vec<&'v Value>, Vec<&'v Value>) {
    let theirs: Vec<&Value> = theirs.iter().filter(|item| !item.is_unknown()).collect();
    let mut places: HashMap<String, Vec<usize>> = HashMap::new();
    let mut part_known = Vec::new();
    for (at, item) in theirs.iter().enumerate() {
        match written(item, keys) {
            Some(text) => places.entry(text).or_default().push(at),
            None => part_known.push(at),
        }
    }
    let mut met = vec![false; theirs.len()];
    let mut later = Vec::new();
    for item in ours.iter().filter(|item| !item.is_unknown()) {
        let text = written(item, keys);
        match text.as_ref().and_then(|text| places.get_mut(text)?.pop()) {
            Some(at) => met[at] = true,
            None => later.push((item, text.is_some())),
        }
    }
    // By the members that are known: which those are → how they are written → positions.
    let mut by_members: HashMap<Vec<bool>, HashMap<String, Vec<usize>>> = HashMap::new();
    let mut alone = Vec::new();
    for (item, is_known) in later {
        let found = match item {
            // What is known of it is no element as it is: only one that is known in part may be it.
            _ if is_known => part_known.iter().copied().find(|at| !met[*at] && same(item, theirs[*at], keys)),
            Value::Record(record) => {
                let known: Vec<bool> = record.values.iter().map(|value| written(value, keys).is_some()).collect();
                let index = by_members.entry(known.clone()).or_insert_with(|| {
                    let mut index: HashMap<String, Vec<usize>> = HashMap::new();
                    for (at, other) in theirs.iter().enumerate() {
                        if let Some(text) = members(other, &known, keys) {
                            index.entry(text).or_default().push(at);
                        }
                    }
                    index
                });
                let candidates = members(item, &known, keys).and_then(|text| index.get_mut(&text));
                let found = candidates.and_then(|places| {
                    places.retain(|at| !met[*at]);
                    places.iter().copied().find(|at| same(item, theirs[*at], keys))
                });
                found.or_else(|| part_known.iter().copied().find(|at| !met[*at] && same(item, theirs[*at], keys)))
            }
            _ => (0..theirs.len()).find(|at| !met[*at] && same(item, theirs[*at], keys)),
        };
        match found {
            Some(at) => met[at] = true,
            None => alone.push(item),
        }
    }
    (alone, theirs.into_iter().zip(met).filter(|(_, met)| !met).map(|(item, _)| item).collect())
}

/// How the members of a record are written that `known` picks.
fn members(value: &Value, known: &[bool], keys: &Keys) -> Option<String> {
    let Value::Record(record) = value else { return None };
    let picked = record.values.iter().zip(known).filter(|(_, known)| **known);
    picked.map(|(value, _)| written(value, keys)).collect::<Option<Vec<String>>>().map(|texts| texts.join(","))
}

/// One way to write a value for all the ways in which it is the same setting (as `same` has it); none where something of it is
/// not known.
fn written(value: &Value, keys: &Keys) -> Option<String> {
    if is_nothing(value) {
        return Some("-".to_owned());
    }
    Some(match value {
        Value::Unknown(_) => return None,
        Value::String(text) => match (keys.arns.get(text), account_of_principal(text)) {
            (Some(arn), _) => format!("{arn:?}"),
            (None, Some(account)) => format!("AWS:{account}"),
            (None, None) => format!("{:?}", text.trim_end_matches(":*")),
        },
        Value::Timestamp(time) => time.as_second().to_string(),
        Value::List(items) => {
            let mut all = items.iter().map(|item| written(item, keys)).collect::<Option<Vec<String>>>()?;
            all.sort_unstable();
            format!("[{}]", all.join(","))
        }
        Value::Map(map) => {
            let all = map.iter().map(|(key, value)| Some(format!("{key:?}:{}", written(value, keys)?))).collect::<Option<Vec<String>>>()?;
            format!("{{{}}}", all.join(","))
        }
        Value::Record(record) => {
            let all = record.values.iter().map(|value| written(value, keys)).collect::<Option<Vec<String>>>()?;
            format!("({})", all.join(","))
        }
        other => format!("{other:?}"),
    })
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
    account_of_principal(a).is_some_and(|a| account_of_principal(b) == Some(a))
}

/// The account, if a principal is one.
fn account_of_principal(text: &str) -> Option<&str> {
    let text = text.strip_prefix("AWS:")?;
    let digits = |t: &&str| t.len() == 12 && t.bytes().all(|b| b.is_ascii_digit());
    let root = || text.strip_prefix("arn:")?.split_once(":iam::")?.1.strip_suffix(":root");
    Some(text).filter(digits).or_else(|| root().filter(digits))
}

/// Lists are sets here: AWS and Terraform order them as they like. An unknown element may stand for
/// any that only the other side has.
fn lists(ours: &[Value], theirs: &[Value], keys: &Keys) -> bool {
    let open = |list: &[Value]| list.iter().any(Value::is_unknown);
    let (alone, left) = left_over(ours, theirs, keys);
    (alone.is_empty() || open(theirs)) && (left.is_empty() || open(ours))
}
