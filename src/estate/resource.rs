//! One thing in the estate.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::declared::Declared;
use super::fetched::{Fetched, Gap, Reason, Required, address_of, symbol};
use super::place::Place;
use super::schema::{Properties, ResourceType, Type};
use super::value::Value;

/// SHA-256 of the bytes of a response, as they are kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResponseId(pub [u8; 32]);

impl ResponseId {
    /// That of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for ResponseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ResponseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ResponseId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not of the form sha256:<64 hexadecimal digits>");
        let hex = text.strip_prefix("sha256:").filter(|h| h.len() == 64 && h.is_ascii()).ok_or_else(wrong)?;
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for ResponseId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ResponseId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The environment a resource belongs to, and how that was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Environment {
    /// Exactly one environment claims it.
    Named {
        /// The environment's name.
        name: Arc<str>,
        /// Why: `tag Environment=prod`, `vpc vpc-1`, `of AWS::EC2::Instance i-1`.
        basis: String,
    },
    /// No environment claims it.
    Unassigned,
    /// It says that it belongs to an environment, and nobody declared one of that name.
    Unrecognised {
        /// What says so: `tag Environment=prodution`.
        basis: String,
    },
    /// Several environments claim it: their names, and by what each does.
    Ambiguous(Vec<(Arc<str>, String)>),
    /// What would tell could not be read.
    Unknown(Arc<Gap>),
}

impl Environment {
    /// What expressions see.
    pub fn as_value(&self) -> Value {
        match self {
            Self::Named { name, .. } => Value::String(Arc::clone(name)),
            Self::Unassigned | Self::Unrecognised { .. } => Value::string(UNASSIGNED),
            Self::Ambiguous(_) => Value::string(AMBIGUOUS),
            Self::Unknown(gap) => Value::Unknown(Arc::clone(gap)),
        }
    }

    /// By what it belongs where it does; of several environments each with what claims for it.
    pub fn basis(&self) -> Value {
        match self {
            Self::Named { basis, .. } => Value::string(basis.as_str()),
            Self::Unassigned => Value::string("no environment claims it"),
            Self::Unrecognised { basis } => Value::string(format!("{basis}, which no environment claims")),
            Self::Ambiguous(claims) => {
                let claims: Vec<String> = claims.iter().map(|(name, basis)| format!("{name} by {basis}")).collect();
                Value::string(format!("claimed for {}", claims.join(" and for ")))
            }
            Self::Unknown(gap) => Value::Unknown(Arc::clone(gap)),
        }
    }

    /// What people and reports see.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Named { name, .. } => name,
            Self::Unassigned | Self::Unrecognised { .. } => UNASSIGNED,
            Self::Ambiguous(_) => AMBIGUOUS,
            Self::Unknown(_) => "unknown",
        }
    }
}

/// The environments that are known by name although nobody declared them: the defaults of the parameters
/// speak of these and of no others.
pub const USUAL_ENVIRONMENTS: &[&str] = &["demo", "development", "production", "staging", "test"];

/// The word for a resource that no environment claims.
pub const UNASSIGNED: &str = "unassigned";
/// The word for a resource that several environments claim.
pub const AMBIGUOUS: &str = "ambiguous";
/// The region of services that have none.
pub const GLOBAL: &str = "global";

/// One thing in the estate.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Its type.
    pub kind: Arc<ResourceType>,
    /// ARN; for things that AWS gives none, one made by its rules.
    pub arn: Arc<str>,
    /// Id within account and region: `vpc-1`, the name of a bucket.
    pub id: Arc<str>,
    /// Name people know it by: the `Name` tag or the identifier.
    pub name: Arc<str>,
    /// Twelve-digit account id.
    pub account: Arc<str>,
    /// Region, or `global`.
    pub region: Arc<str>,
    /// Environment, assigned after collecting.
    pub environment: Environment,
    /// Tags.
    pub tags: Fetched<BTreeMap<String, String>>,
    /// The named rule by which this is AWS's own object that holds nothing of the customer; assigned
    /// after collecting.
    pub provided_by_aws: Fetched<&'static str>,
    /// Typed properties, a record of `kind.properties`.
    pub properties: Value,
    /// The responses it was read from.
    pub responses: Vec<ResponseId>,
    /// Where code declares it, if it was read from code.
    pub declared: Option<Arc<Declared>>,
}

/// Stands for an account that could not be told.
pub const UNKNOWN_ACCOUNT: &str = "unknown";
/// What stands for the account of something that code declares, where nobody says which it is.
pub fn account_of(address: &str) -> String {
    format!("the account of {address}")
}

/// Stands for the value of a tag whose key is known and whose value is not.
pub const UNKNOWN_TAG: &str = "${unknown}";
/// Stands for a region that could not be told.
pub const UNKNOWN_REGION: &str = "unknown";
/// Stands for every region that could not even be named.
pub const ALL_REGIONS: &str = "*";

impl Resource {
    /// The region as expressions see it: unknown where it could not be told.
    pub fn region_value(&self) -> Value {
        if !matches!(&*self.region, UNKNOWN_REGION | ALL_REGIONS) {
            return Value::String(Arc::clone(&self.region));
        }
        if self.declared.is_some() {
            let what = "the region: its provider takes it from its environment, name it with --region";
            return Value::Unknown(Arc::new(out_of_reach(self.kind.service, &self.account, &self.region, what)));
        }
        match self.properties.first_gap() {
            Some(gap) => Value::Unknown(Arc::clone(gap)),
            None => Value::Unknown(Arc::new(out_of_reach(self.kind.service, &self.account, &self.region, "the region of the resource"))),
        }
    }

    /// Where it is, as far as that is known.
    pub(crate) fn place(&self) -> Place<'_> {
        let known = |text: &'_ Arc<str>, unknown: &str| **text != *unknown;
        Place {
            account: known(&self.account, UNKNOWN_ACCOUNT).then_some(&*self.account),
            region: known(&self.region, UNKNOWN_REGION).then_some(&*self.region),
            provider: self.declared.as_ref().and_then(|declared| declared.provider.as_deref()),
        }
    }

    /// The account as expressions see it: unknown where it could not be told.
    pub fn account_value(&self) -> Value {
        if &*self.account != UNKNOWN_ACCOUNT {
            return Value::String(Arc::clone(&self.account));
        }
        let mut gap = out_of_reach(self.kind.service, "", &self.region, "the account of the resource");
        if let Some(declared) = &self.declared {
            // Whose it is, is not known; that it is the account of this resource, is.
            gap.reason = Reason::Referenced;
            gap.subject = Some(account_of(&declared.address));
        }
        Value::Unknown(Arc::new(gap))
    }

    /// The tags as expressions see them.
    pub fn tags_value(&self) -> Value {
        match &self.tags {
            Fetched::Known(tags) => {
                let value = |text: &str| match text {
                    UNKNOWN_TAG => {
                        Value::Unknown(Arc::new(out_of_reach(self.kind.service, &self.account, &self.region, "the value of the tag")))
                    }
                    text => Value::string(text),
                };
                Value::Map(Arc::new(tags.iter().map(|(k, v)| (Arc::from(k.as_str()), value(v))).collect()))
            }
            Fetched::Absent => Value::Map(Arc::default()),
            Fetched::Unknown(gap) => Value::Unknown(Arc::clone(gap)),
        }
    }

    /// An id or an ARN as expressions see it: that of something still to be made is only referred to.
    pub fn identity_value(&self, text: &Arc<str>) -> Value {
        let Some(address) = address_of(text) else { return Value::String(Arc::clone(text)) };
        let mut gap = out_of_reach(self.kind.service, &self.account, &self.region, address);
        gap.reason = Reason::Referenced;
        gap.code = self.declared.as_ref().map(|declared| declared.source_type.clone());
        Value::Unknown(Arc::new(gap))
    }

    /// What names it while it is still to be made: code declares it.
    pub fn symbol(&self) -> Option<String> {
        self.declared.as_ref().map(|declared| symbol(&declared.address))
    }

    /// A property.
    ///
    /// Unknown when the properties as a whole could not be read.
    pub fn property(&self, name: &str) -> Option<&Value> {
        match &self.properties {
            Value::Record(record) => record.get(name),
            unknown @ Value::Unknown(_) => Some(unknown),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Double(_)
            | Value::String(_)
            | Value::Timestamp(_)
            | Value::Duration(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Resource(_) => None,
        }
    }

    /// A property that not every type has.
    pub fn property_if(&self, name: &str) -> Option<&Value> {
        self.kind.properties.field(name)?;
        self.property(name)
    }

    /// The values at a path: `vpc_id`, `security_groups[]`, `routes[].gateway_id`, or the envelope's
    /// `id` and `arn`. Nulls are left out; what is unknown comes as it is.
    pub fn values_at(&self, path: &str) -> Vec<Value> {
        match path {
            "id" => return vec![Value::String(Arc::clone(&self.id))],
            "arn" => return vec![Value::String(Arc::clone(&self.arn))],
            "name" => return vec![Value::String(Arc::clone(&self.name))],
            _ => {}
        }
        let mut out = Vec::new();
        walk(&self.properties, path, &mut out);
        out
    }
}

fn walk(value: &Value, path: &str, out: &mut Vec<Value>) {
    match value {
        Value::Null => {}
        Value::List(items) => {
            let rest = path.strip_prefix("[]").unwrap_or(path);
            let rest = rest.strip_prefix('.').unwrap_or(rest);
            items.iter().for_each(|item| walk(item, rest, out));
        }
        Value::Record(record) if !path.is_empty() => {
            let end = path.find(['.', '[']).unwrap_or(path.len());
            let (field, rest) = path.split_at(end);
            let rest = rest.strip_prefix('.').unwrap_or(rest);
            match record.get(field) {
                Some(value) => walk(value, rest, out),
                None => unreachable!("internal error: no field `{field}` on {}", record.ty.name),
            }
        }
        other => out.push(other.clone()),
    }
}

/// What a collector knows of a resource before it joins the estate.
#[derive(Debug)]
pub struct NewResource<P> {
    /// ARN.
    pub arn: String,
    /// Id within account and region.
    pub id: String,
    /// Name; the `Name` tag is preferred over it where there is one.
    pub name: String,
    /// Twelve-digit account id.
    pub account: String,
    /// Region, or `global`.
    pub region: String,
    /// Tags.
    pub tags: Fetched<BTreeMap<String, String>>,
    /// Properties; unknown as a whole when only the listing could be read.
    pub properties: Required<P>,
    /// The responses it was read from.
    pub responses: Vec<ResponseId>,
}

impl<P: Properties> NewResource<P> {
    /// Checks the properties against the type and makes the resource.
    pub fn build(self, kind: &Arc<ResourceType>) -> Resource {
        let properties = match &self.properties {
            Required::Unknown(gap) => Value::Unknown(Arc::clone(gap)),
            Required::Known(properties) => {
                let json = serde_json::to_value(properties).expect("internal error: properties are plain data");
                let missing = |path: &str| super::value::not_collected(kind.service, &self.account, &self.region, path);
                Value::from_json(&Type::Record(Arc::clone(&kind.properties)), json, &missing)
                    .unwrap_or_else(|error| unreachable!("internal error: {} does not fit its own schema: {error}", P::TYPE))
            }
        };
        let named = self.tags.known().and_then(|t| t.get("Name")).filter(|n| !n.trim().is_empty()).cloned();
        Resource {
            kind: Arc::clone(kind),
            arn: self.arn.into(),
            id: self.id.into(),
            name: named.unwrap_or(self.name).into(),
            account: self.account.into(),
            region: self.region.into(),
            environment: Environment::Unassigned,
            tags: self.tags,
            provided_by_aws: Fetched::Absent,
            properties,
            responses: self.responses,
            declared: None,
        }
    }
}

/// The gap for a fact that lies in an account or region that is not part of the run.
pub fn out_of_reach(service: &str, account: &str, region: &str, subject: &str) -> Gap {
    Gap {
        service: service.to_owned(),
        operation: "-".to_owned(),
        account: account.to_owned(),
        region: region.to_owned(),
        reason: Reason::OutOfReach,
        code: None,
        subject: Some(subject.to_owned()),
    }
}
