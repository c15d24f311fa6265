//! Evidence: one run on disk, as a pack that can be verified and run again, chained to the pack before it.

pub mod anchor;
mod caller;
pub mod dsse;
#[cfg(feature = "kms")]
pub mod kms;
#[cfg(feature = "s3")]
pub mod locked;
pub mod sign;
pub mod timestamp;

pub use caller::Caller;
