//! Regions that an account has switched off and that something in it names all the same: a bucket that lies
//! there, a replica, a copy. Somebody used them, AWS shows nothing of what is left in them, and nobody may
//! conclude that there is nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::{Scope, Service};
use crate::estate::{Listing, Resource, Value, out_of_reach};

/// The type that lists the regions themselves.
const REGION: &str = "AWS::EC2::Region";
/// Policies speak of regions that may be used; that is no sign that one was.
const NO_SIGN: &[&str] = &["PolicyDocument", "RegionGuardrail"];

/// A listing that could not be made, for every type of these regions.
pub(super) fn listings(resources: &[Resource], services: &[&'static Service]) -> Vec<Listing> {
    let mut off: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for region in resources.iter().filter(|r| r.kind.name == REGION) {
        if matches!(region.property("opt_in_status"), Some(Value::String(status)) if &**status == "not-opted-in") {
            off.entry(&region.account).or_default().insert(&region.id);
        }
    }
    let mut named: BTreeMap<(&str, &str), &Resource> = BTreeMap::new();
    for resource in resources.iter().filter(|r| r.kind.name != REGION) {
        let Some(off) = off.get(&*resource.account) else { continue };
        let mut found = BTreeSet::new();
        if let Some(region) = off.get(&*resource.region) {
            found.insert(*region);
        }
        regions_in(&resource.properties, &resource.account, off, &mut found);
        for region in found {
            named.entry((&resource.account, region)).or_insert(resource);
        }
    }
    let types = || services.iter().filter(|s| s.scope == Scope::Regional).flat_map(|s| s.types.iter().map(|kind| (s.name, *kind)));
    named
        .into_iter()
        .flat_map(|((account, region), by)| {
            let why = format!("the account has switched this region off, and {} {} names it", by.kind.name, by.name);
            types().filter(|(_, kind)| *kind != REGION).map(move |(service, kind)| Listing {
                kind: kind.to_owned(),
                account: account.to_owned(),
                region: region.to_owned(),
                listed: 0,
                unreadable: 0,
                gap: Some(out_of_reach(service, account, region, &why)),
            })
        })
        .collect()
}

/// The regions of `off` that a value names: as a text of its own, or in an ARN of the account.
fn regions_in<'o>(value: &Value, account: &str, off: &BTreeSet<&'o str>, found: &mut BTreeSet<&'o str>) {
    match value {
        Value::String(text) => {
            let region = match text.strip_prefix("arn:").map(|rest| rest.splitn(5, ':').collect::<Vec<_>>()) {
                Some(parts) if matches!(parts.get(3), Some(owner) if owner.is_empty() || *owner == account) => parts[2],
                Some(_) => return,
                None => text,
            };
            found.extend(off.get(region));
        }
        Value::List(items) => items.iter().for_each(|item| regions_in(item, account, off, found)),
        Value::Map(entries) => entries.values().for_each(|item| regions_in(item, account, off, found)),
        Value::Record(record) if NO_SIGN.contains(&record.ty.name.as_str()) => {}
        Value::Record(record) => record.values.iter().for_each(|item| regions_in(item, account, off, found)),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Double(_)
        | Value::Timestamp(_)
        | Value::Duration(_)
        | Value::Resource(_)
        | Value::Unknown(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::listings;
    use crate::aws::SERVICES;
    use crate::estate::Estate;

    fn resource(kind: &str, id: &str, account: &str, region: &str, properties: &str) -> String {
        format!(
            r#"{{"type":"{kind}","arn":"arn:aws:x:{region}:{account}:{id}","id":"{id}","name":"{id}","account":"{account}",
                "region":"{region}","tags":{{}},"properties":{properties}}}"#
        )
    }

    /// The regions that could not be listed for databases, and why.
    fn unlisted(resources: &[String]) -> Vec<(String, String)> {
        let head = r#"{"schema":"keur/estate/1","run":{"started":"2026-01-15T12:00:00Z","finished":"2026-01-15T12:00:00Z",
            "as_of":"2026-01-15T12:00:00Z","source":"live","tool":"keur test","identity":null,"accounts":[],"regions":[],"calls":0}"#;
        let text = format!(r#"{head},"resources":[{}],"listings":[]}}"#, resources.join(","));
        let estate = Estate::load(&text, &crate::registry()).unwrap();
        let found = listings(&estate.resources, SERVICES);
        assert!(found.iter().all(|listing| listing.kind != "AWS::EC2::Region" && listing.gap.is_some()));
        let databases = found.into_iter().filter(|listing| listing.kind == "AWS::RDS::DBInstance");
        databases.map(|l| (format!("{} {}", l.account, l.region), l.gap.unwrap().subject.unwrap())).collect()
    }

    #[test]
    fn a_region_that_is_off_is_not_seen_where_something_names_it() {
        const OWN: &str = "111111111111";
        let off = |region: &str| resource("AWS::EC2::Region", region, OWN, "global", r#"{"opt_in_status":"not-opted-in"}"#);
        let on = |region: &str| resource("AWS::EC2::Region", region, OWN, "global", r#"{"opt_in_status":"opt-in-not-required"}"#);
        let regions = [off("me-south-1"), off("eu-south-1"), off("ap-east-1"), on("us-east-1")];
        let with = |more: &[String]| unlisted(&[&regions[..], more].concat());
        assert_eq!(with(&[]), [], "most accounts never switched them on");
        let db = |replica: &str| {
            let properties = format!(r#"{{"read_replica_db_instance_identifiers":["{replica}"]}}"#);
            resource("AWS::RDS::DBInstance", "main", OWN, "eu-central-1", &properties)
        };
        let why = |what: &str| format!("the account has switched this region off, and {what} names it");
        let found = with(&[db("arn:aws:rds:me-south-1:111111111111:db:copy")]);
        assert_eq!(found, [("111111111111 me-south-1".to_owned(), why("AWS::RDS::DBInstance main"))]);
        assert_eq!(with(&[db("arn:aws:rds:us-east-1:111111111111:db:copy")]), [], "that one was looked at");
        assert_eq!(with(&[db("arn:aws:rds:me-south-1:222222222222:db:copy")]), [], "whether it is off there, nobody asked");
        let bucket = resource("AWS::S3::Bucket", "old", OWN, "eu-south-1", r#"{"location":"eu-south-1"}"#);
        assert_eq!(with(&[bucket]), [("111111111111 eu-south-1".to_owned(), why("AWS::S3::Bucket old"))]);
        let key = resource("AWS::KMS::Key", "k", OWN, "eu-central-1", r#"{"replica_regions":["ap-east-1"]}"#);
        assert_eq!(with(&[key]).len(), 1);
        let guardrail = resource(
            "AWS::Organizations::Account",
            OWN,
            OWN,
            "global",
            r#"{"region_guardrails":[{"policy_id":"p","policy_name":"p","regions":["ap-east-1"],"exempt_actions":[],"narrowed":false}]}"#,
        );
        assert_eq!(with(&[guardrail]), [], "a policy that allows a region is no sign that it was used");
    }
}
