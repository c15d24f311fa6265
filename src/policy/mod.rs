//! Policies: YAML files to checked rules, with parameters and inline tests.

mod bundle;
mod given;
mod load;
mod parameter;
pub mod yaml;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::diag::SourceFile;
use crate::estate::{Link, Resource, ResourceType, Type, Value};
use crate::expr::{Program, Template};

pub use bundle::{Basis, Bundle, Files, SHIPPED, Statement, read_folder, shipped_files};
pub(crate) use load::suggest_type;
pub use load::{Context, names, test_now};
pub use parameter::{Parameter, ParameterType, Parameters, Setting, settings};

/// How much a deviation matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth mending at leisure.
    Low,
    /// Worth mending soon.
    Medium,
    /// Worth mending now.
    High,
    /// Worth waking somebody.
    Critical,
}

impl Severity {
    pub(crate) const WORDS: &'static [(&'static str, Self)] =
        &[("critical", Self::Critical), ("high", Self::High), ("medium", Self::Medium), ("low", Self::Low)];

    /// The word in files and on screen.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(_, severity)| *severity == self).map_or("", |(word, _)| word)
    }
}

/// The keys of a policy file, in the order they are written.
pub const POLICY_KEYS: &[&str] = &[
    "id",
    "title",
    "statement",
    "severity",
    "description",
    "resource",
    "with",
    "when",
    "require",
    "deviation",
    "remedy",
    "basis",
    "tests",
];

/// The slots of the names that every policy has.
pub mod slots {
    /// `resource`
    pub const RESOURCE: usize = 0;
    /// `environment`
    pub const ENVIRONMENT: usize = 1;
    /// `account`
    pub const ACCOUNT: usize = 2;
    /// `region`
    pub const REGION: usize = 3;
    /// `name`
    pub const NAME: usize = 4;
    /// `tags`
    pub const TAGS: usize = 5;
    /// `provided_by_aws`
    pub const PROVIDED_BY_AWS: usize = 6;
    /// `params`
    pub const PARAMS: usize = 7;
    /// `now`
    pub const NOW: usize = 8;
    /// The first name bound with `with:`.
    pub const BINDINGS: usize = 9;
}

/// One declarative rule on one resource type.
#[derive(Debug, Clone)]
pub struct Policy {
    /// What is true when it passes; also the file's name.
    pub id: String,
    /// Where the id stands in the file.
    pub id_span: Range<usize>,
    /// One sentence for people.
    pub title: String,
    /// The statement it tests.
    pub statement: String,
    /// How much a deviation matters.
    pub severity: Severity,
    /// Background, traps, sources.
    pub description: Option<String>,
    /// What a pass rests on when no field shows it: a property of the service.
    pub basis: Option<String>,
    /// What to do about a deviation.
    pub remedy: String,
    /// The type it is about; none for any.
    pub resource: Option<Arc<ResourceType>>,
    /// Linked resources bound by name.
    pub bindings: Vec<Bound>,
    /// Which resources it is about.
    pub when: Option<Program>,
    /// What must hold.
    pub require: Program,
    /// The sentence about a deviation.
    pub deviation: Template,
    /// Its tests.
    pub tests: Vec<InlineTest>,
    /// Its file.
    pub source: Arc<SourceFile>,
}

impl Policy {
    /// Names of the types that must be collected for it; none for all of them.
    pub fn needs(&self) -> Option<Vec<&str>> {
        let kind = self.resource.as_ref()?;
        let mut types = vec![kind.name.as_str()];
        for bound in &self.bindings {
            types.extend(bound.link.needs());
        }
        types.sort_unstable();
        types.dedup();
        Some(types)
    }
}

/// A name bound to linked resources.
#[derive(Debug, Clone)]
pub struct Bound {
    /// The name.
    pub name: String,
    /// The link.
    pub link: Link,
    /// Its slot.
    pub slot: usize,
    /// Its type.
    pub ty: Type,
    /// Where it stands in the file.
    pub span: Range<usize>,
}

/// What a test expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// The policy passes.
    Pass,
    /// It deviates.
    Deviation,
    /// Nobody can say.
    Unknown,
    /// It is not about the resource.
    OutOfScope,
}

impl Expect {
    /// The word in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Deviation => "deviation",
            Self::Unknown => "unknown",
            Self::OutOfScope => "out of scope",
        }
    }
}

/// A test in the file of its policy.
#[derive(Debug, Clone)]
pub struct InlineTest {
    /// What it shows.
    pub name: String,
    /// The verdict it expects.
    pub expect: Expect,
    /// The sentence it expects, where that matters.
    pub message: Option<String>,
    /// What is given.
    pub world: TestWorld,
    /// Where its name stands in the file.
    pub span: Range<usize>,
}

/// What a test gives: the subject first, then what is linked to it.
#[derive(Debug, Clone)]
pub struct TestWorld {
    /// The subject, then linked resources.
    pub resources: Vec<Resource>,
    /// One value per binding of the policy.
    pub bindings: Vec<Value>,
    /// Parameters with another value than by default.
    pub parameters: BTreeMap<String, Value>,
    /// The moment it takes place.
    pub now: Timestamp,
}
