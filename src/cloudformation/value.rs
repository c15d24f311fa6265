//! Values of a template while its functions are worked out, with the unknown among them.

use std::borrow::Cow;

use serde_json::{Number, json};

use super::Given;

/// Why a value is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// It is set, and identifies a resource of the template.
    Referenced,
    /// It comes to be when the template is deployed.
    AfterApply,
    /// It is a secret: known or not, it is not shown.
    Sensitive,
}

impl Why {
    fn as_str(self) -> &'static str {
        match self {
            Self::Referenced => "referenced",
            Self::AfterApply => "after-apply",
            Self::Sensitive => "sensitive",
        }
    }
}

/// What is known of a value that is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) why: Why,
    /// What it waits for, or the logical id of the resource it identifies.
    pub(super) subject: String,
    /// Whether there may turn out to be no value at all, because a branch of an `Fn::If` is `AWS::NoValue`.
    pub(super) removable: bool,
}

impl Gap {
    pub(super) fn after_apply(subject: impl Into<String>) -> Self {
        Self { why: Why::AfterApply, subject: subject.into(), removable: false }
    }

    pub(super) fn referenced(logical_id: &str) -> Self {
        Self { why: Why::Referenced, subject: logical_id.to_owned(), removable: false }
    }

    pub(super) fn sensitive(subject: impl Into<String>) -> Self {
        Self { why: Why::Sensitive, subject: subject.into(), removable: false }
    }

    /// The gap of something made out of parts with these gaps. It identifies no resource any more.
    pub(super) fn of_parts(gaps: &[Self]) -> Self {
        const SHOWN: usize = 4;
        let secret = gaps.iter().any(|gap| gap.why == Why::Sensitive);
        let mut subjects: Vec<Cow<'_, str>> = Vec::new();
        for gap in gaps.iter().filter(|gap| !secret || gap.why == Why::Sensitive) {
            let subject = match gap.why {
                Why::Referenced => format!("resource {}", gap.subject).into(),
                Why::AfterApply | Why::Sensitive => Cow::Borrowed(gap.subject.as_str()),
            };
            if !subjects.contains(&subject) {
                subjects.push(subject);
            }
        }
        let more = subjects.len().saturating_sub(SHOWN);
        subjects.truncate(SHOWN);
        let mut subject = subjects.join("; ");
        if more > 0 {
            subject.push_str(&format!("; and {more} more"));
        }
        if secret { Self::sensitive(subject) } else { Self::after_apply(subject) }
    }

    /// As it stands in what is given back.
    pub(super) fn marker(&self, given: &Given<'_>) -> serde_json::Value {
        json!({ super::UNKNOWN_KEY: {
            "service": "cloudformation",
            "operation": "-",
            "account": given.account.unwrap_or_default(),
            "region": given.region.unwrap_or_default(),
            "reason": self.why.as_str(),
            "subject": self.subject,
        }})
    }
}

/// A value of a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// `AWS::NoValue`: whatever holds it goes without.
    Absent,
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    /// Without those that are absent.
    List(Vec<Self>),
    /// In the order of the file, without those that are absent.
    Map(Vec<(String, Self)>),
    Unknown(Gap),
}

impl Value {
    /// A scalar as CloudFormation puts it into text.
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Bool(value) => Some(value.to_string().into()),
            Self::Number(value) => Some(value.to_string().into()),
            Self::Text(value) => Some(value.as_str().into()),
            Self::Absent | Self::Null | Self::List(_) | Self::Map(_) | Self::Unknown(_) => None,
        }
    }

    /// What it is called.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Self::Absent => "`AWS::NoValue`",
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Unknown(_) => "unknown",
        }
    }

    /// Whether it may turn out to be no value at all.
    pub(super) fn may_be_absent(&self) -> bool {
        matches!(self, Self::Absent) || matches!(self, Self::Unknown(gap) if gap.removable)
    }

    /// Everything in it that is unknown.
    pub(super) fn gaps(&self) -> Vec<Gap> {
        let mut gaps = Vec::new();
        self.collect_gaps(&mut gaps);
        gaps
    }

    fn collect_gaps(&self, gaps: &mut Vec<Gap>) {
        match self {
            Self::Unknown(gap) => gaps.push(gap.clone()),
            Self::List(items) => items.iter().for_each(|item| item.collect_gaps(gaps)),
            Self::Map(entries) => entries.iter().for_each(|(_, value)| value.collect_gaps(gaps)),
            Self::Absent | Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => {}
        }
    }

    /// Whether both are the same to CloudFormation, where `"80"` and `80` are.
    pub(super) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::List(a), Self::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
            (Self::Map(a), Self::Map(b)) => {
                a.len() == b.len() && a.iter().all(|(key, a)| b.iter().any(|(other, b)| key == other && a.same(b)))
            }
            _ => match (self.text(), other.text()) {
                (Some(a), Some(b)) => a == b,
                _ => self == other,
            },
        }
    }

    /// As plain JSON, with a marker for each gap.
    pub(super) fn into_json(self, given: &Given<'_>) -> serde_json::Value {
        match self {
            Self::Absent | Self::Null => serde_json::Value::Null,
            Self::Bool(value) => value.into(),
            Self::Number(value) => value.into(),
            Self::Text(value) => value.into(),
            Self::List(items) => items.into_iter().map(|item| item.into_json(given)).collect(),
            Self::Map(entries) => entries.into_iter().map(|(key, value)| (key, value.into_json(given))).collect(),
            Self::Unknown(gap) => gap.marker(given),
        }
    }

    /// As the text of JSON, keys in the order of the file; none if it is not wholly known.
    pub(super) fn to_json_text(&self) -> Option<String> {
        match self {
            Self::Absent | Self::Unknown(_) => None,
            Self::Null => Some("null".to_owned()),
            Self::Bool(value) => Some(value.to_string()),
            Self::Number(value) => Some(value.to_string()),
            Self::Text(value) => Some(quoted(value)),
            Self::List(items) => {
                let items: Option<Vec<_>> = items.iter().map(Self::to_json_text).collect();
                Some(format!("[{}]", items?.join(",")))
            }
            Self::Map(entries) => {
                let entries: Option<Vec<_>> =
                    entries.iter().map(|(key, value)| Some(format!("{}:{}", quoted(key), value.to_json_text()?))).collect();
                Some(format!("{{{}}}", entries?.join(",")))
            }
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Text in base 64, with padding.
pub(super) fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut coded = String::with_capacity(text.len().div_ceil(3) * 4);
    for chunk in text.as_bytes().chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let six = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap_or_default();
            coded.push(if place > chunk.len() { '=' } else { char::from(ALPHABET[six]) });
        }
    }
    coded
}

/// The first `count` blocks of `bits` host bits in a block of addresses.
pub(super) fn cidr(block: &str, count: u32, bits: u32) -> Result<Vec<String>, String> {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    let parts = block.split_once('/').and_then(|(address, prefix)| Some((address.parse::<IpAddr>().ok()?, prefix.parse::<u32>().ok()?)));
    let Some((address, prefix)) = parts else { return Err(format!("`{block}` is no block of addresses")) };
    let (first, width) = match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    if prefix > width {
        return Err(format!("`{block}` is no block of addresses"));
    }
    let host_bits = width - prefix;
    if first & 1_u128.checked_shl(host_bits).map_or(u128::MAX, |end| end - 1) != 0 {
        return Err(format!("`{block}` does not begin at its first address"));
    }
    if !(1..=256).contains(&count) {
        return Err(format!("{count} blocks are asked for; there can be 1 to 256"));
    }
    let room = host_bits.checked_sub(bits).filter(|&spare| spare >= 32 || u128::from(count) <= 1 << spare);
    if room.is_none() || bits >= width {
        return Err(format!("`{block}` has no room for {count} blocks of {bits} bits"));
    }
    let mask = width - bits;
    let block_at = |n: u32| {
        let at = first + (u128::from(n) << bits);
        match address {
            IpAddr::V4(_) => u32::try_from(at).map(|at| format!("{}/{mask}", Ipv4Addr::from(at))),
            IpAddr::V6(_) => Ok(format!("{}/{mask}", Ipv6Addr::from(at))),
        }
    };
    (0..count).map(block_at).collect::<Result<_, _>>().map_err(|_| format!("`{block}` has no room for {count} blocks of {bits} bits"))
}
