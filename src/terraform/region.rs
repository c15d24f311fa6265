//! The region and the account of a declared resource, and how they were found out.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::HashMap;

use serde_json::Value as Json;

use super::Assumed;
use crate::declared::is_marked;
use crate::estate::{GLOBAL, RegionFrom};

/// Types without a region: whole services, by how their names begin, and what of these has one all the same.
const GLOBAL_PREFIXES: &[&str] = &[
    "aws_iam_",
    "aws_cloudfront_",
    "aws_route53_",
    "aws_route53domains_",
    "aws_organizations_",
    "aws_account_",
    "aws_budgets_",
    "aws_ce_",
    "aws_cur_",
    "aws_globalaccelerator_",
    "aws_shield_",
    "aws_waf_",
    "aws_savingsplans_",
    "aws_networkmanager_",
    "aws_route53recoverycontrolconfig_",
    "aws_route53recoveryreadiness_",
    "aws_artifact_",
    "aws_billing_",
];
const REGIONAL: &[&str] = &["aws_route53_resolver_"];

/// Whether things of a type have no region.
pub(super) fn is_global(kind: &str, attributes: &Json) -> bool {
    if REGIONAL.iter().any(|prefix| kind.starts_with(prefix)) {
        return false;
    }
    // The firewall of CloudFront lives in no region; that of everything else in one.
    if kind.starts_with("aws_wafv2_") {
        return attributes.get("scope").and_then(Json::as_str) == Some("CLOUDFRONT");
    }
    GLOBAL_PREFIXES.iter().any(|prefix| kind.starts_with(prefix))
}

/// What is known besides the attributes of the resource.
pub(super) struct Around<'a> {
    /// Region in the configuration of the provider, and whether the source was needed to tell it.
    pub(super) provider: Option<(&'a str, bool)>,
    /// Region that the data source of the same provider read.
    pub(super) data: Option<&'a str>,
    /// Region of everything else of the same provider, if it is one.
    pub(super) others: Option<&'a str>,
    /// What the caller says.
    pub(super) assumed: &'a Assumed,
}

/// The region: by the first of eight ways that tells it.
pub(super) fn region(kind: &str, attributes: &Json, before: Option<&Json>, around: &Around<'_>) -> (Option<String>, RegionFrom) {
    let told = |found: &str, from| (Some(found.to_owned()), from);
    if is_global(kind, attributes) {
        return told(GLOBAL, RegionFrom::GlobalType);
    }
    let sources = [Some(attributes), before];
    let sources = || sources.iter().flatten();
    if let Some(region) = sources().find_map(|a| text(a, "region")).filter(|region| is_region(region)) {
        return told(region, RegionFrom::Argument);
    }
    if let Some(region) = sources().find_map(|a| text(a, "bucket_region")).filter(|region| is_region(region)) {
        return told(region, RegionFrom::Argument);
    }
    // The ARN of a bucket, of IAM and of CloudFront has none; that of what it points to does not count.
    let arns = ["arn", "id", "db_snapshot_arn", "db_cluster_snapshot_arn"];
    if let Some(region) =
        sources().find_map(|a| arns.iter().find_map(|name| arn(text(a, name)?).map(|(region, _)| region))).filter(|r| is_region(r))
    {
        return told(region, RegionFrom::Arn);
    }
    if let Some((region, variable)) = around.provider {
        return told(region, if variable { RegionFrom::ProviderVariable } else { RegionFrom::ProviderConstant });
    }
    if let Some(zone) = sources().find_map(|a| text(a, "availability_zone")) {
        let region = zone.trim_end_matches(|c: char| c.is_ascii_lowercase());
        if is_region(region) {
            return told(region, RegionFrom::AvailabilityZone);
        }
    }
    if let Some(region) = around.data {
        return told(region, RegionFrom::DataSource);
    }
    if let Some(region) = around.others {
        return told(region, RegionFrom::SameProvider);
    }
    match &around.assumed.region {
        Some(region) => told(region, RegionFrom::Assumed),
        None => (None, RegionFrom::Unknown),
    }
}

/// Regions and accounts that the resources of each provider tell of themselves: a provider has one of each.
#[derive(Default)]
pub(super) struct Witnesses(HashMap<String, (Vec<String>, Vec<String>)>);

impl Witnesses {
    /// Notes what a resource tells.
    pub(super) fn note(&mut self, provider: &str, kind: &str, attributes: &Json) {
        let nobody = Assumed::default();
        let alone = Around { provider: None, data: None, others: None, assumed: &nobody };
        let known = self.0.entry(provider.to_owned()).or_default();
        let add = |list: &mut Vec<String>, found: Option<String>| {
            if let Some(found) = found.filter(|found| !list.contains(found)) {
                list.push(found);
            }
        };
        let (region, from) = region(kind, attributes, None, &alone);
        // A region that is an argument is the resource's own, and need not be the provider's.
        if matches!(from, RegionFrom::Arn | RegionFrom::AvailabilityZone) {
            add(&mut known.0, region);
        }
        add(&mut known.1, account(attributes, None));
    }

    fn only(list: &[String]) -> Option<&str> {
        match list {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The region of all that tell theirs, if it is one.
    pub(super) fn region(&self, provider: &str) -> Option<&str> {
        Self::only(&self.0.get(provider)?.0)
    }

    /// The account of all that tell theirs, if it is one.
    pub(super) fn account(&self, provider: &str) -> Option<&str> {
        Self::only(&self.0.get(provider)?.1)
    }
}

/// What tells region, account and identity of a resource, and little else.
#[derive(serde::Deserialize, Default)]
pub(super) struct Identity {
    arn: Option<Json>,
    id: Option<Json>,
    owner_id: Option<Json>,
    availability_zone: Option<Json>,
    bucket: Option<Json>,
    cluster_identifier: Option<Json>,
    identifier: Option<Json>,
    key_id: Option<Json>,
    name: Option<Json>,
}

impl Identity {
    /// What tells place, as attributes.
    pub(super) fn attributes(&self) -> Json {
        serde_json::json!({"arn": self.arn, "id": self.id, "owner_id": self.owner_id, "availability_zone": self.availability_zone})
    }

    /// The texts that identify it, by attribute.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("arn", &self.arn),
            ("id", &self.id),
            ("bucket", &self.bucket),
            ("cluster_identifier", &self.cluster_identifier),
            ("identifier", &self.identifier),
            ("key_id", &self.key_id),
            ("name", &self.name),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?.as_str()?)))
    }
}

/// The account: by the resource's own ARN or owner.
pub(super) fn account(attributes: &Json, before: Option<&Json>) -> Option<String> {
    let sources = [Some(attributes), before];
    sources.iter().flatten().find_map(|a| {
        let own = ["arn", "id", "db_snapshot_arn", "db_cluster_snapshot_arn"];
        let by_arn = own.iter().find_map(|name| arn(text(a, name)?).map(|(_, account)| account));
        by_arn.or_else(|| text(a, "owner_id")).filter(|account| is_account(account)).map(str::to_owned)
    })
}

pub(super) fn text<'j>(attributes: &'j Json, name: &str) -> Option<&'j str> {
    attributes.get(name).filter(|value| !is_marked(value)).and_then(Json::as_str).filter(|text| !text.is_empty())
}

/// Region and account of an ARN.
pub(super) fn arn(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.splitn(6, ':');
    (parts.next() == Some("arn")).then_some(())?;
    let region = parts.nth(2)?;
    Some((region, parts.next()?))
}

/// Whether a text is an account.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a text looks like the name of a region.
pub(crate) fn is_region(text: &str) -> bool {
    let mut parts = text.rsplitn(2, '-');
    let number = parts.next().is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    number && parts.next().is_some_and(|rest| rest.contains('-') && rest.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Around, account, is_region, region};
    use crate::estate::RegionFrom;
    use crate::terraform::Assumed;

    #[test]
    fn the_first_way_that_tells_counts() {
        let assumed = Assumed { region: Some("eu-west-3".to_owned()), account: None };
        let none = Assumed::default();
        let around = |provider, data, assumed| Around { provider, data, others: None, assumed };
        let all = around(Some(("eu-central-1", false)), Some("eu-west-2"), &assumed);
        let of = |kind: &str, attributes: serde_json::Value, around: &Around<'_>| {
            let (region, from) = region(kind, &attributes, None, around);
            (region.unwrap_or_default(), from)
        };
        assert_eq!(of("aws_iam_role", json!({"arn": "arn:aws:iam::111111111111:role/x"}), &all).0, "global");
        assert_eq!(of("aws_route53_resolver_rule", json!({}), &all), ("eu-central-1".to_owned(), RegionFrom::ProviderConstant));
        assert_eq!(of("aws_wafv2_web_acl", json!({"scope": "CLOUDFRONT"}), &all).1, RegionFrom::GlobalType);
        assert_eq!(of("aws_vpc", json!({"region": "us-east-2"}), &all), ("us-east-2".to_owned(), RegionFrom::Argument));
        let arn = json!({"arn": "arn:aws:rds:us-west-1:111111111111:db:x"});
        assert_eq!(of("aws_db_instance", arn, &all), ("us-west-1".to_owned(), RegionFrom::Arn));
        let zone = json!({"availability_zone": "eu-north-1b"});
        assert_eq!(of("aws_subnet", zone, &around(None, None, &none)), ("eu-north-1".to_owned(), RegionFrom::AvailabilityZone));
        assert_eq!(of("aws_vpc", json!({}), &around(None, Some("eu-west-2"), &assumed)).1, RegionFrom::DataSource);
        assert_eq!(of("aws_vpc", json!({}), &around(None, None, &assumed)), ("eu-west-3".to_owned(), RegionFrom::Assumed));
        assert_eq!(of("aws_vpc", json!({}), &around(None, None, &none)), (String::new(), RegionFrom::Unknown));
    }

    #[test]
    fn accounts_and_regions_are_recognised() {
        assert_eq!(account(&json!({"owner_id": "111111111111"}), None).as_deref(), Some("111111111111"));
        assert_eq!(account(&json!({"arn": "arn:aws:s3:::bucket"}), None), None);
        assert!(is_region("eu-central-1") && is_region("us-gov-east-1") && is_region("eusc-de-east-1"));
        assert!(!is_region("global") && !is_region("us-standard") && !is_region("eu-central-1a") && !is_region(""));
    }
}
