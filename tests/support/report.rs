//! The JSON report, as far as tests ask about it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

/// A verdict on one thing, without its words: policy, id and region of the resource.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    pub(crate) policy: String,
    pub(crate) resource: String,
    pub(crate) region: String,
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.policy, self.resource, self.region)
    }
}

/// A verdict on a resource.
pub(crate) fn found(policy: &str, resource: impl Into<String>, region: &str) -> Found {
    Found { policy: policy.to_owned(), resource: resource.into(), region: region.to_owned() }
}

/// A report of schema `keur/report/1`.
pub(crate) struct Report(Value);

impl Report {
    /// Reads one; refuses what is not.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(bytes).map_err(|error| format!("not JSON: {error}"))?;
        if value["schema"] != "keur/report/1" {
            return Err(format!("schema {}", value["schema"]));
        }
        Ok(Self(value))
    }

    /// A member by its JSON pointer.
    #[track_caller]
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or_else(|| panic!("the report has no {pointer}"))
    }

    fn list(&self, member: &str) -> &[Value] {
        self.0[member].as_array().unwrap_or_else(|| panic!("the report has no list `{member}`"))
    }

    /// Everything with that verdict.
    pub(crate) fn with_verdict(&self, verdict: &str) -> BTreeSet<Found> {
        self.list("findings").iter().filter(|f| f["verdict"] == verdict).map(of).collect()
    }

    /// The verdicts of a policy: on what, which.
    pub(crate) fn verdicts(&self, policy: &str) -> BTreeMap<Found, String> {
        self.list("findings").iter().filter(|f| f["policy"] == policy).map(|f| (of(f), text(f, "verdict"))).collect()
    }

    /// The policies that gave a verdict, and which.
    pub(crate) fn policies(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut policies: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for finding in self.list("findings") {
            policies.entry(text(finding, "policy")).or_default().insert(text(finding, "verdict"));
        }
        policies
    }

    /// The sentence on a resource.
    pub(crate) fn message(&self, policy: &str, resource: &str) -> Option<String> {
        let mut findings = self.list("findings").iter();
        let found = findings.find(|f| f["policy"] == policy && f["resource"]["id"] == resource)?;
        Some(text(found, "message"))
    }

    /// The gaps: `service:Operation`, account, region, reason.
    pub(crate) fn gaps(&self) -> BTreeSet<(String, String, String, String)> {
        let call = |g: &Value| format!("{}:{}", text(g, "service"), text(g, "operation"));
        self.list("gaps").iter().map(|g| (call(g), text(g, "account"), text(g, "region"), text(g, "reason"))).collect()
    }

    /// The calls of the gaps, without where.
    pub(crate) fn gap_calls(&self) -> BTreeSet<String> {
        self.gaps().into_iter().map(|(call, ..)| call).collect()
    }

    /// How many of a type were listed in a region.
    pub(crate) fn listed(&self, kind: &str, region: &str) -> u64 {
        let lines = self.list("population").iter().filter(|line| line["type"] == kind && line["region"] == region);
        lines.filter_map(|line| line["listed"].as_u64()).sum()
    }

    /// Types and places that were not listed to the end.
    pub(crate) fn incomplete(&self) -> BTreeSet<(String, String, String)> {
        let open = self.list("population").iter().filter(|line| line["complete"] != true);
        open.map(|line| (text(line, "type"), text(line, "account"), text(line, "region"))).collect()
    }

    /// Lines of the population where more or fewer were seen than listed.
    pub(crate) fn unbalanced(&self) -> Vec<String> {
        let number = |line: &Value, member: &str| line[member].as_u64().unwrap_or(u64::MAX);
        let lines = self.list("population").iter();
        let wrong = lines.filter(|l| number(l, "listed") != number(l, "judged").saturating_add(number(l, "out_of_scope")));
        wrong.map(Value::to_string).collect()
    }
}

fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_default().to_owned()
}

fn of(finding: &Value) -> Found {
    let resource = &finding["resource"];
    Found { policy: text(finding, "policy"), resource: text(resource, "id"), region: text(resource, "region") }
}
