//! What is taken out of an answer before it is hashed and kept. Everything else is kept as it was received.
//!
//! Few answers that keur asks for can carry a secret or data about people: these names are blanked wherever they
//! stand. The id of the request, which query services repeat in the body, is moved to the index: without it an answer
//! that did not change has the same bytes tomorrow.

use std::sync::LazyLock;

use regex::bytes::{Captures, Regex};
use serde::{Deserialize, Serialize};

/// Something that was taken out of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redaction {
    /// The element or member that it was the value of.
    pub name: String,
    /// How often.
    pub count: u64,
    /// Why.
    pub reason: String,
    /// The value, where it was moved here rather than taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<String>,
}

/// What stands in its place.
const BLANK: &[u8] = b"redacted";

/// Names of elements and members, and why their values are not kept.
const NAMES: &[(&str, &str)] = &[
    ("MasterUserPassword", "a password"),
    ("ClientSecret", "a secret"),
    ("SecretAccessKey", "a secret"),
    ("SessionToken", "a secret"),
    ("UserData", "may hold secrets"),
    ("userData", "may hold secrets"),
    ("Email", "data about a person"),
    ("EmailAddress", "data about a person"),
    ("MasterAccountEmail", "data about a person"),
];

/// Why the id of a request is not there.
const MOVED: &str = "the id of the request, moved to the index";

/// Everything that is ever said of why something was taken out.
#[cfg(test)]
pub(crate) fn reasons() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|(_, reason)| *reason).chain([MOVED])
}

static REQUEST_ID: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"<(RequestId|requestId|RequestID)>([^<]+)</(?:RequestId|requestId|RequestID)>"));

static VALUES: LazyLock<Vec<(&'static str, &'static str, Regex, Regex)>> = LazyLock::new(|| {
    let of = |(name, reason): &(&'static str, &'static str)| {
        let xml = pattern(&format!(r"(<{name}>)[^<]+(</{name}>)"));
        let json = pattern(&format!(r#"("{name}"\s*:\s*")(?:[^"\\]|\\.)+(")"#));
        (*name, *reason, xml, json)
    };
    NAMES.iter().map(of).collect()
});

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("internal error: a pattern of this file")
}

/// An answer without what is not kept, and what that was.
pub(super) fn redact(body: &[u8]) -> (Vec<u8>, Vec<Redaction>) {
    let mut body = body.to_vec();
    let mut taken = Vec::new();
    if let Some(found) = REQUEST_ID.captures(&body) {
        let (name, id) = (text(&found, 1), text(&found, 2));
        let blank = |c: &Captures<'_>| [b"<", &c[1], b">", BLANK, b"</", &c[1], b">"].concat();
        let count = REQUEST_ID.find_iter(&body).count() as u64;
        body = REQUEST_ID.replace_all(&body, blank).into_owned();
        taken.push(Redaction { name, count, reason: MOVED.to_owned(), moved: Some(id) });
    }
    for (name, reason, xml, json) in VALUES.iter() {
        for pattern in [xml, json] {
            let count = pattern.find_iter(&body).count() as u64;
            if count > 0 {
                body = pattern.replace_all(&body, |c: &Captures<'_>| [&c[1], BLANK, &c[2]].concat()).into_owned();
                taken.push(Redaction { name: (*name).to_owned(), count, reason: (*reason).to_owned(), moved: None });
            }
        }
    }
    (body, taken)
}

fn text(found: &Captures<'_>, group: usize) -> String {
    found.get(group).map(|m| String::from_utf8_lossy(m.as_bytes()).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn an_answer_that_did_not_change_has_the_same_bytes() {
        let answer = |id: &str| format!("<A><B>x</B><ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></A>");
        let (first, taken) = redact(answer("one").as_bytes());
        assert_eq!(first, redact(answer("two").as_bytes()).0);
        assert_eq!((taken.len(), taken[0].moved.as_deref()), (1, Some("one")));
        assert_ne!(first, redact(answer("two").replace(">x<", ">y<").as_bytes()).0);
    }

    #[test]
    fn secrets_and_people_are_taken_out_and_nothing_else() {
        let (body, taken) = redact(br#"{"Email": "a\"b@clinic.example", "Id": "1", "EmailVerified":"yes"}"#);
        assert_eq!(String::from_utf8_lossy(&body), r#"{"Email": "redacted", "Id": "1", "EmailVerified":"yes"}"#);
        assert_eq!((taken[0].name.as_str(), taken[0].count, taken[0].moved.as_deref()), ("Email", 1, None));
        let (body, taken) = redact(b"<P><MasterUserPassword>****</MasterUserPassword><UserData/></P>");
        assert_eq!((body.as_slice(), taken.len()), (&b"<P><MasterUserPassword>redacted</MasterUserPassword><UserData/></P>"[..], 1));
        assert_eq!(redact(b"<A/>"), (b"<A/>".to_vec(), Vec::new()));
    }
}
