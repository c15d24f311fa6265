//! IAM: roles, users, groups and the policies of the account.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use serde_json::{Value as Json, json};

use super::super::map::{Adds, Arn, Ctx, Got, Mapping, Part, Take, Unset, at, call, document, same, take};
use super::super::undeclared::{Rule, Undeclared};
use super::super::{is_marked, marked};
use crate::estate::Reason;

const TAGS: &[&str] = &["tags_all", "tags"];

/// A list that is filled by what is declared beside it, and of which the object itself has no echo.
fn beside(ctx: &Ctx<'_>, path: &str) -> Json {
    if ctx.is_made() { json!([]) } else { ctx.missing(path) }
}

/// Whether a mark says that nobody configured it, or that nobody could with this provider.
fn is_not_set(mark: &Json) -> bool {
    marked(mark).is_some_and(|gap| matches!(gap.reason, Reason::AwsDecides | Reason::NotInPlan | Reason::NotCollected))
}

/// Whether a policy is one of AWS: `arn:aws:iam::aws:policy/ReadOnlyAccess`.
fn of_aws(arn: &Json) -> bool {
    arn.as_str().and_then(|arn| arn.split(':').nth(4)) == Some("aws")
}

/// Managed policies that the role names itself, or that were attached when the role was last read.
fn managed(ctx: &Ctx<'_>) -> Json {
    match ctx.or("managed_policy_arns", Unset::Decided) {
        mark if ctx.is_made() && is_not_set(&mark) => json!([]),
        other => other,
    }
}

fn managed_by_customer(ctx: &Ctx<'_>) -> Json {
    match managed(ctx) {
        Json::Array(arns) => arns.into_iter().filter(|arn| !of_aws(arn)).collect(),
        mark => mark,
    }
}

fn attached(ctx: &Ctx<'_>) -> Json {
    ctx.or("policy_arn", Unset::Output)
}

fn attached_of_customer(ctx: &Ctx<'_>) -> Json {
    let arn = attached(ctx);
    if of_aws(&arn) { Json::Null } else { arn }
}

fn inline_policy(ctx: &Ctx<'_>) -> Json {
    let document = match ctx.get("policy") {
        Got::Value(policy) => document(ctx, "policy", policy),
        _ => ctx.or("policy", Unset::Output),
    };
    json!({"policy_name": ctx.or("name", Unset::Output), "document": document})
}

/// Whether a block is the one without members by which Terraform is told to keep no policies.
fn is_blank(block: &Json) -> bool {
    let blank = |name: &str| block.get(name).is_none_or(|value| value.is_null() || value.as_str() == Some(""));
    !is_marked(block) && blank("name") && blank("policy")
}

/// Policies that the role has written into itself, or had when it was last read.
fn inline_policies(ctx: &Ctx<'_>) -> Json {
    match ctx.blocks("inline_policy") {
        Ok(blocks) => blocks
            .into_iter()
            .filter(|block| !is_blank(block))
            .map(|block| if is_marked(block) { block.clone() } else { inline_policy(&ctx.within(block)) })
            .collect(),
        Err(mark) if ctx.is_made() && is_not_set(&mark) => json!([]),
        Err(mark) => mark,
    }
}

pub(super) const MAPPINGS: &[Mapping] = &[
    Mapping {
        from: "aws_iam_role",
        kind: "AWS::IAM::Role",
        id: &["name", "id"],
        arn: Arn::Told(&["arn"]),
        tags: TAGS,
        fields: &[
            take("assume_role_policy_document", Take::Document("assume_role_policy"), Unset::Output),
            call("attached_customer_managed_policies", managed_by_customer),
            call("attached_managed_policies", managed),
            same("create_date", Unset::Output),
            call("instance_profile_arns", |ctx| beside(ctx, "instance_profile_arns")),
            same("path", Unset::Text("/")),
            at("permissions_boundary_arn", "permissions_boundary", Unset::Null),
            at("role_id", "unique_id", Unset::Output),
            at("role_name", "name", Unset::Output),
            call("role_policies", inline_policies),
        ],
    },
    Mapping {
        from: "aws_iam_user",
        kind: "AWS::IAM::User",
        id: &["name", "id"],
        arn: Arn::Told(&["arn"]),
        tags: TAGS,
        fields: &[
            call("attached_customer_managed_policies", |ctx| beside(ctx, "attached_customer_managed_policies")),
            call("attached_managed_policies", |ctx| beside(ctx, "attached_managed_policies")),
            call("group_names", |ctx| beside(ctx, "group_names")),
            same("path", Unset::Text("/")),
            at("permissions_boundary_arn", "permissions_boundary", Unset::Null),
            at("user_id", "unique_id", Unset::Output),
            at("user_name", "name", Unset::Output),
            call("user_policies", |ctx| beside(ctx, "user_policies")),
        ],
    },
    Mapping {
        from: "aws_iam_group",
        kind: "AWS::IAM::Group",
        id: &["name", "id"],
        arn: Arn::Told(&["arn"]),
        tags: &[],
        fields: &[
            call("attached_customer_managed_policies", |ctx| beside(ctx, "attached_customer_managed_policies")),
            call("attached_managed_policies", |ctx| beside(ctx, "attached_managed_policies")),
            at("group_id", "unique_id", Unset::Output),
            at("group_name", "name", Unset::Output),
            call("group_policies", |ctx| beside(ctx, "group_policies")),
            same("path", Unset::Text("/")),
        ],
    },
    Mapping {
        from: "aws_iam_policy",
        kind: "AWS::IAM::ManagedPolicy",
        id: &["name"],
        arn: Arn::Told(&["arn"]),
        tags: TAGS,
        fields: &[
            call("default_version_id", |ctx| if ctx.is_made() { json!("v1") } else { ctx.missing("default_version_id") }),
            take("document", Take::Document("policy"), Unset::Output),
            same("path", Unset::Text("/")),
            same("policy_id", Unset::Output),
            at("policy_name", "name", Unset::Output),
        ],
    },
];

const ROLE: &[&str] = &["aws_iam_role"];
const USER: &[&str] = &["aws_iam_user"];
const GROUP: &[&str] = &["aws_iam_group"];

const fn part(from: &'static str, of: &'static [&'static str], key: &'static str, adds: Adds) -> Part {
    Part { from, of, key, whole: &["name", "id"], optional: false, adds }
}

/// A managed policy that is attached.
const ATTACHED: Adds =
    Adds::Items(&[("attached_managed_policies", attached), ("attached_customer_managed_policies", attached_of_customer)]);

pub(super) const PARTS: &[Part] = &[
    part("aws_iam_role_policy", ROLE, "role", Adds::Items(&[("role_policies", inline_policy)])),
    part("aws_iam_role_policy_attachment", ROLE, "role", ATTACHED),
    part("aws_iam_role_policies_exclusive", ROLE, "role_name", Adds::Nothing),
    part("aws_iam_role_policy_attachments_exclusive", ROLE, "role_name", Adds::Nothing),
    part("aws_iam_instance_profile", ROLE, "role", Adds::Items(&[("instance_profile_arns", |ctx| ctx.or("arn", Unset::Output))])),
    part("aws_iam_user_policy", USER, "user", Adds::Items(&[("user_policies", inline_policy)])),
    part("aws_iam_user_policy_attachment", USER, "user", ATTACHED),
    part("aws_iam_user_policies_exclusive", USER, "user_name", Adds::Nothing),
    part("aws_iam_user_policy_attachments_exclusive", USER, "user_name", Adds::Nothing),
    part("aws_iam_user_group_membership", USER, "user", Adds::Items(&[("group_names", |ctx| ctx.or("groups", Unset::Empty))])),
    part("aws_iam_group_membership", USER, "users", Adds::Items(&[("group_names", |ctx| ctx.or("group", Unset::Output))])),
    // One attachment names several of each kind.
    Part { optional: true, ..part("aws_iam_policy_attachment", ROLE, "roles", ATTACHED) },
    Part { optional: true, ..part("aws_iam_policy_attachment", USER, "users", ATTACHED) },
    Part { optional: true, ..part("aws_iam_policy_attachment", GROUP, "groups", ATTACHED) },
    part("aws_iam_group_policy", GROUP, "group", Adds::Items(&[("group_policies", inline_policy)])),
    part("aws_iam_group_policy_attachment", GROUP, "group", ATTACHED),
    part("aws_iam_group_policies_exclusive", GROUP, "group_name", Adds::Nothing),
    part("aws_iam_group_policy_attachments_exclusive", GROUP, "group_name", Adds::Nothing),
];

pub(super) const UNDECLARED: &[Undeclared] = &[
    Undeclared {
        kind: "AWS::IAM::Group",
        properties: &[
            ("attached_customer_managed_policies", Rule::Nothing),
            ("attached_managed_policies", Rule::Nothing),
            ("group_policies", Rule::Nothing),
            ("create_date", Rule::OfAws),
        ],
    },
    Undeclared {
        kind: "AWS::IAM::ManagedPolicy",
        properties: &[
            ("attachment_count", Rule::OfAws),
            ("create_date", Rule::OfAws),
            ("default_version_id", Rule::OfAws),
            ("is_attachable", Rule::OfAws),
            ("permissions_boundary_usage_count", Rule::OfAws),
            ("update_date", Rule::OfAws),
        ],
    },
    Undeclared {
        kind: "AWS::IAM::Role",
        properties: &[
            ("attached_customer_managed_policies", Rule::Nothing),
            ("attached_managed_policies", Rule::Nothing),
            ("instance_profile_arns", Rule::Nothing),
            ("role_policies", Rule::Nothing),
            ("create_date", Rule::OfAws),
            ("last_used_date", Rule::OfAws),
            ("last_used_region", Rule::OfAws),
        ],
    },
    Undeclared {
        kind: "AWS::IAM::User",
        properties: &[
            ("attached_customer_managed_policies", Rule::Nothing),
            ("attached_managed_policies", Rule::Nothing),
            ("group_names", Rule::Nothing),
            ("user_policies", Rule::Nothing),
            ("create_date", Rule::OfAws),
        ],
    },
];
