//! What was listed against what there is of it: a resource that is lost on the way is an error of the program, and
//! two things that say they are the same are not one.

use std::sync::Arc;

use super::fetched::{Fetched, Gap, Reason};
use super::resource::{GLOBAL, Resource};
use super::value::Value;
use super::{Listing, is_same};

/// The code of a gap that only a mistake of this program, or of whoever changed a saved estate, can lead to.
const INCONSISTENT: &str = "Inconsistent";

/// Resources that say they are the same are not judged as one: one of them stays, and where they differ nothing is
/// known of it; the others are counted as unreadable, and the listing is not complete. `resources` are sorted.
pub(super) fn tell_apart(resources: &mut Vec<Resource>, listings: &mut [Listing]) {
    let mut apart: Vec<Resource> = Vec::with_capacity(resources.len());
    for twin in std::mem::take(resources) {
        let Some(kept) = apart.last_mut().filter(|kept| is_same(kept, &twin)) else {
            apart.push(twin);
            continue;
        };
        let gap = gap_of(kept, Reason::Unparsable, format!("{} was listed more than once", kept.arn));
        if !says_the_same(kept, &twin) {
            kept.properties = Value::Unknown(Arc::clone(&gap));
            kept.tags = Fetched::Unknown(Arc::clone(&gap));
        }
        kept.responses.extend(twin.responses);
        if let Some(listing) = position(kept, listings).and_then(|at| listings.get_mut(at)) {
            listing.unreadable += 1;
            listing.gap.get_or_insert_with(|| Arc::unwrap_or_clone(gap));
        }
    }
    *resources = apart;
}

fn says_the_same(a: &Resource, b: &Resource) -> bool {
    a.id == b.id && a.name == b.name && a.tags == b.tags && a.properties == b.properties
}

fn gap_of(resource: &Resource, reason: Reason, subject: String) -> Arc<Gap> {
    Arc::new(Gap {
        service: resource.kind.service.to_owned(),
        operation: "-".to_owned(),
        account: resource.account.to_string(),
        region: resource.region.to_string(),
        reason,
        code: None,
        subject: Some(subject),
    })
}

type Place<'a> = (&'a str, &'a str, &'a str);

fn place_of(listing: &Listing) -> Place<'_> {
    (&listing.kind, &listing.account, &listing.region)
}

/// Where the listing is that shows a resource: that of its region, or that of all regions at once.
fn position(resource: &Resource, listings: &[Listing]) -> Option<usize> {
    let at = |region: &str| {
        let place = (resource.kind.name.as_str(), &*resource.account, region);
        let first = listings.partition_point(|listing| place_of(listing) < place);
        listings.get(first).filter(|listing| place_of(listing) == place).map(|_| first)
    };
    at(&resource.region).or_else(|| at(GLOBAL))
}

/// What was listed is a resource or unreadable. Where that does not come out, something was lost or made up: the
/// listing is not complete, so that every policy on the type is unknown there. `listings` are sorted.
pub(super) fn check(resources: &[Resource], listings: &mut [Listing]) {
    let mut kept = vec![0_u64; listings.len()];
    for resource in resources {
        if let Some(at) = position(resource, listings) {
            kept[at] += 1;
        }
    }
    let mut at = 0;
    while at < listings.len() {
        // A type may be listed in one place in several goes.
        let end = at + listings[at..].iter().take_while(|listing| place_of(listing) == place_of(&listings[at])).count();
        let sum = |count: fn(&Listing) -> u64| listings[at..end].iter().map(count).fold(0_u64, u64::saturating_add);
        let (listed, unreadable) = (sum(|l| l.listed), sum(|l| l.unreadable));
        if listed != kept[at].saturating_add(unreadable) {
            let listing = &mut listings[at];
            let subject = format!(
                "internal error, please report it: {listed} were listed, {} of them are there and {unreadable} do not say which they are",
                kept[at]
            );
            listing.gap = Some(Gap {
                service: "keur".to_owned(),
                operation: "-".to_owned(),
                account: listing.account.clone(),
                region: listing.region.clone(),
                reason: Reason::Failed,
                code: Some(INCONSISTENT.to_owned()),
                subject: Some(subject),
            });
        }
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Environment, Estate, Fetched, Listing, Resource, Run, Value};

    fn run() -> Run {
        let text = r#"{"started":"2026-01-01T00:00:00Z","finished":"2026-01-01T00:00:00Z","as_of":"2026-01-01T00:00:00Z","source":"live",
            "tool":"keur","identity":null,"accounts":[{"id":"111111111111","name":null}],"regions":["eu-central-1"],"calls":1}"#;
        serde_json::from_str(text).expect("a run")
    }

    fn volume(arn: &str, encrypted: bool) -> Resource {
        let registry = crate::registry();
        let kind = Arc::clone(registry.get("AWS::EC2::Volume").expect("a type"));
        Resource {
            kind,
            arn: arn.into(),
            id: arn.into(),
            name: arn.into(),
            account: "111111111111".into(),
            region: "eu-central-1".into(),
            environment: Environment::Unassigned,
            tags: Fetched::Absent,
            provided_by_aws: Fetched::Absent,
            properties: Value::Bool(encrypted),
            responses: Vec::new(),
            declared: None,
        }
    }

    fn listing(listed: u64, unreadable: u64) -> Listing {
        let (kind, account, region) = ("AWS::EC2::Volume".to_owned(), "111111111111".to_owned(), "eu-central-1".to_owned());
        Listing { kind, account, region, listed, unreadable, gap: None }
    }

    #[test]
    fn two_that_say_they_are_the_same_are_not_judged_as_one() {
        let estate = Estate::new(run(), vec![volume("a", true), volume("b", true), volume("a", false)], vec![listing(3, 0)]);
        assert_eq!(estate.resources.len(), 2);
        assert!(estate.resources[0].properties.is_unknown(), "one of the two is not encrypted");
        assert_eq!(estate.resources[1].properties, Value::Bool(true));
        assert_eq!(estate.listings[0].unreadable, 1);
        let gap = estate.listings[0].gap.as_ref().expect("the listing is not complete");
        assert!(gap.to_string().contains("a was listed more than once"), "{gap}");
    }

    #[test]
    fn the_same_thing_twice_is_told_as_well() {
        let estate = Estate::new(run(), vec![volume("a", true), volume("a", true)], vec![listing(2, 0)]);
        assert_eq!(estate.resources[0].properties, Value::Bool(true));
        assert!(estate.listings[0].gap.is_some());
    }

    #[test]
    fn what_was_listed_is_there_or_unreadable() {
        let estate = |listed, unreadable| Estate::new(run(), vec![volume("a", true)], vec![listing(listed, unreadable)]);
        assert!(estate(1, 0).listings[0].gap.is_none());
        assert!(estate(2, 1).listings[0].gap.is_none());
        for (listed, unreadable) in [(2, 0), (0, 0), (1, 1)] {
            let estate = estate(listed, unreadable);
            let gap = estate.listings[0].gap.as_ref().expect("an error of the program");
            assert!(gap.to_string().contains("internal error"), "{gap}");
        }
    }
}
