//! One estate against another: what appeared, what vanished, what changed.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::BTreeMap;

use super::compare::{Comparison, Difference, Keys, Of, compare};
use crate::estate::{ALL_REGIONS, CODE, Coverage, Estate, GLOBAL, Listing, Resource};

/// What became of a resource.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// It is in the second estate only. The position there.
    Appeared(usize),
    /// Nobody can say what appeared, vanished or changed there: it was not listed on one of the days, or on both.
    Unseen {
        /// Type.
        kind: String,
        /// Account.
        account: String,
        /// Region.
        region: String,
        /// Why.
        why: String,
    },
    /// It is in the first estate only. The position there.
    Vanished(usize),
    /// It is in both, and not the same. The position in the second, and what differs.
    Changed(usize, Vec<Difference>),
    /// Nobody can say: it is in one only, and the other did not look there; or something of it could be read in one only.
    Unknown {
        /// Position in the first.
        first: Option<usize>,
        /// Position in the second.
        second: Option<usize>,
        /// Why.
        why: String,
    },
}

type Key<'a> = (&'a str, &'a str, &'a str, &'a str);

fn key(resource: &Resource) -> Key<'_> {
    (&resource.kind.name, &resource.account, &resource.region, &resource.arn)
}

/// What happened between two estates, in the order of types, accounts, regions and ARNs.
pub(crate) fn changes(first: &Estate, second: &Estate) -> Vec<Change> {
    let index = |estate: &'_ Estate| -> BTreeMap<(String, String, String, String), usize> {
        let real = estate.resources.iter().enumerate().filter(|(_, r)| r.kind.service != CODE);
        real.map(|(at, r)| {
            let (a, b, c, d) = key(r);
            ((a.to_owned(), b.to_owned(), c.to_owned(), d.to_owned()), at)
        })
        .collect()
    };
    let (old, new) = (index(first), index(second));
    let (first_coverage, second_coverage) = (Coverage::new(first), Coverage::new(second));
    let (first_keys, second_keys) = (Keys::of(first), Keys::of(second));
    let mut found = Vec::new();
    let mut all: Vec<_> = old.keys().chain(new.keys()).collect();
    all.sort_unstable();
    all.dedup();
    for key in all {
        let (kind, account, region, _) = key;
        match (old.get(key), new.get(key)) {
            (Some(a), Some(b)) => {
                let (was, is) = (&first.resources[*a], &second.resources[*b]);
                let of = if first.run.declared.is_none() && second.run.declared.is_none() { Of::Days } else { Of::Plan };
                let Comparison { differences, mut unread, .. } = compare(was, is, &second_keys, of);
                // What code does not say it leaves to AWS; what AWS did not say before may have changed since.
                unread.retain(|_| second.run.declared.is_none());
                if first.run.declared.is_none() && of == Of::Plan {
                    unread.extend(compare(is, was, &first_keys, of).unread);
                }
                if !differences.is_empty() {
                    found.push(Change::Changed(*b, differences));
                } else if !unread.is_empty() {
                    let why = unread.iter().map(|u| format!("{}: {}", u.attribute, u.gap)).collect::<Vec<_>>().join(", ");
                    found.push(Change::Unknown { first: Some(*a), second: Some(*b), why });
                }
            }
            // What one code declares and the other does not is gone, as far as code goes.
            (Some(a), None) => match second_coverage.gap(kind, account, region).filter(|_| second.run.declared.is_none()) {
                Some(gap) => found.push(Change::Unknown { first: Some(*a), second: None, why: gap.to_string() }),
                None => found.push(Change::Vanished(*a)),
            },
            (None, Some(b)) => match first_coverage.gap(kind, account, region).filter(|_| first.run.declared.is_none()) {
                Some(gap) => found.push(Change::Unknown { first: None, second: Some(*b), why: gap.to_string() }),
                None => found.push(Change::Appeared(*b)),
            },
            (None, None) => {}
        }
    }
    let mut unseen: BTreeMap<(String, String, String), String> = BTreeMap::new();
    let live = || [(first, &first_coverage), (second, &second_coverage)].into_iter().filter(|(estate, _)| estate.run.declared.is_none());
    for (estate, coverage) in live() {
        // What is listed on either day, on this one.
        for listing in live().flat_map(|(either, _)| &either.listings) {
            let Listing { kind, account, region, .. } = listing;
            let Some(gap) = coverage.gap(kind, account, region) else { continue };
            let every = || "every type".to_owned();
            let (place, why) = match estate.run.accounts.iter().find(|a| a.id == *account) {
                // All of it is told below.
                Some(entered) if entered.gap.is_some() => continue,
                None => ((every(), account.clone(), ALL_REGIONS.to_owned()), "the account is in one of the estates only".to_owned()),
                Some(_) if !matches!(region.as_str(), GLOBAL | ALL_REGIONS) && !estate.run.regions.contains(region) => {
                    ((every(), account.clone(), region.clone()), "the region is in one of the estates only".to_owned())
                }
                Some(_) => ((kind.clone(), account.clone(), region.clone()), gap.to_string()),
            };
            unseen.insert(place, why);
        }
        for account in estate.run.accounts.iter().filter(|a| a.gap.is_some()) {
            let why = account.gap.as_ref().map(ToString::to_string).unwrap_or_default();
            unseen.insert(("every type".to_owned(), account.id.clone(), ALL_REGIONS.to_owned()), why);
        }
    }
    found.extend(unseen.into_iter().map(|((kind, account, region), why)| Change::Unseen { kind, account, region, why }));
    found
}
