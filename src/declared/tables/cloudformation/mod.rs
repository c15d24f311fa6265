//! CloudFormation: its own types, one file per service. A template is judged as what it makes once it is
//! deployed: what it leaves out has the default that CloudFormation documents, and where it documents
//! none, nobody knows.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

mod autoscaling;
mod backup;
mod dynamodb;
mod ec2;
mod efs;
mod elbv2;
mod iam;
mod kms;
mod network;
mod policy;
mod rds;
mod s3;

pub(super) use ec2::disks_of;
use serde_json::{Value as Json, json};

use crate::declared::map::{Ctx, Got, Mapping, Part, Unset};
use crate::declared::{AWS_KEY, is_marked, marked, reference, unknown};
use crate::estate::Reason;

pub(super) const MAPPINGS: &[Mapping] = &[
    autoscaling::GROUP,
    autoscaling::POLICY,
    backup::AIR_GAPPED_VAULT,
    backup::PLAN,
    backup::VAULT,
    dynamodb::GLOBAL_TABLE,
    dynamodb::TABLE,
    ec2::INSTANCE,
    ec2::NETWORK_INTERFACE,
    ec2::VOLUME,
    efs::FILE_SYSTEM,
    elbv2::LISTENER,
    elbv2::LOAD_BALANCER,
    elbv2::TARGET_GROUP,
    iam::GROUP,
    iam::MANAGED_POLICY,
    iam::ROLE,
    iam::USER,
    kms::KEY,
    kms::REPLICA_KEY,
    network::FLOW_LOG,
    network::PEERING,
    network::ROUTE_TABLE,
    network::SECURITY_GROUP,
    network::SUBNET,
    network::TRANSIT_GATEWAY_ATTACHMENT,
    network::TRANSIT_GATEWAY_VPC_ATTACHMENT,
    network::VPC,
    rds::CLUSTER,
    rds::CLUSTER_PARAMETER_GROUP,
    rds::DOCDB_CLUSTER,
    rds::DOCDB_CLUSTER_PARAMETER_GROUP,
    rds::DOCDB_INSTANCE,
    rds::DOCDB_SUBNET_GROUP,
    rds::INSTANCE,
    rds::NEPTUNE_CLUSTER,
    rds::NEPTUNE_CLUSTER_PARAMETER_GROUP,
    rds::NEPTUNE_INSTANCE,
    rds::NEPTUNE_PARAMETER_GROUP,
    rds::NEPTUNE_SUBNET_GROUP,
    rds::PARAMETER_GROUP,
    rds::SUBNET_GROUP,
    s3::BUCKET,
];

pub(super) const PARTS: &[Part] = &[
    ec2::INTERFACE_ATTACHMENT,
    ec2::INTERFACE_OF_INSTANCE,
    ec2::VOLUME_ATTACHMENT,
    efs::MOUNT_TARGET,
    iam::GROUP_POLICY,
    iam::INSTANCE_PROFILE,
    iam::POLICY_OF_GROUPS,
    iam::POLICY_OF_ROLES,
    iam::POLICY_OF_USERS,
    iam::ROLE_POLICY,
    iam::USER_POLICY,
    iam::USER_TO_GROUP,
    kms::ALIAS,
    network::EGRESS,
    network::GATEWAY_ASSOCIATION,
    network::INGRESS,
    network::INGRESS_BY_NAME,
    network::ROUTE,
    network::SUBNET_ASSOCIATION,
    network::SUBNET_BLOCK,
    network::VPC_BLOCK,
    s3::BUCKET_POLICY,
];

const TAGS: &[&str] = &["Tags"];

/// The object by itself: the name or id that others refer to it by, where the template does not give it.
fn own(ctx: &Ctx<'_>) -> Json {
    reference(&ctx.object.address, &ctx.object.source_type)
}

fn nothing(_: &Ctx<'_>) -> Json {
    Json::Null
}

fn never(_: &Ctx<'_>) -> Json {
    json!(false)
}

fn empty(_: &Ctx<'_>) -> Json {
    json!([])
}

fn account(ctx: &Ctx<'_>) -> Json {
    ctx.object.account.clone().map_or_else(|| ctx.missing("account"), Json::String)
}

fn region(ctx: &Ctx<'_>) -> Json {
    ctx.object.region.clone().map_or_else(|| ctx.missing("region"), Json::String)
}

/// Whether a property is set; none where nobody can tell yet.
fn is_set(ctx: &Ctx<'_>, path: &str) -> Option<bool> {
    match ctx.get(path) {
        Got::Value(Json::String(text)) => Some(!text.is_empty()),
        Got::Value(Json::Array(items)) if items.is_empty() => Some(false),
        // Whatever is in the list may turn out to be nothing.
        Got::Value(Json::Array(items)) if items.iter().all(|item| !is_there(item)) => None,
        Got::Value(_) => Some(true),
        Got::Unset | Got::Missing => Some(false),
        Got::Unknown(mark) => is_there(mark).then_some(true),
    }
}

/// Whether a value is there, known or not.
fn is_there(json: &Json) -> bool {
    marked(json).is_none_or(|gap| gap.is_set())
}

/// Whether one of several properties is set; none where nobody can tell yet.
fn is_any_set(ctx: &Ctx<'_>, paths: &[&str]) -> Option<bool> {
    let found: Vec<Option<bool>> = paths.iter().map(|path| is_set(ctx, path)).collect();
    if found.contains(&Some(true)) { Some(true) } else { found.iter().all(Option::is_some).then_some(false) }
}

/// A switch: a boolean, which may be written as text, or a mark.
fn flag(ctx: &Ctx<'_>, path: &str, unset: Unset) -> Json {
    match ctx.or(path, unset) {
        Json::String(text) if text.eq_ignore_ascii_case("true") => json!(true),
        Json::String(text) if text.eq_ignore_ascii_case("false") => json!(false),
        json if json.is_boolean() || is_marked(&json) => json,
        _ => unknown(Reason::Unparsable, format!("{}: `{path}` is no boolean", ctx.object.address)),
    }
}

/// What a switch decides.
fn either(switch: Json, on: impl FnOnce() -> Json, off: impl FnOnce() -> Json) -> Json {
    match switch {
        Json::Bool(true) => on(),
        Json::Bool(false) => off(),
        mark => mark,
    }
}

/// A list. CloudFormation takes a single value for a list of one.
fn list(ctx: &Ctx<'_>, path: &str, unset: Unset) -> Json {
    match ctx.or(path, unset) {
        one @ (Json::String(_) | Json::Number(_)) => json!([one]),
        mark if marked(&mark).is_some_and(|gap| gap.symbol().is_some()) => json!([mark]),
        other => other,
    }
}

/// Each element of a list of structures; the marks among them stay.
fn each(ctx: &Ctx<'_>, path: &str, work: impl Fn(&Ctx<'_>) -> Json) -> Json {
    match ctx.blocks(path) {
        Ok(blocks) => {
            let one = |block: &Json| if is_marked(block) { block.clone() } else { work(&ctx.within(block)) };
            blocks.into_iter().map(one).filter(|item| !item.is_null()).collect()
        }
        Err(mark) => mark,
    }
}

/// The ARN of a KMS key, with which AWS answers whichever way the key was given.
fn key_arn(ctx: &Ctx<'_>, path: &str, unset: Unset) -> Json {
    match ctx.or(path, unset) {
        Json::String(arn) if arn.contains(":key/") => Json::String(arn),
        // The key that an alias leads to.
        Json::String(alias) if alias.starts_with("arn:") || alias.starts_with("alias/") => ctx.later(path),
        Json::String(id) => ctx.arn("kms", &format!("key/{id}")).map_or_else(|| ctx.missing("the account of the key"), Json::String),
        other => other,
    }
}

/// The key that a service makes for the account where encryption is asked for and no key is named.
fn key_of_aws(alias: &str) -> Json {
    reference(alias, AWS_KEY)
}
