//! AWS IAM: users, roles, groups and the policies of the account, all from one listing.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Operation, PolicyDocument, Scope, Service, op};
use crate::estate::{Cardinality, Link, Required, Within};

/// A user of the account itself; people who come through IAM Identity Center are not among them.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct User {
    /// Name.
    pub user_name: Required<String>,
    /// Identifier that AWS chose; never reused.
    pub user_id: Required<String>,
    /// Path: `/` or `/team/`.
    pub path: Required<String>,
    /// ARNs of the managed policies attached to the user, those of AWS among them.
    pub attached_managed_policies: Required<Vec<String>>,
    /// Those of them that the account made itself.
    pub attached_customer_managed_policies: Required<Vec<String>>,
    /// Policies written into the user.
    pub user_policies: Required<Vec<InlinePolicy>>,
    /// Names of the groups the user is in.
    pub group_names: Required<Vec<String>>,
    /// ARN of the policy that bounds what the user may be allowed.
    pub permissions_boundary_arn: Option<String>,
    /// When the user was created.
    pub create_date: Required<Timestamp>,
}

/// A role.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Role {
    /// Name.
    pub role_name: Required<String>,
    /// Identifier that AWS chose; never reused.
    pub role_id: Required<String>,
    /// Path: `/`, or `/aws-service-role/…` for roles that belong to an AWS service.
    pub path: Required<String>,
    /// The trust policy: who may assume the role.
    pub assume_role_policy_document: Required<PolicyDocument>,
    /// ARNs of the managed policies attached to the role, those of AWS among them.
    pub attached_managed_policies: Required<Vec<String>>,
    /// Those of them that the account made itself.
    pub attached_customer_managed_policies: Required<Vec<String>>,
    /// Policies written into the role.
    pub role_policies: Required<Vec<InlinePolicy>>,
    /// ARNs of the instance profiles that give the role to EC2 instances.
    pub instance_profile_arns: Required<Vec<String>>,
    /// ARN of the policy that bounds what the role may be allowed.
    pub permissions_boundary_arn: Option<String>,
    /// When the role was last used; absent when it was not within the 400 days that AWS remembers.
    pub last_used_date: Option<Timestamp>,
    /// Region it was last used in.
    pub last_used_region: Option<String>,
    /// When the role was created.
    pub create_date: Required<Timestamp>,
}

/// A group of users; groups have no tags.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Group {
    /// Name.
    pub group_name: Required<String>,
    /// Identifier that AWS chose; never reused.
    pub group_id: Required<String>,
    /// Path: `/` or `/team/`.
    pub path: Required<String>,
    /// ARNs of the managed policies attached to the group, those of AWS among them.
    pub attached_managed_policies: Required<Vec<String>>,
    /// Those of them that the account made itself.
    pub attached_customer_managed_policies: Required<Vec<String>>,
    /// Policies written into the group.
    pub group_policies: Required<Vec<InlinePolicy>>,
    /// When the group was created.
    pub create_date: Required<Timestamp>,
}

/// A managed policy that the account made itself; those of AWS are not listed.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ManagedPolicy {
    /// Name.
    pub policy_name: Required<String>,
    /// Identifier that AWS chose; never reused.
    pub policy_id: Required<String>,
    /// Path: `/` or `/team/`.
    pub path: Required<String>,
    /// How many users, groups and roles it is attached to.
    pub attachment_count: Required<i64>,
    /// How many users and roles it bounds.
    pub permissions_boundary_usage_count: Option<i64>,
    /// Whether it can be attached.
    pub is_attachable: Required<bool>,
    /// The version in force: `v3`.
    pub default_version_id: Required<String>,
    /// The document of the version in force.
    pub document: Required<PolicyDocument>,
    /// When the policy was created.
    pub create_date: Required<Timestamp>,
    /// When its version in force was last changed.
    pub update_date: Required<Timestamp>,
}

/// A policy written into a user, role or group.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct InlinePolicy {
    /// Name.
    pub policy_name: Required<String>,
    /// What it says.
    pub document: Required<PolicyDocument>,
}

resource_types! {
    "iam":
    User = "AWS::IAM::User",
    Role = "AWS::IAM::Role",
    Group = "AWS::IAM::Group",
    ManagedPolicy = "AWS::IAM::ManagedPolicy",
}

const OPERATIONS: &[Operation] =
    &[op("GetAccountAuthorizationDetails", "iam:GetAccountAuthorizationDetails"), op("ListPolicyTags", "iam:ListPolicyTags")];

// Policies of AWS belong to the account `aws`, which no run reaches: a link over all attached policies
// would never be complete.
const LINKS: &[Link] = &[
    Link::keys(
        "trusted_principals",
        ("AWS::IAM::Role", "assume_role_policy_document.statements.principal_arns"),
        &[("AWS::IAM::Role", "arn"), ("AWS::IAM::User", "arn")],
        Within::Account,
        Cardinality::Many,
        "Roles and users of the same account that the role's trust policy names",
    ),
    Link::keys(
        "attached_policies",
        ("AWS::IAM::User", "attached_customer_managed_policies"),
        &[("AWS::IAM::ManagedPolicy", "arn")],
        Within::Account,
        Cardinality::Many,
        "Policies attached to the user, customer-managed ones only; those of AWS are in `attached_managed_policies`",
    ),
    Link::keys(
        "attached_policies",
        ("AWS::IAM::Role", "attached_customer_managed_policies"),
        &[("AWS::IAM::ManagedPolicy", "arn")],
        Within::Account,
        Cardinality::Many,
        "Policies attached to the role, customer-managed ones only; those of AWS are in `attached_managed_policies`",
    ),
    Link::keys(
        "attached_policies",
        ("AWS::IAM::Group", "attached_customer_managed_policies"),
        &[("AWS::IAM::ManagedPolicy", "arn")],
        Within::Account,
        Cardinality::Many,
        "Policies attached to the group, customer-managed ones only; those of AWS are in `attached_managed_policies`",
    ),
];

/// AWS IAM.
pub(super) static SERVICE: Service = Service {
    name: "iam",
    scope: Scope::Global,
    types: TYPES,
    operations: OPERATIONS,
    links: LINKS,
    per_second: 10,
    register,
    #[cfg(all(feature = "aws", feature = "iam"))]
    collect: Some(|cx| Box::pin(live::collect(cx))),
    #[cfg(all(feature = "aws", not(feature = "iam")))]
    collect: None,
};

#[cfg(feature = "iam")]
mod live;
