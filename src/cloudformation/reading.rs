//! A template as what code declares.

use serde_json::json;

use super::{Error, Given, read};
use crate::declared::{Object, Reading};
use crate::estate::{DeclaredRun, GLOBAL, Gap, Reason, RegionFrom, Registry, SourceDigest};

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
    for resource in template.resources {
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
                serde_json::Value::Null => json!({}),
                properties => properties,
            }),
            before: None,
            account: given.account.map(str::to_owned),
            region,
            region_from,
            action: None,
            place: resource.line.map(|line| format!("{name}:{line}")),
            sparse: true,
        });
    }
    Ok(reading)
}
