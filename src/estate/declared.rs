//! What is kept of a resource that was read from code: where it is declared and what becomes of it.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::count::{count, counts};
use super::fetched::{Gap, Reason};

/// What a plan does to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It stays as it is.
    NoOp,
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
    /// It is destroyed and made anew.
    Replace,
    /// It is destroyed.
    Delete,
    /// It stays, and is no longer managed.
    Forget,
}

impl Action {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoOp => "no-op",
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Forget => "forget",
        }
    }

    /// Whether anything changes.
    pub fn changes(self) -> bool {
        self != Self::NoOp
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How the region of a declared resource was found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegionFrom {
    /// The type has none.
    GlobalType,
    /// An argument of the resource itself.
    Argument,
    /// Its ARN.
    Arn,
    /// A constant in the configuration of its provider.
    ProviderConstant,
    /// A variable in the configuration of its provider.
    ProviderVariable,
    /// Its Availability Zone.
    AvailabilityZone,
    /// What the data source for the current region read.
    DataSource,
    /// It is where everything else of its provider is.
    SameProvider,
    /// The caller of keur said so.
    Assumed,
    /// It is that of what it is part of.
    Whole,
    /// It could not be found out.
    Unknown,
}

impl RegionFrom {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GlobalType => "global-type",
            Self::Argument => "argument",
            Self::Arn => "arn",
            Self::ProviderConstant => "provider-constant",
            Self::ProviderVariable => "provider-variable",
            Self::AvailabilityZone => "availability-zone",
            Self::DataSource => "data-source",
            Self::SameProvider => "same-provider",
            Self::Assumed => "assumed",
            Self::Whole => "whole",
            Self::Unknown => "unknown",
        }
    }
}

/// Where code declares a resource, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// Address in the code: `module.db["a"].aws_db_instance.main[0]`, or the logical id of a template.
    pub address: String,
    /// The code's own name of the type: `aws_db_instance`.
    pub source_type: String,
    /// The state, plan or template, by its position in the run's files.
    pub file: u32,
    /// What the plan does; none when the code is not a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// How the region was found out.
    pub region_from: RegionFrom,
    /// Which provider of the code makes it, where that is known: it has one account and one region, whichever they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Addresses of what is declared by itself and is part of the resource in AWS: the versioning of a
    /// bucket, the rules of a group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<String>,
    /// Whether only parts of it are declared: it is itself declared elsewhere, or by nobody.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// File and line of the declaration, where the source was given: `main.tf:12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// A file that a run was read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceDigest {
    /// Its name as it was given.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Who wrote it: `terraform 1.11.4, format 1.2`.
    pub written_by: String,
}

/// What is known of a run whose facts come from code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredRun {
    /// The files.
    pub files: Vec<SourceDigest>,
    /// When the code says that it was written: a plan does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Timestamp>,
    /// How many resources the plan changes how; empty when the code is not a plan.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "counts")]
    pub actions: BTreeMap<Action, u64>,
    /// How many resources were read.
    #[serde(deserialize_with = "count")]
    pub resources: u64,
    /// Resources of AWS whose type is not read in full, by type.
    #[serde(deserialize_with = "counts")]
    pub not_covered: BTreeMap<String, u64>,
    /// Resources of other providers.
    #[serde(deserialize_with = "count")]
    pub other_providers: u64,
    /// How the regions were found out.
    #[serde(deserialize_with = "counts")]
    pub region_from: BTreeMap<RegionFrom, u64>,
    /// Why the code does not say everything that it should, if so: the plan failed, or is a part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<Gap>,
}

impl DeclaredRun {
    /// Why there may be more of anything than code declares.
    pub(crate) fn open(&self) -> Gap {
        Gap {
            service: "-".to_owned(),
            operation: "-".to_owned(),
            account: String::new(),
            region: String::new(),
            reason: Reason::NotInPlan,
            code: None,
            subject: Some("what the code does not declare".to_owned()),
        }
    }
}
