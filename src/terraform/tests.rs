//! One and the same estate, made by Terraform on an emulator: as its plan, as its state, and as the raw
//! answers that the emulator gave after it was applied.

mod places;
mod plans;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::json;

use super::{Assumed, plan, states};
use crate::declared::{build, kinds};
use crate::drift::{Keys, Of, Status, compare, drift};
use crate::estate::{CODE, Estate, Value};
use crate::isolation;

fn file(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terraform").join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if name.ends_with(".zst") { zstd::decode_all(bytes.as_slice()).unwrap() } else { bytes }
}

fn planned(name: &str) -> Estate {
    let registry = crate::registry();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terraform").join(name);
    let plan = plan(name, &file(name), &Assumed::default(), path.parent(), &registry).unwrap();
    build(plan.after, "2026-11-25T12:00:00Z".parse().unwrap())
}

fn stated(name: &str) -> Estate {
    let registry = crate::registry();
    let reading = states(&[(name.to_owned(), file(name))], &Assumed::default(), &registry).unwrap();
    build(reading, "2026-11-25T12:00:00Z".parse().unwrap())
}

/// The estate as the emulator showed it.
fn seen() -> Estate {
    replayed("tests/terraform/estate/tape.tar.zst")
}

fn replayed(name: &str) -> Estate {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let tape = crate::aws::Tape::read(&path).unwrap();
    let registry = std::sync::Arc::new(crate::registry());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let replayed = crate::aws::replay(crate::aws::SourceTape(&tape), crate::aws::SERVICES, None, &registry, &crate::aws::Silent);
    runtime.block_on(replayed).unwrap()
}

/// Types that the emulator cannot show.
const NOT_SEEN: &[(&str, &str)] = &[
    ("AWS::Backup::BackupPlan", "moto makes plans of AWS Backup and does not show them"),
    ("AWS::Backup::BackupVault", "the same"),
    ("AWS::EC2::Image", "the provider waits for ever for an image of moto"),
    ("AWS::RDS::DBClusterSnapshot", "moto makes snapshots of clusters that the provider cannot read"),
];

/// Properties that are told not to be compared.
const NOT_COMPARED: &[(&str, &str)] = &[
    ("replica_regions", "moto has no global tables of 2017"),
    ("ebs_default_kms_key_id", "moto does not say which"),
    ("public_access_block", "AWS puts one on every new bucket, moto does not"),
    ("security_group_ids", "an instance of the emulator is of no group"),
    ("transit_gateway_route_table_id", "which table an attachment is of, an association says that is not read"),
];

/// Every property that is known on both sides is the same, and every type that has a table is there.
fn same(declared: &Estate, seen: &mut Estate, at_least: u64) {
    isolation::assign(seen, &isolation::Environments::ByTag);
    let drift = drift(declared, seen, &kinds(), &[], seen.run.as_of);
    let mut types: BTreeSet<&str> = NOT_SEEN.iter().map(|(kind, _)| *kind).collect();
    let mut wrong = Vec::new();
    for entry in &drift.entries {
        let shown = entry.declared.map_or_else(|| &seen.resources[entry.seen.unwrap()], |at| &declared.resources[at]);
        match entry.status {
            Status::InSync => drop(types.insert(&shown.kind.name)),
            Status::Owned | Status::NotCompared => {}
            Status::Unread if entry.unread.iter().all(|u| NOT_COMPARED.iter().any(|(name, _)| u.attribute == *name)) => {
                types.insert(&shown.kind.name);
            }
            Status::Unknown if NOT_SEEN.iter().any(|(kind, _)| *kind == shown.kind.name) => {}
            Status::Changed | Status::Missing | Status::Unmanaged | Status::Twice | Status::Unread | Status::Unknown => {
                let differences: Vec<String> =
                    entry.differences.iter().map(|d| format!("{}: {} declared, {} seen", d.attribute, d.declared, d.seen)).collect();
                let address = shown.declared.as_ref().map(|d| &d.address);
                wrong.push(format!(
                    "{:?} {} {} {address:?} {differences:?} {:?} {:?}",
                    entry.status, shown.kind.name, shown.arn, entry.unread, entry.gap
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let left: Vec<_> = kinds().into_iter().filter(|kind| !types.contains(kind)).collect();
    assert!(left.is_empty(), "types with a table that are not compared: {left:?}");
    assert!(drift.compared >= at_least, "only {} properties were compared", drift.compared);
}

#[test]
fn a_state_and_what_it_describes_are_the_same() {
    same(&stated("estate/terraform.tfstate"), &mut seen(), 780);
}

#[test]
fn a_plan_that_changes_nothing_and_what_is_there_are_the_same() {
    same(&planned("estate/noop.json.zst"), &mut seen(), 780);
}

/// Another value of a type: what somebody may have set by hand.
fn other(ty: &crate::estate::Type, value: &Value) -> Value {
    use crate::estate::Type;
    match (ty.without_null(), value) {
        (Type::Bool, Value::Bool(set)) => Value::Bool(!set),
        (Type::Bool, _) => Value::Bool(true),
        (Type::Int, Value::Int(n)) => Value::Int(n + 1),
        (Type::Int, _) => Value::Int(7),
        (Type::Double, _) => Value::Double(0.7),
        (Type::Timestamp, _) => Value::Timestamp("2020-02-02T00:00:00Z".parse().unwrap()),
        (Type::List(item), Value::List(items)) => Value::List(items.iter().cloned().chain([other(item, &Value::Null)]).collect()),
        (Type::List(item), _) => Value::List([other(item, &Value::Null)].into()),
        (Type::Map(item), _) => Value::Map(std::sync::Arc::new([("by".into(), other(item, &Value::Null))].into())),
        (Type::Record(record), _) => {
            let value = |ty: &Type| if *ty == Type::Bool { Value::Bool(false) } else { other(ty, &Value::Null) };
            let values = record.fields.iter().map(|field| value(&field.ty)).collect();
            Value::Record(std::sync::Arc::new(crate::estate::Record { ty: record.clone(), values }))
        }
        (Type::String, _) => Value::string("by-hand"),
        (ty, _) => panic!("no other {ty}"),
    }
}

/// Every property of every resource, each in its turn changed by hand: it is told that it differs, or that it was not compared,
/// unless a rule says that nobody sets it.
#[test]
fn no_change_by_hand_goes_without_a_word() {
    const MOVED: &[(&str, &str)] = &[
        ("AWS::AutoScaling::AutoScalingGroup", "desired_capacity"),
        ("AWS::EC2::Instance", "public_ip_address"),
        // Auto Scaling and ECS register targets by themselves.
        ("AWS::ElasticLoadBalancingV2::TargetGroup", "targets"),
        ("AWS::ElasticLoadBalancingV2::TargetGroup", "target_instance_ids"),
        ("AWS::RDS::DBCluster", "availability_zones"),
    ];
    let (mut told, mut silent) = (0, Vec::new());
    for (state, tape) in
        [("estate/terraform.tfstate", "tests/terraform/estate/tape.tar.zst"), ("rest.tfstate", "tests/tapes/everything.tar.zst")]
    {
        let (declared, mut live) = (stated(state), replayed(tape));
        isolation::assign(&mut live, &isolation::Environments::ByTag);
        let keys = Keys::of(&live);
        for ours in declared.resources.iter().filter(|r| r.kind.service != CODE && r.declared.as_ref().is_some_and(|d| !d.partial)) {
            let Some(at) = live.resources.iter().position(|r| r.kind.name == ours.kind.name && (r.arn == ours.arn || r.id == ours.id))
            else {
                continue;
            };
            let whole = live.resources[at].clone();
            let Value::Record(record) = &whole.properties else { continue };
            for (position, field) in record.ty.fields.iter().enumerate() {
                let kind = ours.kind.name.as_str();
                let of_aws = crate::declared::rules(kind, &field.name).iter().any(|rule| matches!(rule, crate::declared::Rule::OfAws));
                let known = !ours.property(&field.name).unwrap().is_unknown();
                if MOVED.contains(&(kind, &field.name)) || (of_aws && !known) || record.values[position].is_unknown() {
                    continue;
                }
                let mut changed = record.as_ref().clone();
                changed.values[position] = other(&field.ty, &record.values[position]);
                live.resources[at].properties = Value::Record(changed.into());
                let found = compare(ours, &live.resources[at], &keys, Of::Code);
                let named = |path: &str| path == field.name || path.starts_with(&format!("{}.", field.name));
                if found.differences.iter().any(|d| named(&d.attribute)) || found.unread.iter().any(|u| named(&u.attribute)) {
                    told += 1;
                } else {
                    silent.push(format!("{} {}: {:?}", ours.arn, field.name, ours.property(&field.name)));
                }
            }
            live.resources[at] = whole;
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
    assert!(told >= 800, "only {told} properties were changed");
}

/// Every property, each in its turn not to be read: what drift says of it is never that it is as declared.
#[test]
fn what_could_not_be_read_is_not_as_declared() {
    let (declared, mut seen) = (stated("estate/terraform.tfstate"), seen());
    isolation::assign(&mut seen, &isolation::Environments::ByTag);
    let at = seen.resources.iter().position(|r| &*r.id == "calendar" && r.kind.name == "AWS::RDS::DBInstance").unwrap();
    let gap = std::sync::Arc::new(crate::estate::out_of_reach("rds", "123456789012", "eu-central-1", "what was hidden"));
    let whole = seen.resources[at].clone();
    let status = |seen: &Estate| {
        let drift = drift(&declared, seen, &kinds(), &[], seen.run.as_of);
        let entry = drift.entries.iter().find(|e| e.seen == Some(at)).unwrap();
        (entry.status, entry.unread.len(), drift.compared)
    };
    let (as_it_is, unread, all) = status(&seen);
    assert_eq!((as_it_is, unread), (Status::InSync, 0));
    let Value::Record(record) = &whole.properties else { panic!("no record") };
    let mut hidden = 0;
    for (position, field) in record.ty.fields.iter().enumerate() {
        let mut part = record.as_ref().clone();
        part.values[position] = Value::Unknown(gap.clone());
        seen.resources[at].properties = Value::Record(part.into());
        let (status, unread, compared) = status(&seen);
        // Either it is declared and nobody can say, or it was not compared before either.
        assert!((status, unread) == (Status::Unread, 1) || (status == Status::InSync && compared == all), "{}: {status:?}", field.name);
        hidden += unread;
    }
    assert!(hidden >= 10, "only {hidden} properties of a database are compared");
    seen.resources[at].properties = Value::Unknown(gap.clone());
    assert_eq!(status(&seen).0, Status::Unread);
    seen.resources[at] = whole;
    seen.resources[at].tags = crate::estate::Fetched::Unknown(gap);
    assert_eq!(status(&seen).0, Status::Unread);
}

/// What somebody added by hand to a list that only parts fill, and what nobody listed.
#[test]
fn additions_by_hand_and_what_was_not_listed_are_told() {
    let declared = stated("estate/terraform.tfstate");
    let mut live = seen();
    isolation::assign(&mut live, &isolation::Environments::ByTag);
    let status = |live: &Estate, id: &str| {
        let drift = drift(&declared, live, &kinds(), &[], live.run.as_of);
        let entry = drift.entries.iter().find(|e| e.seen.is_some_and(|at| &*live.resources[at].id == id)).unwrap();
        (entry.status, entry.differences.iter().map(|d| d.attribute.clone()).collect::<Vec<_>>())
    };
    let at = live.resources.iter().position(|r| r.kind.name == "AWS::IAM::Group").unwrap();
    let group = live.resources[at].clone();
    assert_eq!(status(&live, &group.id).0, Status::InSync);
    let Value::Record(record) = &group.properties else { panic!("no record") };
    let position = record.ty.fields.iter().position(|field| &*field.name == "attached_managed_policies").unwrap();
    let mut changed = record.as_ref().clone();
    let Value::List(policies) = &changed.values[position] else { panic!("no list") };
    let mut more = policies.to_vec();
    more.push(Value::string("arn:aws:iam::aws:policy/AdministratorAccess"));
    changed.values[position] = Value::List(more.into());
    live.resources[at].properties = Value::Record(changed.into());
    assert_eq!(status(&live, &group.id), (Status::Changed, vec!["attached_managed_policies".to_owned()]));
    live.resources[at] = group;

    // A type that was never listed: what is there of it, nobody knows.
    let drift_of = |live: &Estate| drift(&declared, live, &kinds(), &[], live.run.as_of);
    let before = drift_of(&live).gaps.len();
    live.listings.retain(|listing| listing.kind != "AWS::EC2::Volume");
    assert!(drift_of(&live).gaps.len() > before && drift_of(&live).is_open());
}

/// A day is compared with another without what drift overlooks.
#[test]
fn days_are_compared_to_the_letter() {
    let first = seen();
    let changes = crate::drift::changes(&first, &first);
    let known = changes.iter().all(|change| !matches!(change, crate::drift::EstateChange::Changed(..)));
    assert!(known, "an estate differs from itself: {changes:?}");
    let mut second = seen();
    let at = second.resources.iter().position(|r| r.kind.name == "AWS::AutoScaling::AutoScalingGroup").unwrap();
    let Value::Record(record) = &second.resources[at].properties else { panic!("no record") };
    let mut record = record.as_ref().clone();
    let position = record.ty.fields.iter().position(|field| &*field.name == "desired_capacity").unwrap();
    record.values[position] = Value::Int(99);
    second.resources[at].properties = Value::Record(record.into());
    let changes = crate::drift::changes(&first, &second);
    let changed: Vec<_> = changes.iter().filter(|change| matches!(change, crate::drift::EstateChange::Changed(..))).collect();
    assert_eq!(changed.len(), 1, "{changed:?}");
}

/// Gives one property of one resource another value.
fn set(estate: &mut Estate, at: usize, property: &str, value: Value) {
    let Value::Record(record) = &estate.resources[at].properties else { panic!("no record") };
    let position = record.ty.fields.iter().position(|field| field.name == property).unwrap();
    let mut record = record.as_ref().clone();
    record.values[position] = value;
    estate.resources[at].properties = Value::Record(record.into());
}

fn hidden() -> crate::estate::Gap {
    crate::estate::out_of_reach("ec2", "123456789012", "eu-central-1", "what was hidden")
}

/// What was not listed has not vanished, and what was not listed before has not appeared.
#[test]
fn what_was_not_listed_on_one_of_two_days_is_left_open() {
    const KIND: &str = "AWS::EC2::Volume";
    type Day = fn(&mut Estate);
    let whole: Day = |_| {};
    let none: Day = |estate| estate.resources.retain(|r| r.kind.name != KIND);
    let failed: Day = |estate| {
        estate.resources.retain(|r| r.kind.name != KIND);
        estate.listings.iter_mut().filter(|l| l.kind == KIND).for_each(|l| l.gap = Some(hidden()));
    };
    let never: Day = |estate| {
        estate.resources.retain(|r| r.kind.name != KIND);
        estate.listings.retain(|l| l.kind != KIND);
    };
    let closed: Day = |estate| {
        estate.resources.clear();
        estate.listings.clear();
        estate.run.accounts.iter_mut().for_each(|account| account.gap = Some(hidden()));
    };
    let elsewhere: Day = |estate| {
        estate.resources.clear();
        estate.listings.clear();
        estate.run.regions = vec!["eu-north-1".to_owned()];
    };
    let other: Day = |estate| {
        estate.resources.clear();
        estate.listings.clear();
        estate.run.accounts[0].id = "999999999999".to_owned();
    };
    let base = {
        let mut estate = seen();
        estate.resources.retain(|r| matches!(r.kind.name.as_str(), KIND | "AWS::EC2::VPC"));
        for listing in &mut estate.listings {
            listing.gap = None;
            if !matches!(listing.kind.as_str(), KIND | "AWS::EC2::VPC") {
                listing.listed = 0;
            }
        }
        let mut text = Vec::new();
        estate.save(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    };
    let registry = crate::registry();
    let told = |first: Day, second: Day| {
        use crate::drift::EstateChange::{Appeared, Changed, Unknown, Unseen, Vanished};
        let day = |of: Day| {
            let mut estate = Estate::load(&base, &registry).unwrap();
            of(&mut estate);
            estate
        };
        let (first, second) = (day(first), day(second));
        let changes = crate::drift::changes(&first, &second);
        let word = |change: &crate::drift::EstateChange| match change {
            Appeared(_) => "appeared",
            Vanished(_) => "vanished",
            Changed(..) => "changed",
            Unknown { .. } => "unknown",
            Unseen { .. } => "unseen",
        };
        let words: BTreeSet<&str> = changes.iter().map(word).collect();
        let report = crate::report::DiffReport { first: &first, second: &second, changes, turned: Vec::new() };
        (words.into_iter().collect::<Vec<_>>().join(" "), report.exit_code())
    };
    assert_eq!(told(whole, whole), (String::new(), 0));
    assert_eq!(told(none, none), (String::new(), 0));
    for (at, day) in [failed, never, closed, elsewhere, other].into_iter().enumerate() {
        assert_eq!(told(whole, day), ("unknown unseen".to_owned(), 3), "{at}");
        assert_eq!(told(day, whole), ("unknown unseen".to_owned(), 3), "{at}");
    }
    for day in [failed, never] {
        assert_eq!(told(none, day), ("unseen".to_owned(), 3));
        assert_eq!(told(day, none), ("unseen".to_owned(), 3));
    }
    assert_eq!(told(failed, failed), ("unseen".to_owned(), 3));
    assert_eq!(told(whole, none), ("vanished".to_owned(), 1));
    assert_eq!(told(none, whole), ("appeared".to_owned(), 1));
}

/// A default group and a main route table come with their VPC, as long as they are as AWS makes them.
#[test]
fn what_comes_with_a_vpc_is_nobodys_once_it_was_changed() {
    let declared = stated("estate/terraform.tfstate");
    let mut live = seen();
    isolation::assign(&mut live, &isolation::Environments::ByTag);
    let status = |live: &Estate, at: usize| {
        let drift = drift(&declared, live, &kinds(), &[], live.run.as_of);
        drift.entries.iter().find(|entry| entry.seen == Some(at)).unwrap().status
    };
    let of_declared = |r: &crate::estate::Resource| {
        let Some(Value::String(vpc)) = r.property("vpc_id") else { return false };
        declared.resources.iter().any(|d| d.kind.name == "AWS::EC2::VPC" && d.id == *vpc)
    };
    let find = |live: &Estate, kind: &str, property: &str, value: &Value| {
        live.resources.iter().position(|r| r.kind.name == kind && r.property(property) == Some(value) && of_declared(r)).unwrap()
    };
    let group = find(&live, "AWS::EC2::SecurityGroup", "group_name", &Value::string("default"));
    let table = find(&live, "AWS::EC2::RouteTable", "main", &Value::Bool(true));
    let own_id = live.resources[group].id.to_string();
    let unread = || Value::Unknown(std::sync::Arc::new(hidden()));
    // As the types of properties have it: text as one address, one group or one gateway.
    let value = |at: usize, property: &str, json: serde_json::Value| {
        let (_, field) = live.resources[at].kind.properties.field(property).unwrap();
        Value::from_json(&field.ty, json, &|_| hidden()).unwrap()
    };
    let rule = |addresses: &[&str], groups: &[&str]| {
        let pairs: Vec<_> = groups.iter().map(|id| json!({"group_id": id})).collect();
        json!([{"ip_protocol": "-1", "cidr_ips": addresses, "cidr_ipv6s": [], "prefix_list_ids": [], "user_id_group_pairs": pairs}])
    };
    let local = json!({"destination_cidr_block": "10.0.0.0/16", "gateway_id": "local", "origin": "CreateRouteTable", "state": "active"});
    let out = json!({"destination_cidr_block": "0.0.0.0/0", "gateway_id": "igw-1", "origin": "CreateRoute", "state": "active"});
    let cases = [
        (group, "ip_permissions", value(group, "ip_permissions", json!([])), Status::Owned),
        (group, "ip_permissions", value(group, "ip_permissions", rule(&[], &[&own_id])), Status::Owned),
        (group, "ip_permissions", value(group, "ip_permissions", rule(&["0.0.0.0/0"], &[&own_id])), Status::Unmanaged),
        (group, "ip_permissions", value(group, "ip_permissions", rule(&[], &[&own_id, "sg-other"])), Status::Unmanaged),
        (group, "ip_permissions", unread(), Status::Unmanaged),
        (table, "routes", value(table, "routes", json!([local])), Status::Owned),
        (table, "routes", value(table, "routes", json!([local, out])), Status::Unmanaged),
        (table, "routes", unread(), Status::Unmanaged),
    ];
    for (at, property, new, expected) in cases {
        let whole = live.resources[at].clone();
        let shown = format!("{new:?}");
        set(&mut live, at, property, new);
        assert_eq!(status(&live, at), expected, "{property}: {shown}");
        live.resources[at] = whole;
    }
}

/// AWS installs newer releases of the same version by itself, where it was told to; nothing else explains another one.
#[test]
fn versions_move_upwards_only() {
    let mut code = stated("estate/terraform.tfstate");
    let at = code.resources.iter().position(|r| r.kind.name == "AWS::RDS::DBInstance").unwrap();
    let mut live = stated("estate/terraform.tfstate");
    let keys = Keys::of(&live);
    let mut differs = |declared: &str, seen: &str, by_itself: bool, of: Of| {
        for (estate, version) in [(&mut code, declared), (&mut live, seen)] {
            set(estate, at, "engine_version", Value::string(version));
            set(estate, at, "auto_minor_version_upgrade", Value::Bool(by_itself));
        }
        let found = compare(&code.resources[at], &live.resources[at], &keys, of);
        let names: Vec<&str> = found.differences.iter().map(|d| d.attribute.as_str()).collect();
        assert!(names.iter().all(|name| *name == "engine_version"), "{names:?}");
        !names.is_empty()
    };
    for (older, newer) in [
        ("16.3", "16.4"),
        ("16.9", "16.10"),
        ("16", "16.4"),
        ("8.0.35", "8.0.36"),
        ("10.11.6", "10.11.9"),
        ("5.7.mysql_aurora.2.11.2", "5.7.mysql_aurora.2.12.1"),
    ] {
        for of in [Of::Code, Of::Plan] {
            assert!(!differs(older, newer, true, of), "{older} → {newer}");
            assert!(differs(newer, older, true, of), "{newer} → {older}");
            assert!(differs(older, newer, false, of), "{older} → {newer}, not by itself");
        }
        assert!(differs(older, newer, true, Of::Days), "{older} → {newer} from one day to another");
    }
    for (older, newer) in [("15.8", "16.3"), ("8.0.35", "8.4.1"), ("10.11.6", "11.4.2")] {
        assert!(differs(older, newer, true, Of::Code), "{older} → {newer} is another version");
    }
}

/// What is known before anything is made is as it is afterwards.
#[test]
fn a_plan_of_everything_and_what_comes_of_it_are_the_same() {
    let (before, after) = (planned("estate/plan.json"), stated("estate/terraform.tfstate"));
    let by_address: BTreeMap<&str, &crate::estate::Resource> =
        after.resources.iter().filter_map(|r| Some((r.declared.as_ref()?.address.as_str(), r))).collect();
    let keys = Keys::of(&after);
    let mut compared = 0;
    let mut types = BTreeSet::new();
    for resource in before.resources.iter().filter(|r| r.kind.service != CODE) {
        let declared = resource.declared.as_ref().unwrap();
        let made = by_address[declared.address.as_str()];
        let found = compare(resource, made, &keys, Of::Plan);
        assert_eq!(found.differences, [], "{}", declared.address);
        compared += found.compared;
        types.insert(resource.kind.name.as_str());
        assert_eq!(resource.region, made.region, "{}", declared.address);
    }
    let known = |kind: &&str| types.contains(kind) || NOT_SEEN.iter().any(|(k, _)| k == kind);
    let left: Vec<_> = kinds().into_iter().filter(|kind| !known(kind)).collect();
    assert!(left.is_empty(), "types with a table that are not compared: {left:?}");
    assert!(compared >= 600, "only {compared} properties were compared");
}

#[test]
fn states_in_both_forms_are_the_same() {
    let (file, shown) = (stated("estate/terraform.tfstate"), stated("estate/state.json"));
    let by_address: BTreeMap<&str, &crate::estate::Resource> =
        file.resources.iter().filter_map(|r| Some((r.declared.as_ref()?.address.as_str(), r))).collect();
    let (mut compared, mut open) = (0, BTreeSet::new());
    for b in &shown.resources {
        let declared = b.declared.as_ref().unwrap();
        // What is shown has lost of which provider it is, and with it the region of what does not tell its own: a part that
        // is named by a name has no whole then that is known to be its own.
        let Some(a) = by_address.get(declared.address.as_str()).filter(|_| *b.region != *crate::estate::UNKNOWN_REGION) else {
            assert_eq!(declared.region_from, crate::estate::RegionFrom::Unknown, "{}", b.arn);
            continue;
        };
        assert_eq!((&a.arn, &a.id, &a.tags), (&b.arn, &b.id, &b.tags));
        let (Value::Record(ours), Value::Record(theirs)) = (&a.properties, &b.properties) else { panic!("no record: {}", a.arn) };
        for (field, (left, right)) in ours.ty.fields.iter().zip(ours.values.iter().zip(&theirs.values)) {
            match right.first_gap() {
                Some(_) if left != right => drop(open.insert(format!("{}.{}", declared.address, field.name))),
                _ => assert_eq!(left, right, "{}.{}", declared.address, field.name),
            }
            compared += 1;
        }
    }
    assert!(compared > 800 && open.len() < 8, "{compared} compared, open: {open:?}");
}

#[test]
fn what_a_plan_makes_is_linked_before_it_has_ids() {
    let plan = planned("estate/plan.json");
    let links = crate::aws::links(crate::isolation::LINKS);
    let graph = crate::estate::Graph::new(&plan, links.iter());
    let position = |address: &str| {
        let at = plan.resources.iter().position(|r| r.kind.service != CODE && r.declared.as_ref().is_some_and(|d| d.address == address));
        u32::try_from(at.unwrap_or_else(|| panic!("no {address}"))).unwrap()
    };
    let vpc = links.get("AWS::EC2::Subnet", "vpc_of").unwrap();
    let subnet = plan.resources.iter().find(|r| r.kind.name == "AWS::EC2::Subnet" && r.symbol().as_deref() == Some(&r.id)).unwrap();
    let at = position(&subnet.declared.as_ref().unwrap().address);
    let Value::Resource(to) = graph.follow(at, vpc) else { panic!("not linked") };
    assert_eq!(plan.resources[to as usize].kind.name, "AWS::EC2::VPC");
}

/// The types that the recording of the estate does not have: a state written by hand against another one.
#[test]
fn the_rest_of_the_types_is_the_same_as_well() {
    let (declared, seen) = (stated("rest.tfstate"), replayed("tests/tapes/everything.tar.zst"));
    let keys = Keys::of(&seen);
    let mut types = BTreeSet::new();
    for resource in declared.resources.iter() {
        let live = seen.resources.iter().find(|r| r.kind.name == resource.kind.name && r.arn == resource.arn).unwrap();
        let found = compare(resource, live, &keys, Of::Code);
        assert!(found.differences.is_empty() && found.compared >= 2, "{}: {found:?}", resource.arn);
        types.insert(resource.kind.name.as_str());
    }
    assert_eq!(types, NOT_SEEN.iter().map(|(kind, _)| *kind).collect());
}
