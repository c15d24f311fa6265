//! What a read gave: a fact, the knowledge that there is none, or a gap.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize, Serializer};

/// Why a fact could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The caller's own permissions do not allow the call.
    Denied,
    /// A policy of the organisation (SCP, RCP) denies the call explicitly.
    DeniedByOrganisation,
    /// AWS kept refusing because of the request rate.
    Throttled,
    /// No answer within the time allowed.
    TimedOut,
    /// The endpoint could not be reached, or it answered that it is out of service.
    Unavailable,
    /// An answer came that does not hold what it must hold.
    Unparsable,
    /// AWS answered with an error that neither means absence nor any of the above.
    Failed,
    /// Nobody asked: the service is not built in, not part of this run, or the file is older.
    NotCollected,
    /// The account or region that holds it is not part of this run.
    OutOfReach,
    /// The plan does not carry it.
    NotInPlan,
    /// The value comes to be when the plan is applied.
    AfterApply,
    /// The value is set, and it is the identity of something that the plan makes: only the literal is
    /// not known before the plan is applied. The subject is the address of that something, the code its type.
    Referenced,
    /// Nobody configured it: AWS, or a setting of the account, decides when the plan is applied.
    AwsDecides,
    /// It is set and marked as sensitive: it is neither read nor shown.
    Sensitive,
    /// An expression could not be evaluated on this resource: an error of the policy.
    PolicyError,
    /// It was read, and it is on no list: a state that nobody judged yet, an environment that nobody declared.
    Unrecognised,
}

impl Reason {
    /// The word used on screen and in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::DeniedByOrganisation => "denied-by-organisation",
            Self::Throttled => "throttled",
            Self::TimedOut => "timed-out",
            Self::Unavailable => "unavailable",
            Self::Unparsable => "unparsable",
            Self::Failed => "failed",
            Self::NotCollected => "not-collected",
            Self::OutOfReach => "out-of-reach",
            Self::NotInPlan => "not-in-plan",
            Self::AfterApply => "after-apply",
            Self::Referenced => "referenced",
            Self::AwsDecides => "aws-decides",
            Self::Sensitive => "sensitive",
            Self::PolicyError => "policy-error",
            Self::Unrecognised => "unrecognised",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The code of a gap about a call that a recording does not hold.
pub const NOT_ON_TAPE: &str = "NotOnTape";

/// A fact that could not be read: which call, where, and why. Never an empty list, never a default.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// IAM prefix of the service: `rds`.
    pub service: String,
    /// Name of the operation: `DescribeDBSnapshots`.
    pub operation: String,
    /// Twelve-digit account id, empty when the account itself is not known.
    pub account: String,
    /// Region, or `global`.
    pub region: String,
    /// Why.
    pub reason: Reason,
    /// AWS's error code, where there was one: `AccessDenied`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What exactly is missing: a resource, a response member, or a short explanation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

impl Gap {
    /// That a fact was read and says nothing that is known: no call is to blame.
    pub fn unrecognised(subject: impl Into<String>) -> Self {
        Self {
            service: "-".to_owned(),
            operation: "-".to_owned(),
            account: String::new(),
            region: String::new(),
            reason: Reason::Unrecognised,
            code: None,
            subject: Some(subject.into()),
        }
    }

    /// Whether it is known that there is a value, although the value itself is not known.
    pub fn is_set(&self) -> bool {
        matches!(self.reason, Reason::Referenced | Reason::Sensitive)
    }

    /// Whether two references are to the same thing: known where the names are the same, and where they are
    /// different ones of one type. Something of another type may stand for the same thing.
    pub fn same_thing(&self, other: &Self) -> Option<bool> {
        let (a, b) = (self.symbol()?, other.symbol()?);
        match a == b {
            true => Some(true),
            false => (self.code.is_some() && self.code == other.code).then_some(false),
        }
    }

    /// What stands for the identity of the thing that a plan makes, if this is a reference to one.
    pub fn symbol(&self) -> Option<String> {
        (self.reason == Reason::Referenced).then(|| symbol(self.subject.as_deref().unwrap_or_default()))
    }
}

impl Gap {
    /// The reason of that name.
    fn reason_of(word: &str) -> Option<Reason> {
        serde_json::from_value(serde_json::Value::from(word)).ok()
    }

    /// The mark of a gap in short: reason, code and subject. Where it is, is known to whoever reads it.
    pub(crate) fn mark(reason: Reason, code: Option<&str>, subject: &str) -> String {
        format!("{reason}\n{}\n{subject}", code.unwrap_or_default())
    }

    /// The gap of a mark in short, at the place of `self`.
    pub(crate) fn marked(self, mark: &str) -> Option<Self> {
        let mut parts = mark.splitn(3, '\n');
        let reason = Self::reason_of(parts.next()?)?;
        let code = parts.next().filter(|code| !code.is_empty()).map(str::to_owned);
        Some(Self { reason, code, subject: Some(parts.next()?.to_owned()), ..self })
    }
}

/// What stands for the id and the ARN of something at `address` that is still to be made: no id of AWS
/// looks like it.
pub fn symbol(address: &str) -> String {
    format!("${{{address}}}")
}

/// The address in a symbol.
pub fn address_of(symbol: &str) -> Option<&str> {
    symbol.strip_prefix("${")?.strip_suffix('}')
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.operation == "-" {
            return match &self.subject {
                Some(subject) => write!(f, "{}: {subject}", self.reason),
                None => write!(f, "{}", self.reason),
            };
        }
        write!(f, "{}:{} {}", self.service, self.operation, self.reason)?;
        if let Some(code) = &self.code {
            write!(f, " ({code})")?;
        }
        if let Some(subject) = &self.subject {
            write!(f, ", {subject}")?;
        }
        Ok(())
    }
}

/// A fact, its known absence, or a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched<T> {
    /// It was read.
    Known(T),
    /// It was read that there is none.
    Absent,
    /// It could not be read.
    Unknown(Arc<Gap>),
}

impl<T> Fetched<T> {
    /// The fact, if it was read and there is one.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Unknown(_) => None,
        }
    }

    /// The gap, if it could not be read.
    pub fn gap(&self) -> Option<&Arc<Gap>> {
        match self {
            Self::Unknown(gap) => Some(gap),
            Self::Known(_) | Self::Absent => None,
        }
    }

    /// Applies `f` to a fact; absence and gaps stay what they are.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Fetched<U> {
        match self {
            Self::Known(value) => Fetched::Known(f(value)),
            Self::Absent => Fetched::Absent,
            Self::Unknown(gap) => Fetched::Unknown(gap),
        }
    }

    /// Applies `f` to a fact; `f` itself may find that the fact is absent or unknown.
    pub fn and_then<U>(self, f: impl FnOnce(T) -> Fetched<U>) -> Fetched<U> {
        match self {
            Self::Known(value) => f(value),
            Self::Absent => Fetched::Absent,
            Self::Unknown(gap) => Fetched::Unknown(gap),
        }
    }

    /// Borrows the fact.
    pub fn as_ref(&self) -> Fetched<&T> {
        match self {
            Self::Known(value) => Fetched::Known(value),
            Self::Absent => Fetched::Absent,
            Self::Unknown(gap) => Fetched::Unknown(Arc::clone(gap)),
        }
    }
}

impl<T> From<Option<T>> for Fetched<T> {
    /// For members that AWS documents as optional: none means absent.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Self::Known)
    }
}

/// A fact that AWS always sends: an answer without it is a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Required<T> {
    /// It was read.
    Known(T),
    /// It could not be read.
    Unknown(Arc<Gap>),
}

impl<T> Required<T> {
    /// The fact, if it was read.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }

    /// Applies `f` to a fact; a gap stays what it is.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Required<U> {
        match self {
            Self::Known(value) => Required::Known(f(value)),
            Self::Unknown(gap) => Required::Unknown(gap),
        }
    }

    /// Applies `f` to a fact; `f` itself may find a gap.
    pub fn and_then<U>(self, f: impl FnOnce(T) -> Required<U>) -> Required<U> {
        match self {
            Self::Known(value) => f(value),
            Self::Unknown(gap) => Required::Unknown(gap),
        }
    }
}

impl<T> From<Required<T>> for Fetched<T> {
    fn from(value: Required<T>) -> Self {
        match value {
            Required::Known(value) => Self::Known(value),
            Required::Unknown(gap) => Self::Unknown(gap),
        }
    }
}

/// The key that marks an unknown value in JSON.
pub const UNKNOWN_KEY: &str = "$unknown";

impl<T: Serialize> Serialize for Fetched<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => value.serialize(serializer),
            Self::Absent => serializer.serialize_none(),
            Self::Unknown(gap) => unknown(gap, serializer),
        }
    }
}

impl<T: Serialize> Serialize for Required<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => value.serialize(serializer),
            Self::Unknown(gap) => unknown(gap, serializer),
        }
    }
}

fn unknown<S: Serializer>(gap: &Gap, serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap as _;
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(UNKNOWN_KEY, gap)?;
    map.end()
}

impl<T: JsonSchema> JsonSchema for Required<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Required_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}

impl<T: JsonSchema> JsonSchema for Fetched<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Fetched_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        <Option<T>>::json_schema(generator)
    }
}
