//! What a file is, for whoever names one thing as another: told by its content, with the option that takes it.

use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Failure;
use super::evidence::is_pack;
use crate::untrusted;

/// More of a file is not looked at: this is only for a better message.
const MOST: u64 = 64 << 20;

/// A kind of file that keur reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plan,
    BinaryPlan,
    State,
    Template,
    Estate,
    Recording,
    Report,
    Code,
}

impl Kind {
    fn what(self) -> &'static str {
        match self {
            Self::Plan => "a plan of Terraform",
            Self::BinaryPlan => "a plan in Terraform's own format",
            Self::State => "a state of Terraform",
            Self::Template => "a CloudFormation template",
            Self::Estate => "a saved estate",
            Self::Recording => "a recording or a pack",
            Self::Report => "something that keur wrote, but nothing to judge",
            Self::Code => "a folder of Terraform's code",
        }
    }

    /// The option that takes it.
    fn option(self) -> Option<&'static str> {
        match self {
            Self::Plan => Some("--plan"),
            Self::State => Some("--state"),
            Self::Template => Some("--template"),
            Self::Estate => Some("--estate"),
            Self::Recording => Some("--replay"),
            Self::BinaryPlan | Self::Report | Self::Code => None,
        }
    }

    fn remedy(self) -> String {
        match self.option() {
            Some(option) => format!("name it with {option}"),
            None if self == Self::Report => "give what is to be judged: a plan, a state, a template, an estate or a recording".to_owned(),
            None => "make JSON of a plan: `terraform plan -out plan.out`, then `terraform show -json plan.out > plan.json`".to_owned(),
        }
    }
}

/// The members that tell files apart.
#[derive(Deserialize)]
struct Members {
    schema: Option<String>,
    format_version: Option<IgnoredAny>,
    planned_values: Option<IgnoredAny>,
    resource_changes: Option<IgnoredAny>,
    values: Option<IgnoredAny>,
    terraform_version: Option<IgnoredAny>,
    lineage: Option<IgnoredAny>,
    #[serde(rename = "Resources")]
    template: Option<IgnoredAny>,
}

fn kind_of(path: &Path) -> Option<Kind> {
    if path.is_dir() {
        let has_code = || std::fs::read_dir(path).ok()?.flatten().find(|entry| entry.path().extension().is_some_and(|e| e == "tf"));
        return match is_pack(path) || path.join("run.json").is_file() {
            true => Some(Kind::Recording),
            false => has_code().map(|_| Kind::Code),
        };
    }
    // A pipe can be read only once.
    let bytes = untrusted::read(path, MOST).ok()?;
    if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return Some(Kind::Recording);
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return Some(Kind::BinaryPlan);
    }
    let text = std::str::from_utf8(&bytes).ok()?;
    let Ok(members) = serde_json::from_str::<Members>(text) else {
        let is_template = text.lines().any(|line| line.trim_end() == "Resources:" || line.starts_with("AWSTemplateFormatVersion:"));
        return is_template.then_some(Kind::Template);
    };
    match members.schema.as_deref() {
        Some(schema) if schema.starts_with("keur/estate/") => return Some(Kind::Estate),
        Some(schema) if schema.starts_with("keur/") => return Some(Kind::Report),
        _ => {}
    }
    if members.format_version.is_some() && (members.planned_values.is_some() || members.resource_changes.is_some()) {
        return Some(Kind::Plan);
    }
    if members.lineage.is_some() || (members.terraform_version.is_some() && (members.values.is_some() || members.format_version.is_some()))
    {
        return Some(Kind::State);
    }
    members.template.map(|_| Kind::Template)
}

/// The failure to read a file as what an option takes: where the file is something else, that is what is wrong with it.
pub(super) fn misnamed(path: &Path, option: &str, failure: Failure) -> Failure {
    match kind_of(path) {
        // The failure names its schema, which says more.
        Some(Kind::Report) => Failure { hint: Some(Kind::Report.remedy()), ..failure },
        Some(kind) if kind.option() != Some(option) => {
            Failure { message: format!("{}: this is {}", path.display(), kind.what()), hint: Some(kind.remedy()), ..failure }
        }
        _ => failure,
    }
}

/// What to do with a file that was named without an option.
pub(super) fn without_option(path: &Path) -> Option<String> {
    let kind = kind_of(path)?;
    Some(match kind.option() {
        Some(option) => format!("{0} is {1}: write `{option} {0}`", path.display(), kind.what()),
        None => format!("{} is {}: {}", path.display(), kind.what(), kind.remedy()),
    })
}
