//! IAM: roles, users, groups and the policies of the account.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use serde_json::{Value as Json, json};

use super::policy::policy;
use super::{TAGS, each, empty, list, own};
use crate::declared::map::{Adds, Arn, Ctx, Mapping, Part, Unset, at, call};

/// Whether a policy is one of AWS: `arn:aws:iam::aws:policy/ReadOnlyAccess`.
fn of_aws(arn: &Json) -> bool {
    arn.as_str().and_then(|arn| arn.split(':').nth(4)) == Some("aws")
}

/// Managed policies that it names itself. A managed policy may also name whom it is attached to.
fn managed(ctx: &Ctx<'_>) -> Json {
    match list(ctx, "ManagedPolicyArns", Unset::Empty) {
        Json::Array(mut arns) => {
            arns.push(ctx.missing("policies that attach themselves"));
            Json::Array(arns)
        }
        mark => mark,
    }
}

fn managed_by_customer(ctx: &Ctx<'_>) -> Json {
    match managed(ctx) {
        Json::Array(arns) => arns.into_iter().filter(|arn| !of_aws(arn)).collect(),
        mark => mark,
    }
}

fn inline_policy(ctx: &Ctx<'_>) -> Json {
    json!({"policy_name": ctx.or("PolicyName", Unset::Output), "document": policy(ctx, "PolicyDocument", Unset::Output)})
}

fn inline_policies(ctx: &Ctx<'_>) -> Json {
    each(ctx, "Policies", inline_policy)
}

pub(super) const ROLE: Mapping = Mapping {
    from: "AWS::IAM::Role",
    kind: "AWS::IAM::Role",
    id: &["RoleName"],
    arn: Arn::Told(&["arn"]),
    tags: TAGS,
    fields: &[
        call("assume_role_policy_document", |ctx| policy(ctx, "AssumeRolePolicyDocument", Unset::Output)),
        call("attached_customer_managed_policies", managed_by_customer),
        call("attached_managed_policies", managed),
        call("instance_profile_arns", empty),
        at("path", "Path", Unset::Text("/")),
        at("permissions_boundary_arn", "PermissionsBoundary", Unset::Null),
        call("role_id", |ctx| ctx.later("RoleId")),
        at("role_name", "RoleName", Unset::Worked(own)),
        call("role_policies", inline_policies),
    ],
};

pub(super) const USER: Mapping = Mapping {
    from: "AWS::IAM::User",
    kind: "AWS::IAM::User",
    id: &["UserName"],
    arn: Arn::Told(&["arn"]),
    tags: TAGS,
    fields: &[
        call("attached_customer_managed_policies", managed_by_customer),
        call("attached_managed_policies", managed),
        call("group_names", |ctx| list(ctx, "Groups", Unset::Empty)),
        at("path", "Path", Unset::Text("/")),
        at("permissions_boundary_arn", "PermissionsBoundary", Unset::Null),
        call("user_id", |ctx| ctx.later("UserId")),
        at("user_name", "UserName", Unset::Worked(own)),
        call("user_policies", inline_policies),
    ],
};

pub(super) const GROUP: Mapping = Mapping {
    from: "AWS::IAM::Group",
    kind: "AWS::IAM::Group",
    id: &["GroupName"],
    arn: Arn::Told(&["arn"]),
    tags: &[],
    fields: &[
        call("attached_customer_managed_policies", managed_by_customer),
        call("attached_managed_policies", managed),
        call("group_id", |ctx| ctx.later("GroupId")),
        at("group_name", "GroupName", Unset::Worked(own)),
        call("group_policies", inline_policies),
        at("path", "Path", Unset::Text("/")),
    ],
};

pub(super) const MANAGED_POLICY: Mapping = Mapping {
    from: "AWS::IAM::ManagedPolicy",
    kind: "AWS::IAM::ManagedPolicy",
    id: &["ManagedPolicyName"],
    arn: Arn::Told(&["arn"]),
    tags: TAGS,
    fields: &[
        call("default_version_id", |_| json!("v1")),
        call("document", |ctx| policy(ctx, "PolicyDocument", Unset::Output)),
        at("path", "Path", Unset::Text("/")),
        call("policy_id", |ctx| ctx.later("PolicyId")),
        at("policy_name", "ManagedPolicyName", Unset::Worked(own)),
    ],
};

const ROLES: &[&str] = &["AWS::IAM::Role"];
const USERS: &[&str] = &["AWS::IAM::User"];
const GROUPS: &[&str] = &["AWS::IAM::Group"];

const fn of_role(from: &'static str, key: &'static str, adds: Adds) -> Part {
    Part { from, of: ROLES, key, whole: &["RoleName"], optional: false, adds }
}

const fn of_user(from: &'static str, key: &'static str, adds: Adds) -> Part {
    Part { from, of: USERS, key, whole: &["UserName"], optional: false, adds }
}

const fn of_group(from: &'static str, key: &'static str, adds: Adds) -> Part {
    Part { from, of: GROUPS, key, whole: &["GroupName"], optional: false, adds }
}

const INTO_ROLE: Adds = Adds::Items(&[("role_policies", inline_policy)]);
const INTO_USER: Adds = Adds::Items(&[("user_policies", inline_policy)]);
const INTO_GROUP: Adds = Adds::Items(&[("group_policies", inline_policy)]);

// One policy is written into several of each kind.
pub(super) const POLICY_OF_ROLES: Part = Part { optional: true, ..of_role("AWS::IAM::Policy", "Roles", INTO_ROLE) };
pub(super) const POLICY_OF_USERS: Part = Part { optional: true, ..of_user("AWS::IAM::Policy", "Users", INTO_USER) };
pub(super) const POLICY_OF_GROUPS: Part = Part { optional: true, ..of_group("AWS::IAM::Policy", "Groups", INTO_GROUP) };

pub(super) const ROLE_POLICY: Part = of_role("AWS::IAM::RolePolicy", "RoleName", INTO_ROLE);
pub(super) const USER_POLICY: Part = of_user("AWS::IAM::UserPolicy", "UserName", INTO_USER);
pub(super) const GROUP_POLICY: Part = of_group("AWS::IAM::GroupPolicy", "GroupName", INTO_GROUP);

pub(super) const INSTANCE_PROFILE: Part = of_role("AWS::IAM::InstanceProfile", "Roles", Adds::Items(&[("instance_profile_arns", own)]));

pub(super) const USER_TO_GROUP: Part =
    of_user("AWS::IAM::UserToGroupAddition", "Users", Adds::Items(&[("group_names", |ctx| ctx.or("GroupName", Unset::Output))]));
