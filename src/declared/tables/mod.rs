//! The tables, one file per service. A new type is a table there and a line here.

mod autoscaling;
mod backup;
mod cloudformation;
mod dynamodb;
mod ec2;
mod efs;
mod elbv2;
mod iam;
mod kms;
mod network;
mod rds;
mod s3;

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use super::Object;
use super::map::{Mapping, Part};
use super::undeclared::Undeclared;

pub(super) use network::merge_rules;

/// Every table of a resource.
pub(crate) static MAPPINGS: &[&[Mapping]] = &[
    autoscaling::MAPPINGS,
    backup::MAPPINGS,
    cloudformation::MAPPINGS,
    dynamodb::MAPPINGS,
    ec2::MAPPINGS,
    efs::MAPPINGS,
    elbv2::MAPPINGS,
    iam::MAPPINGS,
    kms::MAPPINGS,
    network::MAPPINGS,
    rds::MAPPINGS,
    s3::MAPPINGS,
];
/// Every table of a part.
pub(crate) static PARTS: &[&[Part]] = &[
    autoscaling::PARTS,
    backup::PARTS,
    cloudformation::PARTS,
    dynamodb::PARTS,
    ec2::PARTS,
    efs::PARTS,
    elbv2::PARTS,
    iam::PARTS,
    kms::PARTS,
    network::PARTS,
    rds::PARTS,
    s3::PARTS,
];

/// What a state may not say of each type.
static UNDECLARED: &[&[Undeclared]] = &[
    autoscaling::UNDECLARED,
    backup::UNDECLARED,
    dynamodb::UNDECLARED,
    ec2::UNDECLARED,
    efs::UNDECLARED,
    elbv2::UNDECLARED,
    iam::UNDECLARED,
    kms::UNDECLARED,
    network::UNDECLARED,
    rds::UNDECLARED,
    s3::UNDECLARED,
];

/// What a state may not say, type by type.
pub(super) fn undeclared() -> impl Iterator<Item = &'static Undeclared> {
    UNDECLARED.iter().flat_map(|tables| tables.iter())
}

static BY_TYPE: LazyLock<HashMap<&str, &'static Mapping>> =
    LazyLock::new(|| MAPPINGS.iter().flat_map(|tables| tables.iter()).map(|m| (m.from, m)).collect());
static PARTS_BY_TYPE: LazyLock<HashMap<&str, Vec<&'static Part>>> = LazyLock::new(|| {
    let mut all: HashMap<&str, Vec<&'static Part>> = HashMap::new();
    for part in PARTS.iter().flat_map(|tables| tables.iter()) {
        all.entry(part.from).or_default().push(part);
    }
    all
});

/// The table of a type of the code.
pub(super) fn mapping(source_type: &str) -> Option<&'static Mapping> {
    BY_TYPE.get(source_type).copied()
}

/// What something declares within itself and AWS shows as things of their own.
pub(super) fn inner(object: &Object) -> Vec<Object> {
    match object.source_type.as_str() {
        "aws_instance" => ec2::disks_of(object),
        "AWS::EC2::Instance" => cloudformation::disks_of(object),
        _ => Vec::new(),
    }
}

/// The tables of a part: it may be one of several things.
pub(super) fn parts_of(source_type: &str) -> &'static [&'static Part] {
    PARTS_BY_TYPE.get(source_type).map_or(&[], Vec::as_slice)
}

/// The attributes by which parts may name a thing of that type.
pub(super) fn whole_keys(source_type: &str) -> Vec<&'static str> {
    let mut keys: Vec<&str> = Vec::new();
    let parts = PARTS.iter().flat_map(|tables| tables.iter()).filter(|part| part.of.contains(&source_type));
    for key in parts.flat_map(|part| part.whole) {
        if !keys.contains(key) {
            keys.push(key);
        }
    }
    keys
}

/// Pairs of AWS's type and a type of code that becomes one (`false`) or adds to one (`true`).
pub(crate) fn sources() -> BTreeSet<(&'static str, bool, &'static str)> {
    let whole = MAPPINGS.iter().flat_map(|tables| tables.iter()).map(|m| (m.kind, false, m.from));
    let parts = PARTS.iter().flat_map(|tables| tables.iter());
    let adds = parts.flat_map(|part| part.of.iter().filter_map(|of| Some((mapping(of)?.kind, true, part.from))));
    whole.chain(adds).collect()
}

/// The types that code can declare.
pub(crate) fn kinds() -> BTreeSet<&'static str> {
    MAPPINGS.iter().flat_map(|tables| tables.iter()).map(|m| m.kind).collect()
}
