//! AWS Organizations: the service control policies that bind the account, and the accounts there are.

use schemars::JsonSchema;
use serde::Serialize;

#[cfg(any(feature = "organizations", test))]
use super::document::Condition;
use super::{Operation, PolicyDocument, Scope, Service, op};
use crate::estate::{Link, Required};

/// A service control policy that binds this account; the management account has none of the organisation's own, they never bind it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ServiceControlPolicy {
    /// Identifier: `p-FullAWSAccess`, `p-a1b2c3d4`.
    pub policy_id: Required<String>,
    /// Name.
    pub policy_name: Required<String>,
    /// Whether AWS wrote it, as it did `FullAWSAccess`.
    pub aws_managed: Required<bool>,
    /// What it allows and denies.
    pub document: Required<PolicyDocument>,
    /// Where it is attached between this account and the root: the account, organisational units, the root.
    pub target_ids: Required<Vec<String>>,
}

/// The account as a member of an organisation; one for each account of the run.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Account {
    /// Whether the account is in an organisation at all.
    pub in_organization: Required<bool>,
    /// The service control policies that bind the account and refuse requests outside some regions.
    pub region_guardrails: Required<Vec<RegionGuardrail>>,
}

/// A statement of a service control policy that denies requests outside some regions.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct RegionGuardrail {
    /// The policy.
    pub policy_id: String,
    /// Its name.
    pub policy_name: String,
    /// The regions outside which it denies.
    pub regions: Vec<String>,
    /// The actions that it leaves out, as global services need.
    pub exempt_actions: Vec<String>,
    /// Whether other conditions narrow it, such as principals that it lets through.
    pub narrowed: bool,
}

#[cfg(any(feature = "organizations", test))]
/// The region guardrails in a policy: `Deny` where `aws:RequestedRegion` is none of some regions.
fn guardrails(id: &str, name: &str, document: &PolicyDocument) -> Vec<RegionGuardrail> {
    let denies = document.statements.iter().filter(|s| s.effect == "Deny" && (s.resources.iter().any(|r| r == "*")));
    let all = denies.filter(|s| !s.not_actions.is_empty() || s.actions.iter().any(|a| a == "*"));
    all.filter_map(|statement| {
        let mut regions = Vec::new();
        let mut others = 0;
        for condition in &statement.conditions {
            match regions_of(condition) {
                Some(named) => regions.extend(named),
                None => others += 1,
            }
        }
        (!regions.is_empty()).then(|| RegionGuardrail {
            policy_id: id.to_owned(),
            policy_name: name.to_owned(),
            regions,
            exempt_actions: statement.not_actions.clone(),
            narrowed: others > 0,
        })
    })
    .collect()
}

#[cfg(any(feature = "organizations", test))]
/// The regions outside which a condition holds: every operator that means "none of these". A pattern stays
/// one, and is no name of a region. Every request names its region, and only one: what the operator says of
/// a missing key, or of several values, makes no difference.
fn regions_of(condition: &Condition) -> Option<Vec<String>> {
    if condition.key != "aws:requestedregion" {
        return None;
    }
    let operator = condition.operator.to_ascii_lowercase();
    let operator = operator.strip_prefix("forallvalues:").or_else(|| operator.strip_prefix("foranyvalue:")).unwrap_or(&operator);
    match operator.strip_suffix("ifexists").unwrap_or(operator) {
        "stringnotequals" | "stringnotlike" => Some(condition.values.clone()),
        "stringnotequalsignorecase" => Some(condition.values.iter().map(|value| value.to_ascii_lowercase()).collect()),
        _ => None,
    }
}

resource_types! {
    "organizations":
    Account = "AWS::Organizations::Account",
    ServiceControlPolicy = "AWS::Organizations::ServiceControlPolicy",
}

const OPERATIONS: &[Operation] = &[
    op("ListParents", "organizations:ListParents"),
    op("ListPoliciesForTarget", "organizations:ListPoliciesForTarget"),
    op("DescribePolicy", "organizations:DescribePolicy"),
    op("ListAccounts", "organizations:ListAccounts"),
];

const LINKS: &[Link] = &[];

/// AWS Organizations.
pub(super) static SERVICE: Service = Service {
    name: "organizations",
    scope: Scope::Global,
    types: TYPES,
    operations: OPERATIONS,
    links: LINKS,
    per_second: 5,
    register,
    #[cfg(all(feature = "aws", feature = "organizations"))]
    collect: Some(|cx| Box::pin(live::collect(cx))),
    #[cfg(all(feature = "aws", not(feature = "organizations")))]
    collect: None,
};

#[cfg(feature = "organizations")]
pub(crate) use live::accounts;

#[cfg(feature = "organizations")]
mod live {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use aws_sdk_organizations::Client;
    use aws_sdk_organizations::types::{self, AccountState, AccountStatus, ParentType, PolicyType};

    use super::{Account, ServiceControlPolicy, guardrails};
    use crate::aws::PolicyDocument;
    use crate::aws::cx::{Collected, Cx, Items};
    use crate::estate::{Fetched, Gap, Reason, Required, Resource, ResponseId};

    const NOT_IN_USE: &str = "AWSOrganizationsNotInUseException";
    const POLICIES: &str = "ListPoliciesForTarget";

    pub(super) async fn collect(cx: Cx) -> Collected {
        let organizations = Client::new(&cx.sdk());
        let mut out = Collected::default();
        let chain = chain(&cx, &organizations).await;
        if chain.gap.as_ref().is_some_and(|gap| gap.code.as_deref() == Some(NOT_IN_USE)) {
            out.listings.push(cx.listing::<ServiceControlPolicy>(0, None));
            out.listings.push(cx.listing::<Account>(1, None));
            let alone = Account { in_organization: Required::Known(false), region_guardrails: Required::Known(Vec::new()) };
            out.resources.push(account_of(&cx, alone, chain.from));
            return out;
        }
        let (attached, gap) = attached(&cx, &organizations, chain).await;
        out.listings.push(cx.listing::<ServiceControlPolicy>(attached.len(), gap.clone()));
        let policies = cx.each(attached, |policy| policy_of(&cx, &organizations, policy, gap.clone())).await;
        let mut found = Ok(Vec::new());
        let mut from = Vec::new();
        for (policy, document) in policies {
            from.extend(policy.responses.iter().copied());
            match (&mut found, document) {
                (Ok(all), Required::Known(document)) => all.extend(guardrails(&policy.id, &policy.name, &document)),
                (Ok(_), Required::Unknown(gap)) => found = Err(gap),
                (Err(_), _) => {}
            }
            out.resources.push(policy);
        }
        let region_guardrails = match (gap.clone(), found) {
            (Some(gap), _) | (None, Err(gap)) => Required::Unknown(gap),
            (None, Ok(all)) => Required::Known(all),
        };
        let in_organization = gap.map_or(Required::Known(true), Required::Unknown);
        out.listings.push(cx.listing::<Account>(1, None));
        out.resources.push(account_of(&cx, Account { in_organization, region_guardrails }, from));
        out
    }

    fn account_of(cx: &Cx, properties: Account, from: Vec<ResponseId>) -> Resource {
        let id = cx.account().to_owned();
        // Tags of accounts are the organisation's; the account itself is told by its id.
        cx.new_resource(cx.arn("organizations", "account"), id.clone(), id, Fetched::Absent, properties, from)
    }

    /// The account and everything above it, as far as it was seen.
    struct Chain {
        ids: Vec<String>,
        from: Vec<ResponseId>,
        gap: Option<Arc<Gap>>,
    }

    async fn chain(cx: &Cx, organizations: &Client) -> Chain {
        const OP: &str = "ListParents";
        let mut chain = Chain { ids: Vec::new(), from: Vec::new(), gap: None };
        let mut child = cx.account().to_owned();
        loop {
            chain.ids.push(child.clone());
            let pages =
                cx.pages(OP, organizations.list_parents().child_id(child).into_paginator().send(), |page| page.next_token.as_deref()).await;
            chain.from.extend(pages.pages.iter().flat_map(|(_, responses)| responses).copied());
            let Items { mut items, gap } = pages.items(cx, OP, |page| page.parents);
            if gap.is_some() {
                chain.gap = gap;
                return chain;
            }
            let parent = items.pop().filter(|_| items.is_empty()).map(|(parent, _)| parent);
            match parent.and_then(|p| p.id.zip(p.r#type)) {
                Some((root, ParentType::Root)) => {
                    chain.ids.push(root);
                    return chain;
                }
                Some((unit, ParentType::OrganizationalUnit)) if !chain.ids.contains(&unit) => child = unit,
                _ => {
                    chain.gap = Some(cx.gap(OP, Reason::Unparsable, None, Some("no single parent of a known type")));
                    return chain;
                }
            }
        }
    }

    /// A policy, and where it is attached.
    struct Attached {
        arn: String,
        id: String,
        summary: types::PolicySummary,
        targets: Vec<String>,
        from: Vec<ResponseId>,
    }

    /// The policies attached to the account and to everything above it, and why there may be more.
    async fn attached(cx: &Cx, organizations: &Client, chain: Chain) -> (Vec<Attached>, Option<Arc<Gap>>) {
        let mut gap = chain.gap;
        let answers = cx.each(chain.ids, |target| async move {
            let request = organizations.list_policies_for_target().target_id(&target).filter(PolicyType::ServiceControlPolicy);
            let pages = cx.pages(POLICIES, request.into_paginator().send(), |page| page.next_token.as_deref()).await;
            (target, pages.items(cx, POLICIES, |page| page.policies))
        });
        let mut found = BTreeMap::<String, Attached>::new();
        for (target, items) in answers.await {
            gap = gap.or(items.gap);
            for (summary, responses) in items.items {
                let id = cx.need(POLICIES, "Policies.Id", summary.id.clone());
                let arn = cx.need(POLICIES, "Policies.Arn", summary.arn.clone());
                let (id, arn) = match (id, arn) {
                    (Required::Known(id), Required::Known(arn)) => (id, arn),
                    (Required::Unknown(missing), _) | (_, Required::Unknown(missing)) => {
                        gap = gap.or(Some(missing));
                        continue;
                    }
                };
                // The organisation's policies are those of its management account, which they never bind.
                if arn.split(':').nth(4) == Some(cx.account()) {
                    continue;
                }
                let new = || Attached { arn, id: id.clone(), summary, targets: Vec::new(), from: chain.from.clone() };
                let policy = found.entry(id.clone()).or_insert_with(new);
                policy.targets.push(target.clone());
                policy.from.extend(responses);
            }
        }
        (found.into_values().collect(), gap)
    }

    async fn policy_of(cx: &Cx, organizations: &Client, policy: Attached, gap: Option<Arc<Gap>>) -> (Resource, Required<PolicyDocument>) {
        const OP: &str = "DescribePolicy";
        let Attached { arn, id, summary, targets, mut from } = policy;
        let answer = cx.send(OP, organizations.describe_policy().policy_id(&id).send()).await.required(&mut from);
        let content = answer.and_then(|a| cx.need(OP, "Policy.Content", a.policy.and_then(|p| p.content)));
        let document = content.and_then(|text| match PolicyDocument::parse(&text) {
            Some(document) => Required::Known(document),
            None => Required::Unknown(cx.gap(OP, Reason::Unparsable, None, Some("Content is not a policy document"))),
        });
        let name = summary.name.clone().unwrap_or_else(|| id.clone());
        let properties = ServiceControlPolicy {
            policy_id: Required::Known(id.clone()),
            policy_name: cx.need(POLICIES, "Policies.Name", summary.name),
            // Where AWS leaves the member out the SDK says false, which nothing is proved by.
            aws_managed: Required::Known(summary.aws_managed),
            document: document.clone(),
            // It may be attached in a place that was not seen as well.
            target_ids: gap.map_or(Required::Known(targets), Required::Unknown),
        };
        // Tags of a policy speak of the organisation; where it belongs is settled by the account it binds.
        (cx.new_resource(arn, id, name, Fetched::Absent, properties, from), document)
    }

    /// Id and name of every active account of the organisation; of all of them, or of none.
    pub(crate) async fn accounts(cx: &Cx) -> Result<Vec<(String, String)>, Arc<Gap>> {
        const OP: &str = "ListAccounts";
        let organizations = Client::new(&cx.sdk());
        let pages = cx.pages(OP, organizations.list_accounts().into_paginator().send(), |page| page.next_token.as_deref()).await;
        let Items { items, gap } = pages.items(cx, OP, |page| page.accounts);
        if let Some(gap) = gap {
            return Err(gap);
        }
        let mut accounts = Vec::new();
        for (account, _) in items {
            let active = is_active(&account);
            match (cx.need(OP, "Accounts.Id", account.id), cx.need(OP, "Accounts.State", active)) {
                (Required::Known(id), Required::Known(true)) => {
                    let name = account.name.unwrap_or_else(|| id.clone());
                    accounts.push((id, name));
                }
                (Required::Known(_), Required::Known(false)) => {}
                (Required::Unknown(gap), _) | (_, Required::Unknown(gap)) => return Err(gap),
            }
        }
        Ok(accounts)
    }

    /// Whether an account can be entered: by `State`, or by `Status`, which AWS is replacing with it.
    fn is_active(account: &types::Account) -> Option<bool> {
        let by_state = account.state.as_ref().map(|state| *state == AccountState::Active);
        let by_status = || account.status.as_ref().map(|status| *status == AccountStatus::Active);
        by_state.or_else(by_status)
    }
}

#[cfg(test)]
mod tests {
    use super::guardrails;
    use crate::aws::PolicyDocument;

    /// Regions of the guardrails of a statement with these conditions, and whether anything narrows it.
    fn found(conditions: &str) -> Option<(Vec<String>, bool)> {
        let text = format!(r#"{{"Statement":[{{"Effect":"Deny","NotAction":["iam:*"],"Resource":"*","Condition":{conditions}}}]}}"#);
        let document = PolicyDocument::parse(&text).expect("a document");
        guardrails("p-1", "regions", &document).pop().map(|g| (g.regions, g.narrowed))
    }

    #[test]
    fn every_operator_that_means_none_of_these_makes_a_guardrail() {
        for operator in [
            "StringNotEquals",
            "stringnotequals",
            "StringNotLike",
            "StringNotEqualsIgnoreCase",
            "StringNotEqualsIfExists",
            "ForAnyValue:StringNotEquals",
            "ForAllValues:StringNotLikeIfExists",
        ] {
            let conditions = format!(r#"{{"{operator}":{{"aws:RequestedRegion":["eu-central-1","eu-west-1"]}}}}"#);
            assert_eq!(found(&conditions), Some((vec!["eu-central-1".to_owned(), "eu-west-1".to_owned()], false)), "{operator}");
        }
        let upper = found(r#"{"StringNotEqualsIgnoreCase":{"aws:RequestedRegion":"EU-CENTRAL-1"}}"#);
        assert_eq!(upper, Some((vec!["eu-central-1".to_owned()], false)));
    }

    #[test]
    fn what_denies_a_list_of_regions_or_is_narrowed_is_told_apart() {
        for other in [
            r#"{"StringEquals":{"aws:RequestedRegion":["us-east-1"]}}"#,
            r#"{"StringLike":{"aws:RequestedRegion":["us-*"]}}"#,
            r#"{"StringNotEquals":{"aws:PrincipalAccount":["111111111111"]}}"#,
            r#"{"Null":{"aws:RequestedRegion":"true"}}"#,
        ] {
            assert_eq!(found(other), None, "{other}");
        }
        let pattern = found(r#"{"StringNotLike":{"aws:RequestedRegion":["eu-*"]}}"#);
        assert_eq!(pattern, Some((vec!["eu-*".to_owned()], false)), "a pattern is no region that is allowed");
        let narrowed = found(
            r#"{"StringNotEquals":{"aws:RequestedRegion":["eu-central-1"]},"ArnNotLike":{"aws:PrincipalArn":["arn:aws:iam::*:role/x"]}}"#,
        );
        assert_eq!(narrowed, Some((vec!["eu-central-1".to_owned()], true)));
    }
}
