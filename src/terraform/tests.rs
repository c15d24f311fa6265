//! One and the same estate, made by Terraform on an emulator: as its plan, as its state, and as the raw
//! answers that the emulator gave after it was applied.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Assumed, plan, states};
use crate::declared::{build, kinds};
use crate::drift::{Keys, Status, differences, drift};
use crate::estate::{CODE, Estate, Value};
use crate::isolation;

fn file(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terraform").join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if name.ends_with(".zst") { zstd::decode_all(bytes.as_slice()).unwrap() } else { bytes }
}

fn planned(name: &str) -> Estate {
    let registry = crate::registry();
    let plan = plan(name, &file(name), &Assumed::default(), None, &registry).unwrap();
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
            Status::Owned => {}
            Status::Unknown if NOT_SEEN.iter().any(|(kind, _)| *kind == shown.kind.name) => {}
            Status::Changed | Status::Missing | Status::Unmanaged | Status::Twice | Status::Unknown => {
                let differences: Vec<String> =
                    entry.differences.iter().map(|d| format!("{}: {} declared, {} seen", d.attribute, d.declared, d.seen)).collect();
                let address = shown.declared.as_ref().map(|d| &d.address);
                wrong.push(format!("{:?} {} {} {address:?} {differences:?} {:?}", entry.status, shown.kind.name, shown.arn, entry.gap));
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
        let (found, number) = differences(resource, made, &keys);
        assert_eq!(found, [], "{}", declared.address);
        compared += number;
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
    assert_eq!(file.resources.len(), shown.resources.len());
    for (a, b) in file.resources.iter().zip(&shown.resources) {
        if *b.region == *crate::estate::UNKNOWN_REGION {
            // What is shown has lost of which provider it is, and with it the region that makes up its ARN.
            assert_eq!(a.declared.as_ref().unwrap().region_from, crate::estate::RegionFrom::SameProvider, "{}", a.arn);
            continue;
        }
        assert_eq!((&a.arn, &a.id, &a.tags, &a.properties), (&b.arn, &b.id, &b.tags, &b.properties));
    }
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
        let (found, compared) = differences(resource, live, &keys);
        assert!(found.is_empty() && compared >= 2, "{}: {found:?}", resource.arn);
        types.insert(resource.kind.name.as_str());
    }
    assert_eq!(types, NOT_SEEN.iter().map(|(kind, _)| *kind).collect());
}
