//! Evidence: one run on disk, as a pack that can be verified and run again, chained to the pack before it.

pub mod anchor;
pub mod dsse;
pub mod sign;
