//! UUIDs that are derived from names (RFC 9562, version 5), so that the same content always has the same ids.
//!
//! OSCAL admits versions 4 and 5 only. Version 5 is defined over SHA-1; nothing rests on its strength here, since what is
//! named is SHA-256 hashes and names that are written beside the UUID. Anybody can derive them again.

use std::fmt;

use serde::{Serialize, Serializer};
use sha1::{Digest as _, Sha1};

/// A UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Uuid([u8; 16]);

/// The namespace of URLs (RFC 9562, section 6.6).
const URLS: Uuid = Uuid([0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8]);

impl Uuid {
    /// That of a URL.
    pub(super) fn of_url(url: &str) -> Self {
        URLS.named(url)
    }

    /// That of a name in the namespace that `self` is.
    pub(super) fn named(&self, name: &str) -> Self {
        let digest = Sha1::digest([&self.0, name.as_bytes()].concat());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        bytes[6] = (bytes[6] & 0x0f) | 0x50;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{dash}{byte:02x}")?;
        }
        Ok(())
    }
}

impl Serialize for Uuid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::Uuid;

    #[test]
    fn names_give_the_uuids_that_others_derive() {
        // Python: uuid.uuid5(uuid.NAMESPACE_URL, 'https://keur.dev/ns')
        assert_eq!(Uuid::of_url("https://keur.dev/ns").to_string(), "c0fd1c24-3f99-522c-aa3d-0f0b7fbc7445");
        assert_eq!(Uuid::of_url("https://keur.dev/ns").named("x").to_string(), "72d84719-c2ed-5a40-924c-d11b151a3055");
    }
}
