//! IAM policy documents: trust policies, resource policies, key policies.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A policy document, with everything that may be one or many made a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyDocument {
    /// The statements, in order.
    pub statements: Vec<Statement>,
}

/// One statement of a policy document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Statement {
    /// Its id, where it has one.
    pub sid: Option<String>,
    /// `Allow` or `Deny`.
    pub effect: String,
    /// Who: `*`, or `AWS:arn:aws:iam::111111111111:root`, `Service:ec2.amazonaws.com`, `Federated:…`.
    pub principals: Vec<String>,
    /// Accounts among the AWS principals, twelve digits each; `*` for everyone, unless conditions bind everyone to accounts: then these.
    pub principal_accounts: Vec<String>,
    /// ARNs among the AWS principals; where conditions bind everyone to some, these, which may be patterns:
    /// `arn:*:*:*:111111111111:*` for everyone of an account.
    pub principal_arns: Vec<String>,
    /// Everyone but these (`NotPrincipal`), in the same form.
    pub not_principals: Vec<String>,
    /// Actions: `s3:GetObject`, `kms:*`.
    pub actions: Vec<String>,
    /// Every action but these (`NotAction`).
    pub not_actions: Vec<String>,
    /// Resources: ARNs with wildcards.
    pub resources: Vec<String>,
    /// Every resource but these (`NotResource`).
    pub not_resources: Vec<String>,
    /// Conditions: one entry per operator, key and value.
    pub conditions: Vec<Condition>,
}

/// One condition of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Condition {
    /// Operator: `StringEquals`, `Bool`.
    pub operator: String,
    /// Condition key, lower case: `aws:securetransport`.
    pub key: String,
    /// Values; any of them may match.
    pub values: Vec<String>,
}

impl PolicyDocument {
    /// Parses a document; it may be URL-encoded, as IAM sends it. `None` if it is not a policy
    /// document: then nothing may be concluded from it.
    pub fn parse(text: &str) -> Option<Self> {
        let decoded;
        let text = if text.trim_start().starts_with('%') {
            decoded = percent_encoding::percent_decode_str(text).decode_utf8().ok()?;
            decoded.as_ref()
        } else {
            text
        };
        let json: Json = serde_json::from_str(text).ok()?;
        let statements: Vec<Statement> = match json.as_object()?.get("Statement")? {
            Json::Array(list) => list.iter().map(statement).collect::<Option<Vec<_>>>()?,
            one @ Json::Object(_) => vec![statement(one)?],
            _ => return None,
        };
        let says_what = |statement: &Statement| !(statement.actions.is_empty() && statement.not_actions.is_empty());
        // AWS takes no policy that says nothing.
        (!statements.is_empty() && statements.iter().all(says_what)).then_some(Self { statements })
    }

    /// The same for the policy of a resource (bucket, key, file system, trust of a role), in which every statement says
    /// who it is about.
    pub fn parse_of_resource(text: &str) -> Option<Self> {
        let says_who = |statement: &Statement| statement.principals.is_empty() != statement.not_principals.is_empty();
        Self::parse(text).filter(|document| document.statements.iter().all(says_who))
    }
}

fn statement(json: &Json) -> Option<Statement> {
    let map = json.as_object()?;
    let known = ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];
    if map.keys().any(|key| !known.contains(&key.as_str())) {
        return None;
    }
    let effect = map.get("Effect")?.as_str()?;
    if !matches!(effect, "Allow" | "Deny") {
        return None;
    }
    let who = principals(map.get("Principal"))?;
    let conditions = conditions(map.get("Condition"))?;
    let (principal_accounts, principal_arns) = aws_principals(&who, &conditions);
    Some(Statement {
        principal_accounts,
        principal_arns,
        principals: who,
        sid: map.get("Sid").and_then(Json::as_str).map(str::to_owned),
        effect: effect.to_owned(),
        not_principals: principals(map.get("NotPrincipal"))?,
        actions: strings(map.get("Action"))?,
        not_actions: strings(map.get("NotAction"))?,
        resources: strings(map.get("Resource"))?,
        not_resources: strings(map.get("NotResource"))?,
        conditions,
    })
}

fn strings(json: Option<&Json>) -> Option<Vec<String>> {
    match json {
        None => Some(Vec::new()),
        Some(Json::Array(list)) => list.iter().map(scalar).collect(),
        Some(one) => Some(vec![scalar(one)?]),
    }
}

fn scalar(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Bool(b) => Some(b.to_string()),
        Json::Number(n) => Some(n.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

fn principals(json: Option<&Json>) -> Option<Vec<String>> {
    match json {
        None => Some(Vec::new()),
        Some(Json::String(all)) => Some(vec![all.clone()]),
        Some(Json::Object(kinds)) => {
            let mut all = Vec::new();
            for (kind, names) in kinds {
                // What another kind of principal may be, nobody here knows.
                if !matches!(kind.as_str(), "AWS" | "Service" | "Federated" | "CanonicalUser") {
                    return None;
                }
                all.extend(strings(Some(names))?.into_iter().map(|name| format!("{kind}:{name}")));
            }
            Some(all)
        }
        Some(_) => None,
    }
}

/// Accounts and ARNs of principals of the kind `AWS`, or of everyone as far as the conditions let them in.
fn aws_principals(principals: &[String], conditions: &[Condition]) -> (Vec<String>, Vec<String>) {
    let mut accounts: Vec<String> = Vec::new();
    let mut arns = Vec::new();
    for principal in principals {
        let name = match principal.strip_prefix("AWS:") {
            Some(name) => name,
            None if principal == "*" => principal,
            None => continue,
        };
        if name == "*"
            && let Some(bound) = bound(conditions)
        {
            for (account, arn) in bound {
                if !accounts.contains(&account) {
                    accounts.push(account);
                }
                arns.push(arn);
            }
            continue;
        }
        let mut parts = name.splitn(6, ':');
        let account = if parts.next() == Some("arn") {
            arns.push(name.to_owned());
            parts.nth(3).unwrap_or(name)
        } else {
            // An account id, `*`, or the unique id that is left of a deleted principal.
            name
        };
        // The account as a whole, of which a condition lets in some by name: they are meant.
        let whole = name == account || name.ends_with(":root");
        for (bound_account, arn) in whole.then(|| bound(conditions)).flatten().unwrap_or_default() {
            if bound_account == account && !arn.contains(['*', '?']) && !arns.contains(&arn) {
                arns.push(arn);
            }
        }
        if !accounts.iter().any(|a| a == account) {
            accounts.push(account.to_owned());
        }
    }
    (accounts, arns)
}

/// The accounts that conditions bind everyone to, each with the ARN or pattern of who is let in; none if they
/// bind nobody. All conditions must hold, so that an account must be in every one that names accounts.
fn bound(conditions: &[Condition]) -> Option<BTreeSet<(String, String)>> {
    let mut accounts: Option<BTreeSet<String>> = None;
    let mut arns: Option<BTreeSet<(String, String)>> = None;
    for condition in conditions {
        // Operators that do not hold where the key is missing. Of a key with one value `ForAnyValue` changes nothing.
        let operator = condition.operator.to_ascii_lowercase();
        let operator = operator.strip_prefix("foranyvalue:").unwrap_or(&operator);
        let text = matches!(operator, "stringequals" | "stringequalsignorecase" | "stringlike");
        match condition.key.as_str() {
            // Only AWS's services send the account of the source, and only KMS that of the caller.
            "aws:principalaccount" | "aws:sourceaccount" | "kms:calleraccount"
                if text && condition.values.iter().all(|v| is_account(v)) =>
            {
                let named: BTreeSet<String> = condition.values.iter().cloned().collect();
                accounts = Some(accounts.map_or_else(|| named.clone(), |all| all.intersection(&named).cloned().collect()));
            }
            "aws:principalarn" if text || matches!(operator, "arnequals" | "arnlike") => {
                let named: Option<BTreeSet<(String, String)>> =
                    condition.values.iter().map(|arn| Some((account_in(arn)?, arn.clone()))).collect();
                arns = named.or(arns);
            }
            _ => {}
        }
    }
    match (accounts, arns) {
        (Some(accounts), Some(arns)) => Some(arns.into_iter().filter(|(account, _)| accounts.contains(account)).collect()),
        (None, Some(arns)) => Some(arns),
        (Some(accounts), None) => Some(accounts.into_iter().map(|account| (account.clone(), format!("arn:*:*:*:{account}:*"))).collect()),
        (None, None) => None,
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// The account of a principal's ARN. A wildcard before the account could stand for another account, whose
/// roles may have `:` in their paths.
fn account_in(arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [arn, partition, "iam" | "sts", "", account, name] = parts[..] else { return None };
    let plain = |text: &str| !text.contains(['*', '?', '$']);
    (arn == "arn" && plain(partition) && is_account(account) && !name.is_empty()).then(|| account.to_owned())
}

fn conditions(json: Option<&Json>) -> Option<Vec<Condition>> {
    let Some(json) = json else { return Some(Vec::new()) };
    let mut all = Vec::new();
    for (operator, keys) in json.as_object()? {
        let keys: BTreeMap<_, _> = keys.as_object()?.iter().collect();
        for (key, values) in keys {
            let values = strings(Some(values))?;
            all.push(Condition { operator: operator.clone(), key: key.to_ascii_lowercase(), values });
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::PolicyDocument;

    #[test]
    fn one_and_many_become_lists() {
        let document = PolicyDocument::parse(
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["a","b"],
                "Condition":{"Bool":{"aws:SecureTransport":false}}}}"#,
        );
        let statement = document.expect("a document").statements.remove(0);
        assert_eq!(statement.principals, ["*"]);
        assert_eq!(statement.principal_accounts, ["*"]);
        assert_eq!(statement.resources, ["a", "b"]);
        assert_eq!(statement.conditions[0].key, "aws:securetransport");
        assert_eq!(statement.conditions[0].values, ["false"]);
    }

    #[test]
    fn everyone_is_bound_by_conditions_on_who_calls_and_by_no_others() {
        const OWN: &str = "111111111111";
        let accounts = |principal: &str, conditions: &str| {
            let text = format!(
                r#"{{"Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole","Condition":{conditions}}}]}}"#
            );
            let statement = PolicyDocument::parse(&text).expect("a document").statements.remove(0);
            (statement.principal_accounts, statement.principal_arns)
        };
        let of = |conditions: &str| accounts(r#"{"AWS":"*"}"#, conditions).0;
        let arn = "arn:aws:iam::111111111111:role/app";
        for operator in ["ArnEquals", "ArnLike", "StringEquals", "StringLike", "ForAnyValue:StringEquals"] {
            let conditions = format!(r#"{{"{operator}":{{"aws:PrincipalArn":"{arn}"}}}}"#);
            assert_eq!(accounts(r#""*""#, &conditions), (vec![OWN.to_owned()], vec![arn.to_owned()]), "{operator}");
        }
        assert_eq!(of(r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/app-*"}}"#), [OWN]);
        let account = accounts(r#"{"AWS":"*"}"#, r#"{"StringEquals":{"aws:PrincipalAccount":"111111111111"}}"#);
        assert_eq!(account, (vec![OWN.to_owned()], vec!["arn:*:*:*:111111111111:*".to_owned()]));
        // Every condition must hold.
        let both = r#"{"StringEquals":{"aws:PrincipalAccount":["111111111111"]},
            "ArnLike":{"aws:PrincipalArn":["arn:aws:iam::111111111111:role/app","arn:aws:iam::222222222222:role/app"]}}"#;
        assert_eq!(of(both), [OWN]);
        // So are those whom a condition picks of an account.
        let root = "arn:aws:iam::111111111111:root";
        let picked = |conditions: &str| accounts(&format!(r#"{{"AWS":"{root}"}}"#), conditions).1;
        assert_eq!(picked(&format!(r#"{{"ArnEquals":{{"aws:PrincipalArn":"{arn}"}}}}"#)), [root, arn]);
        assert_eq!(picked(r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/app-*"}}"#), [root]);
        assert_eq!(picked(r#"{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::222222222222:role/app"}}"#), [root]);
        // Who else is named is not let in by a condition, and stays.
        let named = accounts(r#"{"AWS":["*","222222222222"]}"#, r#"{"StringEquals":{"aws:PrincipalAccount":"111111111111"}}"#);
        assert_eq!(named.0, [OWN, "222222222222"]);
        for loose in [
            r#"{"StringEqualsIfExists":{"aws:PrincipalAccount":"111111111111"}}"#,
            r#"{"ForAllValues:StringEquals":{"aws:PrincipalAccount":"111111111111"}}"#,
            r#"{"StringNotEquals":{"aws:PrincipalAccount":"111111111111"}}"#,
            r#"{"StringLike":{"aws:PrincipalAccount":"1111*"}}"#,
            r#"{"StringEquals":{"aws:PrincipalOrgID":"o-abc123"}}"#,
            r#"{"StringEquals":{"aws:ResourceAccount":"111111111111"}}"#,
            r#"{"StringEquals":{"sts:ExternalId":"111111111111"}}"#,
            r#"{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/app"}}"#,
            r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/app"}}"#,
            r#"{"StringLike":{"aws:PrincipalArn":"arn:*:iam::111111111111:role/app"}}"#,
            r#"{"StringLike":{"aws:PrincipalArn":"*:role/app"}}"#,
            r#"{"StringEquals":{"aws:PrincipalArn":["arn:aws:iam::111111111111:role/app","*"]}}"#,
        ] {
            assert_eq!(of(loose), ["*"], "{loose}");
        }
    }

    #[test]
    fn what_is_not_a_document_is_none() {
        for text in [
            "",
            "{}",
            "[]",
            r#"{"Statement":"x"}"#,
            r#"{"Statement":[]}"#,
            r#"{"Statement":[{"Effect":"Allow","Principal":"*"}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Principal":{"Everyone":"*"},"Action":"x"}]}"#,
            r#"{"Statement":[{"Effect":"Perhaps"}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Actoin":"x"}]}"#,
        ] {
            assert!(PolicyDocument::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn url_encoded_documents_are_decoded() {
        let document = PolicyDocument::parse("%7B%22Statement%22%3A%7B%22Effect%22%3A%22Deny%22%2C%22Action%22%3A%22x%22%7D%7D");
        assert_eq!(document.expect("a document").statements[0].actions, ["x"]);
    }

    #[test]
    fn policies_of_resources_say_who() {
        let of = |who: &str| format!(r#"{{"Statement":[{{"Effect":"Allow",{who}"Action":"s3:GetObject","Resource":"*"}}]}}"#);
        for who in ["", r#""Principal":{},"#, r#""Principal":{"AWS":[]},"#, r#""Principal":"*","NotPrincipal":"*","#] {
            assert!(PolicyDocument::parse_of_resource(&of(who)).is_none(), "{who}");
        }
        for who in [r#""Principal":"*","#, r#""NotPrincipal":{"AWS":"111111111111"},"#] {
            assert!(PolicyDocument::parse_of_resource(&of(who)).is_some(), "{who}");
        }
        assert!(PolicyDocument::parse(&of("")).is_some(), "a policy of a user or role names nobody");
    }
}
