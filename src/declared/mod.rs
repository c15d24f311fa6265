//! What code declares, in the properties that AWS shows: one table per type of Terraform, and one per
//! type of CloudFormation, so that the same policies judge a plan and the estate that comes of it.
//!
//! A table says of each property where the code has it and what holds when the code does not say. What
//! no table names is unknown: `not-in-plan`.

mod build;
mod change;
mod list;
mod map;
mod row;
mod tables;
mod undeclared;

use serde_json::{Value as Json, json};

use crate::estate::{Action, Gap, Place, Reason, RegionFrom, UNKNOWN_KEY, not_collected};

pub(crate) use build::{Reading, build};
pub(crate) use change::{Change, holds, register};
pub(crate) use tables::{kinds, sources};
pub(crate) use undeclared::{NOT_DECLARABLE, Rule, rules};

/// One thing that code declares, as it was read: a resource, or a part of one.
#[derive(Debug)]
pub(crate) struct Object {
    /// Address in the code.
    pub(crate) address: String,
    /// The code's own name of the type.
    pub(crate) source_type: String,
    /// Position of the file.
    pub(crate) file: u32,
    /// What is declared; what is not known is marked (`$unknown`).
    pub(crate) attributes: Json,
    /// The same before the plan, of what it changes.
    pub(crate) before: Option<Json>,
    /// Account, where it could be told.
    pub(crate) account: Option<String>,
    /// Region, where it could be told.
    pub(crate) region: Option<String>,
    /// How the region was found out.
    pub(crate) region_from: RegionFrom,
    /// Which provider makes it, where that is known: it has one account and one region, whichever they are.
    pub(crate) provider: Option<String>,
    /// Texts among the attributes that are taken from something of the code, each with the address of that.
    pub(crate) taken: Vec<(String, String)>,
    /// What the plan does, if it is one.
    pub(crate) action: Option<Action>,
    /// File and line.
    pub(crate) place: Option<String>,
    /// Whether a member that is not there was not configured: a template writes only what is set.
    pub(crate) sparse: bool,
}

impl Object {
    /// Where it is, as far as that is known.
    pub(crate) fn whereabouts(&self) -> Place<'_> {
        Place { account: self.account.as_deref(), region: self.region.as_deref(), provider: self.provider.as_deref() }
    }
}

/// The mark for a value that is not known.
pub(crate) fn unknown(reason: Reason, subject: impl AsRef<str>) -> Json {
    json!({ UNKNOWN_KEY: Gap::mark(reason, None, subject.as_ref()) })
}

/// Stands beside what comes to be and is configured by somebody, unlike what AWS fills in.
pub(crate) const CONFIGURED: &str = "expression";

/// The mark for what an expression gives that cannot be worked out before the code is applied.
pub(crate) fn expression(subject: impl AsRef<str>) -> Json {
    json!({ UNKNOWN_KEY: Gap::mark(Reason::AfterApply, Some(CONFIGURED), subject.as_ref()) })
}

/// The mark for the identity of something at an address, of a type of the code.
pub(crate) fn reference(address: &str, source_type: &str) -> Json {
    json!({ UNKNOWN_KEY: Gap::mark(Reason::Referenced, Some(source_type), address) })
}

/// The member of an instance under which a plan puts the tags of its provider: its disks have them as well.
pub(crate) const PROVIDER_TAGS: &str = "tags of the provider";

/// Stands as the type of keys that AWS makes and manages by itself where nobody names one.
pub(crate) const AWS_KEY: &str = "aws-managed-key";

/// The gap in a mark, if it is one.
pub(crate) fn marked(json: &Json) -> Option<Gap> {
    let map = json.as_object().filter(|map| map.len() == 1)?;
    let gap = map.get(UNKNOWN_KEY)?;
    match gap.as_str() {
        Some(mark) => not_collected("code", "", "", "").marked(mark),
        None => serde_json::from_value(gap.clone()).ok(),
    }
}

/// Hides in `tags_all` what is marked as sensitive in `tags`: the provider copies the values and not the marks.
pub(crate) fn hide_tags(attributes: &mut Json) {
    let Some(map) = attributes.as_object_mut() else { return };
    let sensitive = |json: &Json| marked(json).is_some_and(|gap| gap.reason == Reason::Sensitive);
    let Some(tags) = map.get("tags") else { return };
    if sensitive(tags) {
        let tags = tags.clone();
        map.insert("tags_all".to_owned(), tags);
        return;
    }
    let secret: Vec<(String, Json)> = tags
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| sensitive(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if let Some(Json::Object(all)) = map.get_mut("tags_all") {
        all.extend(secret);
    }
}

/// Whether it is a mark.
pub(crate) fn is_marked(json: &Json) -> bool {
    json.as_object().is_some_and(|map| map.len() == 1 && map.contains_key(UNKNOWN_KEY))
}
