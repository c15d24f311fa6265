//! What was listed where, and whether to its end: the one answer to "could something have been missed?".

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::fetched::Gap;
use super::links::Within;
use super::resource::{ALL_REGIONS, GLOBAL, out_of_reach};
use super::value::not_collected;
use super::{Estate, Listing};

/// Account and region → why the listing there is not complete, if so.
type Places<'a> = BTreeMap<(&'a str, &'a str), Option<Arc<Gap>>>;

/// The listings of an estate.
pub struct Coverage<'a> {
    /// By type.
    listed: HashMap<&'a str, Places<'a>>,
    /// Accounts of the run, and why one could not be entered.
    accounts: BTreeMap<&'a str, Option<Arc<Gap>>>,
    /// By account, the regions in which anything was listed.
    regions: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// Why there may be more of everything, where the facts come from code.
    open: Option<Arc<Gap>>,
}

impl<'a> Coverage<'a> {
    /// The coverage of an estate.
    pub fn new(estate: &'a Estate) -> Self {
        let mut listed: HashMap<&str, Places<'_>> = HashMap::new();
        let mut regions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for Listing { kind, account, region, gap, .. } in &estate.listings {
            let place = listed.entry(kind).or_default().entry((account, region)).or_insert(None);
            let swept = regions.entry(account).or_default();
            if !matches!(region.as_str(), GLOBAL | ALL_REGIONS) {
                swept.insert(region);
            }
            if let Some(gap) = gap {
                *place = Some(Arc::new(gap.clone()));
            }
        }
        let accounts = estate.run.accounts.iter().map(|a| (a.id.as_str(), a.gap.clone().map(Arc::new))).collect();
        let open = estate.run.declared.as_ref().map(|declared| Arc::new(declared.open()));
        Self { listed, accounts, regions, open }
    }

    /// Whether there may be more of everything: code names what it does not declare.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether things of that type were listed to the end in a region of an account.
    pub fn complete(&self, kind: &str, account: &str, region: &str) -> bool {
        self.gap(kind, account, region).is_none()
    }

    /// Whether things of that type were asked for in the account at all.
    pub fn asked(&self, kind: &str, account: &str) -> bool {
        self.listed.get(kind).is_some_and(|places| places.keys().any(|(a, _)| *a == account))
    }

    /// Whether things of that type, or of any, were asked for in every account of the run, and there in every region in which
    /// anything was. Only that proves that there are none: what nobody asked for is not absent, nor is what code does not name.
    pub fn asked_everywhere(&self, kind: Option<&str>) -> bool {
        if self.open.is_some() || self.accounts.is_empty() {
            return false;
        }
        let in_account = |account: &str| {
            let Some(swept) = self.regions.get(account) else { return false };
            let Some(kind) = kind else { return true };
            let Some(listed) = self.listed.get(kind) else { return false };
            let is_listed = |region: &str| listed.contains_key(&(account, region));
            is_listed(GLOBAL) || is_listed(ALL_REGIONS) || !swept.is_empty() && swept.iter().all(|region| is_listed(region))
        };
        self.accounts.iter().all(|(account, closed)| closed.is_none() && in_account(account))
    }

    /// Why something of that type may have been missed in a region of an account; none if nothing was.
    /// What has no region (IAM) or is listed once for all of them (S3) counts for every region.
    pub fn gap(&self, kind: &str, account: &str, region: &str) -> Option<Arc<Gap>> {
        if self.open.is_some() {
            return self.open.clone();
        }
        let place = |region| self.listed.get(kind)?.get(&(account, region));
        match place(region).or_else(|| place(GLOBAL)).or_else(|| place(ALL_REGIONS)) {
            Some(listing) => listing.clone(),
            None => Some(self.never(kind, account, region)),
        }
    }

    /// The same for everything within that reach of a place.
    pub fn gaps(&self, kind: &str, within: Within, account: &str, region: &str) -> BTreeSet<Arc<Gap>> {
        if let Some(open) = &self.open {
            return BTreeSet::from([Arc::clone(open)]);
        }
        let places = || self.listed.get(kind).into_iter().flatten();
        match within {
            Within::Region => self.gap(kind, account, region).into_iter().collect(),
            Within::Account if self.asked(kind, account) => {
                places().filter(|((a, _), _)| *a == account).filter_map(|(_, gap)| gap.clone()).collect()
            }
            Within::Account => BTreeSet::from([self.never(kind, account, ALL_REGIONS)]),
            Within::Run => {
                let never = self.accounts.keys().filter(|a| !self.asked(kind, a)).map(|a| self.never(kind, a, ALL_REGIONS));
                places().filter_map(|(_, gap)| gap.clone()).chain(never).collect()
            }
        }
    }

    /// Why nobody asked.
    fn never(&self, kind: &str, account: &str, region: &str) -> Arc<Gap> {
        match self.accounts.get(account) {
            Some(Some(closed)) => Arc::clone(closed),
            Some(None) => Arc::new(not_collected("-", account, region, kind)),
            None => Arc::new(out_of_reach("-", account, region, kind)),
        }
    }
}
