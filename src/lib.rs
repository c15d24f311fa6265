//! keur checks a live AWS estate against declarative policies and reports every deviation as evidence
//! for ISO/IEC 27001 controls. What could not be read is unknown, never a default.

pub mod aws;
pub mod cli;
pub(crate) mod cloudformation;
pub(crate) mod declared;
pub mod diag;
pub(crate) mod drift;
pub mod estate;
pub mod evaluate;
pub mod evidence;
pub mod expr;
pub mod framework;
pub mod isolation;
pub mod policy;
pub mod report;
pub(crate) mod target;
pub(crate) mod terraform;
pub(crate) mod untrusted;
pub(crate) mod words;

/// Every type of resource: those of AWS, and those that only code has.
pub fn registry() -> estate::Registry {
    drift::register(declared::register(aws::registry()))
}

/// Name and version of this program, as reports carry it.
pub fn tool() -> String {
    concat!("keur ", env!("CARGO_PKG_VERSION")).to_owned()
}
