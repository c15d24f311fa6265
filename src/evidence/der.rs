//! Reading DER, as far as time stamps and certificates need it.

/// Not what DER, or what is written in it, is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OID: u8 = 0x06;
pub(super) const UTF8: u8 = 0x0c;
#[cfg(feature = "aws")]
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
/// What is tagged by its place, `[0]` to `[3]`, and made of other elements.
pub(super) const CONTEXT_0: u8 = 0xa0;
#[cfg(feature = "aws")]
pub(super) const CONTEXT_1: u8 = 0xa1;
#[cfg(feature = "aws")]
pub(super) const CONTEXT_3: u8 = 0xa3;
/// `[0]` that stands for a text of bytes.
#[cfg(feature = "aws")]
pub(super) const CONTEXT_0_OCTETS: u8 = 0x80;

/// What is left of a sequence of elements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Der<'a>(pub(super) &'a [u8]);

impl<'a> Der<'a> {
    /// The content of the next element, which must be of a kind.
    pub(super) fn take(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        match self.any()? {
            (found, _, content) if found == tag => Ok(content),
            _ => Err(Malformed("an element is of another kind")),
        }
    }

    /// The next element: its kind, all of it, and its content.
    pub(super) fn any(&mut self) -> Result<(u8, &'a [u8], &'a [u8]), Malformed> {
        const SHORT: Malformed = Malformed("it is cut off");
        let whole = self.0;
        let [found, first, rest @ ..] = whole else { return Err(SHORT) };
        let (length, rest) = match *first {
            length @ 0..=0x7f => (usize::from(length), rest),
            // Four bytes of length are more than a reply may have.
            long @ 0x81..=0x84 => {
                let (length, rest) = rest.split_at_checked(usize::from(long & 0x7f)).ok_or(SHORT)?;
                (length.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte)), rest)
            }
            _ => return Err(Malformed("it is not DER")),
        };
        let (content, rest) = rest.split_at_checked(length).ok_or(SHORT)?;
        self.0 = rest;
        Ok((*found, &whole[..whole.len() - rest.len()], content))
    }

    /// The content of the next element, if it is of a kind.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Malformed> {
        if self.0.first() == Some(&tag) { self.take(tag).map(Some) } else { Ok(None) }
    }

    /// All elements that are left, each whole.
    #[cfg(feature = "aws")]
    pub(super) fn all(mut self) -> Result<Vec<&'a [u8]>, Malformed> {
        let mut found = Vec::new();
        while !self.0.is_empty() {
            found.push(self.any()?.1);
        }
        Ok(found)
    }

    /// That nothing is left.
    pub(super) fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed("something follows it")) }
    }
}
