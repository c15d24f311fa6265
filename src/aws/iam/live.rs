//! Collecting IAM: one paged listing carries users, roles, groups and policies with their documents.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_iam::Client;
use aws_sdk_iam::types::{self, EntityType};

use super::{Group, InlinePolicy, ManagedPolicy, Role, User};
use crate::aws::PolicyDocument;
use crate::aws::cx::{Collected, Cx, Identified, Items, Pages, tags, time};
use crate::estate::{Fetched, Gap, Reason, Required, Resource, ResponseId};

const OP: &str = "GetAccountAuthorizationDetails";
const TAGS: &str = "ListPolicyTags";

pub(super) async fn collect(cx: Cx) -> Collected {
    let iam = Client::new(&cx.sdk());
    let kinds = vec![EntityType::User, EntityType::Role, EntityType::Group, EntityType::LocalManagedPolicy];
    let pages = cx
        .pages(OP, iam.get_account_authorization_details().set_filter(Some(kinds)).into_paginator().send(), |page| page.marker.as_deref())
        .await;
    let Pages { pages, gap } = pages;
    let more = pages.last().is_some_and(|(page, _)| page.is_truncated || is_some_marker(page.marker.as_deref()));
    let gap = gap.or_else(|| more.then(|| cut(&cx, OP)));

    let mut users = part(gap.clone());
    let mut roles = part(gap.clone());
    let mut groups = part(gap.clone());
    let mut policies = part(gap);
    for (page, from) in pages {
        add(&cx, &mut users, "UserDetailList", page.user_detail_list, &from);
        add(&cx, &mut roles, "RoleDetailList", page.role_detail_list, &from);
        add(&cx, &mut groups, "GroupDetailList", page.group_detail_list, &from);
        add(&cx, &mut policies, "Policies", page.policies, &from);
    }

    let mut out = Collected::default();
    let (users, listing) = cx.identified::<User, _>(OP, users, ("UserName", "Arn"), |u| u.user_name.as_deref(), |u| u.arn.as_deref());
    out.listings.push(listing);
    let (roles, listing) = cx.identified::<Role, _>(OP, roles, ("RoleName", "Arn"), |r| r.role_name.as_deref(), |r| r.arn.as_deref());
    out.listings.push(listing);
    let (groups, listing) = cx.identified::<Group, _>(OP, groups, ("GroupName", "Arn"), |g| g.group_name.as_deref(), |g| g.arn.as_deref());
    out.listings.push(listing);
    let (policies, listing) =
        cx.identified::<ManagedPolicy, _>(OP, policies, ("PolicyName", "Arn"), |p| p.policy_name.as_deref(), |p| p.arn.as_deref());
    out.listings.push(listing);
    out.resources.extend(users.into_iter().map(|found| user(&cx, found)));
    out.resources.extend(roles.into_iter().map(|found| role(&cx, found)));
    out.resources.extend(groups.into_iter().map(|found| group(&cx, found)));
    out.resources.extend(cx.each(policies, |found| managed_policy(&cx, &iam, found)).await);
    out
}

fn part<I>(gap: Option<Arc<Gap>>) -> Items<I> {
    Items { items: Vec::new(), gap }
}

/// IAM sends all four lists on every page, empty ones too.
fn add<I: 'static>(cx: &Cx, part: &mut Items<I>, member: &str, list: Option<Vec<I>>, from: &[ResponseId]) {
    match cx.need(OP, member, list) {
        Required::Known(list) => part.items.extend(list.into_iter().map(|item| (item, from.to_vec()))),
        Required::Unknown(gap) => part.gap = part.gap.take().or(Some(gap)),
    }
}

fn is_some_marker(marker: Option<&str>) -> bool {
    marker.is_some_and(|marker| !marker.is_empty())
}

/// The gap of a listing whose last page says that there are more: the paginator ends without a word
/// when the marker of the next page is missing, or one that it has used before.
fn cut(cx: &Cx, operation: &'static str) -> Arc<Gap> {
    cx.gap(operation, Reason::Unparsable, None, Some("the listing ends before its last page"))
}

fn tag(tag: types::Tag) -> (Option<String>, Option<String>) {
    (Some(tag.key), Some(tag.value))
}

fn document(cx: &Cx, member: &str, text: Option<String>, parse: impl Fn(&str) -> Option<PolicyDocument>) -> Required<PolicyDocument> {
    cx.need(OP, member, text).and_then(|text| match parse(&text) {
        Some(document) => Required::Known(document),
        None => Required::Unknown(cx.gap(OP, Reason::Unparsable, None, Some(&format!("{member} is not a policy document")))),
    })
}

/// ARNs of attached policies: all of them, and those that the account made itself.
fn attached(cx: &Cx, list: Option<Vec<types::AttachedPolicy>>) -> (Required<Vec<String>>, Required<Vec<String>>) {
    let all = cx.need(OP, "AttachedManagedPolicies", list).and_then(|list| {
        let arns: Option<Vec<_>> = list.into_iter().map(|policy| policy.policy_arn).collect();
        cx.need(OP, "AttachedManagedPolicies.PolicyArn", arns)
    });
    let own = all.clone().map(|arns| arns.into_iter().filter(|arn| !of_aws(arn)).collect());
    (all, own)
}

/// Whether a policy is one of AWS: `arn:aws:iam::aws:policy/ReadOnlyAccess`.
fn of_aws(arn: &str) -> bool {
    arn.split(':').nth(4) == Some("aws")
}

fn inline(cx: &Cx, list: Vec<types::PolicyDetail>) -> Vec<InlinePolicy> {
    let policy = |policy: types::PolicyDetail| InlinePolicy {
        policy_name: cx.need(OP, "PolicyName", policy.policy_name),
        document: document(cx, "PolicyDocument", policy.policy_document, PolicyDocument::parse),
    };
    list.into_iter().map(policy).collect()
}

fn user(cx: &Cx, found: Identified<types::UserDetail>) -> Resource {
    let Identified { id: name, arn, item: user, from } = found;
    let (attached_managed_policies, attached_customer_managed_policies) = attached(cx, user.attached_managed_policies);
    let properties = User {
        user_name: Required::Known(name.clone()),
        user_id: cx.need(OP, "UserId", user.user_id),
        path: cx.need(OP, "Path", user.path),
        attached_managed_policies,
        attached_customer_managed_policies,
        // This list, unlike those of roles and groups, is left out where it is empty.
        user_policies: Required::Known(inline(cx, user.user_policy_list.unwrap_or_default())),
        group_names: cx.need(OP, "GroupList", user.group_list),
        permissions_boundary_arn: user.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn),
        create_date: cx.need(OP, "CreateDate", user.create_date.and_then(time)),
    };
    // No list of tags means no tags only because IAM sends those of users and roles here, and an empty
    // list or none at all where there are none; other listings of IAM never carry tags.
    let tags = tags(cx, OP, user.tags, tag).into();
    cx.new_resource(arn, name.clone(), name, tags, properties, from)
}

fn role(cx: &Cx, found: Identified<types::RoleDetail>) -> Resource {
    let Identified { id: name, arn, item: role, from } = found;
    let (attached_managed_policies, attached_customer_managed_policies) = attached(cx, role.attached_managed_policies);
    let profiles = cx.need(OP, "InstanceProfileList", role.instance_profile_list);
    let last_used = role.role_last_used;
    let properties = Role {
        role_name: Required::Known(name.clone()),
        role_id: cx.need(OP, "RoleId", role.role_id),
        path: cx.need(OP, "Path", role.path),
        assume_role_policy_document: document(
            cx,
            "AssumeRolePolicyDocument",
            role.assume_role_policy_document,
            PolicyDocument::parse_of_resource,
        ),
        attached_managed_policies,
        attached_customer_managed_policies,
        role_policies: cx.need(OP, "RolePolicyList", role.role_policy_list).map(|list| inline(cx, list)),
        instance_profile_arns: profiles.and_then(|profiles| {
            // The SDK puts an empty text where the ARN is missing.
            let arns: Option<Vec<_>> = profiles.into_iter().map(|profile| Some(profile.arn).filter(|arn| !arn.is_empty())).collect();
            cx.need(OP, "InstanceProfileList.Arn", arns)
        }),
        permissions_boundary_arn: role.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn),
        last_used_date: last_used.as_ref().and_then(|used| used.last_used_date).and_then(time),
        last_used_region: last_used.and_then(|used| used.region),
        create_date: cx.need(OP, "CreateDate", role.create_date.and_then(time)),
    };
    // As for users.
    let tags = tags(cx, OP, role.tags, tag).into();
    cx.new_resource(arn, name.clone(), name, tags, properties, from)
}

fn group(cx: &Cx, found: Identified<types::GroupDetail>) -> Resource {
    let Identified { id: name, arn, item: group, from } = found;
    let (attached_managed_policies, attached_customer_managed_policies) = attached(cx, group.attached_managed_policies);
    let properties = Group {
        group_name: Required::Known(name.clone()),
        group_id: cx.need(OP, "GroupId", group.group_id),
        path: cx.need(OP, "Path", group.path),
        attached_managed_policies,
        attached_customer_managed_policies,
        group_policies: cx.need(OP, "GroupPolicyList", group.group_policy_list).map(|list| inline(cx, list)),
        create_date: cx.need(OP, "CreateDate", group.create_date.and_then(time)),
    };
    // Groups cannot be tagged.
    cx.new_resource(arn, name.clone(), name, Fetched::Known(BTreeMap::new()), properties, from)
}

async fn managed_policy(cx: &Cx, iam: &Client, found: Identified<types::ManagedPolicyDetail>) -> Resource {
    let Identified { id: name, arn, item: policy, mut from } = found;
    let tags = policy_tags(cx, iam, &arn, &mut from).await.into();
    let default = cx.need(OP, "DefaultVersionId", policy.default_version_id);
    let versions = cx.need(OP, "PolicyVersionList", policy.policy_version_list);
    // The versions are told apart by their ids: the SDK reads a missing IsDefaultVersion as false.
    let in_force = default.clone().and_then(|id| {
        let version = versions.map(|all| all.into_iter().find(|version| version.version_id.as_ref() == Some(&id)));
        version.and_then(|version| cx.need(OP, "the PolicyVersion in force", version))
    });
    let properties = ManagedPolicy {
        policy_name: Required::Known(name.clone()),
        policy_id: cx.need(OP, "PolicyId", policy.policy_id),
        path: cx.need(OP, "Path", policy.path),
        attachment_count: cx.need(OP, "AttachmentCount", policy.attachment_count.map(i64::from)),
        permissions_boundary_usage_count: policy.permissions_boundary_usage_count.map(i64::from),
        // The SDK reads a missing IsAttachable as false, so false alone says nothing.
        is_attachable: cx.need(OP, "IsAttachable", policy.is_attachable.then_some(true)),
        default_version_id: default,
        document: in_force.and_then(|version| document(cx, "Document", version.document, PolicyDocument::parse)),
        create_date: cx.need(OP, "CreateDate", policy.create_date.and_then(time)),
        update_date: cx.need(OP, "UpdateDate", policy.update_date.and_then(time)),
    };
    cx.new_resource(arn, name.clone(), name, tags, properties, from)
}

/// The listing carries no tags of policies.
async fn policy_tags(cx: &Cx, iam: &Client, arn: &str, from: &mut Vec<ResponseId>) -> Required<BTreeMap<String, String>> {
    let Pages { pages, gap } =
        cx.pages(TAGS, iam.list_policy_tags().policy_arn(arn).into_paginator().send(), |page| page.marker.as_deref()).await;
    let more = pages.last().is_some_and(|(page, _)| page.is_truncated || is_some_marker(page.marker.as_deref()));
    let mut list = Vec::new();
    for (page, responses) in pages {
        from.extend(responses);
        list.extend(page.tags);
    }
    match gap.or_else(|| more.then(|| cut(cx, TAGS))) {
        Some(gap) => Required::Unknown(gap),
        None => tags(cx, TAGS, Some(list), tag),
    }
}

#[cfg(test)]
mod tests {
    use super::of_aws;

    #[test]
    fn policies_of_aws_are_told_from_those_of_the_account() {
        assert!(of_aws("arn:aws:iam::aws:policy/AdministratorAccess"));
        assert!(of_aws("arn:aws-cn:iam::aws:policy/aws-service-role/X"));
        assert!(!of_aws("arn:aws:iam::111111111111:policy/aws"));
    }
}
