//! The AWS side: what is collected of which service, and how. Collecting never judges.
//!
//! A service is one file: the typed properties of its resources, the links between them, the
//! operations it calls with their IAM actions, and the collector. The types are always there, so that
//! saved estates can be evaluated by any build; the collector needs the Cargo feature of the service.

/// Declares the resource types of a service: struct = AWS's type name.
macro_rules! resource_types {
    ($service:literal: $($kind:ident = $name:literal),+ $(,)?) => {
        $(impl $crate::estate::Properties for $kind {
            const TYPE: &'static str = $name;
        })+
        fn register(registry: $crate::estate::Registry) -> $crate::estate::Registry {
            registry$(.with::<$kind>($service))+
        }
        const TYPES: &[&str] = &[$($name),+];
    };
}

mod autoscaling;
mod backup;
mod document;
mod dynamodb;
mod ec2;
mod efs;
mod elbv2;
mod iam;
mod kms;
mod organizations;
mod rds;
mod s3;

#[cfg(feature = "aws")]
pub(crate) mod crosscheck;
#[cfg(feature = "aws")]
mod cx;
#[cfg(feature = "aws")]
mod pace;
#[cfg(feature = "aws")]
mod redact;
#[cfg(feature = "aws")]
mod session;
#[cfg(feature = "aws")]
mod start;
#[cfg(feature = "aws")]
mod tape;
#[cfg(feature = "aws")]
mod unswept;

use crate::estate::{Link, LinkSet, Registry};

pub use document::{PolicyDocument, Statement};

#[cfg(any(feature = "s3", feature = "kms"))]
pub(crate) use cx::explain;
#[cfg(feature = "aws")]
pub use cx::{Collected, Cx};
#[cfg(feature = "aws")]
pub use redact::Redaction;
#[cfg(all(test, feature = "aws"))]
pub(crate) use redact::reasons as redaction_reasons;
#[cfg(feature = "s3")]
pub(crate) use s3::client_of;
#[cfg(feature = "s3")]
pub use s3::{StateError, state_object};
#[cfg(any(feature = "s3", feature = "kms"))]
pub(crate) use session::caller;
#[cfg(feature = "aws")]
pub(crate) use session::post;
#[cfg(feature = "aws")]
pub(crate) use session::reread;
#[cfg(feature = "aws")]
pub use session::{AccountSpec, Observer, Plan, Request, Silent, SourceTape, StartError, Sweep, collect, replay};
#[cfg(feature = "aws")]
pub use tape::{Asked, Exchange, Outcome, Reads, Tape, TapeError};

/// Where a service is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// In every region of the run.
    Regional,
    /// Once per account.
    Global,
}

/// One operation of a service, as collectors call it. Describe, List and Get only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation {
    /// Name in AWS's API: `DescribeDBInstances`.
    pub name: &'static str,
    /// The IAM action that allows it: `rds:DescribeDBInstances`.
    pub action: &'static str,
}

/// An operation and its IAM action.
pub(crate) const fn op(name: &'static str, action: &'static str) -> Operation {
    Operation { name, action }
}

/// One AWS service.
pub struct Service {
    /// Name, also that of its Cargo feature: `rds`.
    pub name: &'static str,
    /// Where it is asked.
    pub scope: Scope,
    /// The types of resources it gives.
    pub types: &'static [&'static str],
    /// Everything it calls.
    pub operations: &'static [Operation],
    /// The links from its resources.
    pub links: &'static [Link],
    /// Requests per second and account and region, well below the documented quota.
    pub per_second: u32,
    /// Declares its types.
    pub register: fn(Registry) -> Registry,
    /// The collector, if it is built in.
    #[cfg(feature = "aws")]
    pub collect: Option<cx::Collect>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// All services, by name. A new service is a file beside this one and a line here.
pub static SERVICES: &[&Service] = &[
    &autoscaling::SERVICE,
    &backup::SERVICE,
    &dynamodb::SERVICE,
    &ec2::SERVICE,
    &efs::SERVICE,
    &elbv2::SERVICE,
    &iam::SERVICE,
    &kms::SERVICE,
    &organizations::SERVICE,
    &rds::SERVICE,
    &s3::SERVICE,
];

/// The types of all services.
pub fn registry() -> Registry {
    SERVICES.iter().fold(Registry::default(), |registry, service| (service.register)(registry))
}

/// The links of all services, and those that other modules compute.
pub fn links(computed: &[Link]) -> LinkSet {
    LinkSet::new(SERVICES.iter().flat_map(|s| s.links).chain(computed).copied())
}

/// The service that gives resources of that type.
pub fn service_of(kind: &str) -> Option<&'static Service> {
    SERVICES.iter().copied().find(|s| s.types.contains(&kind))
}
