//! UUIDs that are derived from names (RFC 9562, version 5), so that the same content always has the same ids.
//!
//! OSCAL admits versions 4 and 5 only. Version 5 is defined over SHA-1; nothing rests on its strength here, since what is
//! named is SHA-256 hashes and names that are written beside the UUID. Anybody can derive them again.

use std::fmt;

use serde::{Serialize, Serializer};

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
        let digest = sha1(&[&self.0, name.as_bytes()].concat());
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

/// SHA-1 (FIPS 180-4). For UUIDs only: never for evidence.
fn sha1(text: &[u8]) -> [u8; 20] {
    let mut message = text.to_vec();
    message.push(0x80);
    // The length takes the last eight bytes of the last block.
    let end = (message.len() + 8).next_multiple_of(64) - 8;
    message.resize(end, 0);
    message.extend((text.len() as u64 * 8).to_be_bytes());
    let mut state: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    for block in message.chunks_exact(64) {
        let mut words = [0_u32; 80];
        for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = bytes.iter().fold(0, |word, byte| (word << 8) | u32::from(*byte));
        }
        for at in 16..80 {
            words[at] = (words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (round, word) in words.iter().enumerate() {
            let (mixed, constant) = match round / 20 {
                0 => ((b & c) | (!b & d), 0x5a82_7999),
                1 => (b ^ c ^ d, 0x6ed9_eba1),
                2 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let next = a.rotate_left(5).wrapping_add(mixed).wrapping_add(e).wrapping_add(constant).wrapping_add(*word);
            (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
        }
        for (sum, part) in state.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(part);
        }
    }
    let mut digest = [0; 20];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::{Uuid, sha1};

    #[test]
    fn names_give_the_uuids_that_others_derive() {
        // Python: uuid.uuid5(uuid.NAMESPACE_URL, 'https://keur.dev/ns')
        assert_eq!(Uuid::of_url("https://keur.dev/ns").to_string(), "c0fd1c24-3f99-522c-aa3d-0f0b7fbc7445");
        assert_eq!(Uuid::of_url("https://keur.dev/ns").named("x").to_string(), "72d84719-c2ed-5a40-924c-d11b151a3055");
    }

    #[test]
    fn sha1_is_that_of_the_standard_at_every_length_of_padding() {
        let hex = |text: &[u8]| sha1(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(hex(b""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        let all: String = (0..200).map(|n| hex(&vec![b'a'; n])).collect();
        assert_eq!(hex(all.as_bytes()), "cb062fe66512892ec8c722ee74ff9ac151cc4b61");
    }
}
