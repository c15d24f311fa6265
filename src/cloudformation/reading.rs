//! A template as what code declares.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{Error, Given, read};
use crate::declared::{CONFIGURED, Object, Reading};
use crate::estate::{DeclaredRun, GLOBAL, Gap, Reason, RegionFrom, Registry, SourceDigest, UNKNOWN_KEY};

/// Services without a region.
const GLOBAL_PREFIXES: &[&str] = &[
    "AWS::IAM::",
    "AWS::CloudFront::",
    "AWS::Route53::",
    "AWS::Organizations::",
    "AWS::Budgets::",
    "AWS::CE::",
    "AWS::GlobalAccelerator::",
    "AWS::WAF::",
    "AWS::Shield::",
];

/// Writes into every reference of which type the resource is that it refers to: two of one type are two.
fn typed(json: &mut Json, kinds: &BTreeMap<String, String>) {
    match json {
        Json::Array(items) => items.iter_mut().for_each(|item| typed(item, kinds)),
        Json::Object(map) => {
            if let Some(Json::Object(gap)) = map.get_mut(UNKNOWN_KEY) {
                if gap.get("reason").and_then(Json::as_str) == Some(Reason::AfterApply.as_str()) {
                    // A template has only what somebody wrote.
                    gap.insert("code".to_owned(), CONFIGURED.into());
                }
                let kind = gap.get("subject").and_then(Json::as_str).and_then(|subject| kinds.get(subject));
                if let (Some(kind), true) = (kind, gap.get("reason").and_then(Json::as_str) == Some(Reason::Referenced.as_str())) {
                    gap.insert("code".to_owned(), kind.as_str().into());
                }
                return;
            }
            map.values_mut().for_each(|value| typed(value, kinds));
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// Reads a template. `sha256` is that of the file.
pub(crate) fn reading<'r>(name: &str, text: &str, sha256: String, given: &Given<'_>, registry: &'r Registry) -> Result<Reading<'r>, Error> {
    let template = read(name, text, given)?;
    let incomplete = |note: &String| Gap {
        service: "cloudformation".to_owned(),
        operation: "-".to_owned(),
        account: given.account.unwrap_or_default().to_owned(),
        region: given.region.unwrap_or_default().to_owned(),
        reason: Reason::Failed,
        code: None,
        subject: Some(note.clone()),
    };
    let mut reading = Reading::new("template", registry);
    reading.run = DeclaredRun {
        files: vec![SourceDigest { name: name.to_owned(), sha256, written_by: "CloudFormation template".to_owned() }],
        resources: template.resources.len() as u64,
        incomplete: template.notes.iter().map(incomplete).collect(),
        ..DeclaredRun::default()
    };
    let kinds: BTreeMap<String, String> = template.resources.iter().map(|r| (r.logical_id.clone(), r.kind.clone())).collect();
    for mut resource in template.resources {
        typed(&mut resource.properties, &kinds);
        let undecided = template.undecided.iter().find(|(id, _)| *id == resource.logical_id).map(|(_, mark)| mark.clone());
        let (region, region_from) = if GLOBAL_PREFIXES.iter().any(|prefix| resource.kind.starts_with(prefix)) {
            (Some(GLOBAL.to_owned()), RegionFrom::GlobalType)
        } else if let Some(region) = given.region {
            (Some(region.to_owned()), RegionFrom::Assumed)
        } else {
            (None, RegionFrom::Unknown)
        };
        reading.push(Object {
            address: resource.logical_id,
            source_type: resource.kind,
            file: 0,
            // Whether it is made at all is not known: nothing is known of it.
            attributes: undecided.unwrap_or(match resource.properties {
                Json::Null => json!({}),
                properties => properties,
            }),
            before: None,
            account: given.account.map(str::to_owned),
            region,
            region_from,
            // A stack is in one account and one region.
            provider: Some("stack".to_owned()),
            taken: Vec::new(),
            action: None,
            place: resource.line.map(|line| format!("{name}:{line}")),
            sparse: true,
        });
    }
    Ok(reading)
}
