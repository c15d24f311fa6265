//! Files as they come: encodings, what stands before the JSON, what kind of file it is, and why it is
//! refused.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::estate::ResponseId;
use crate::untrusted;

/// Why a file was refused. All are mistakes of whoever made or named it.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {problem}")]
pub(crate) struct Error {
    /// The file.
    pub(crate) name: String,
    /// What is wrong with it.
    pub(crate) problem: String,
    /// What to do.
    pub(crate) hint: String,
}

impl Error {
    pub(super) fn new(name: &str, problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { name: name.to_owned(), problem: problem.into(), hint: hint.into() }
    }
}

const SHOW: &str = "write one with `terraform show -json plan.out > plan.json`";
/// Larger files are no plans of anybody; they are refused before they fill the memory.
const LARGEST: usize = 1 << 30;

/// SHA-256 of a file.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    ResponseId::of(bytes).to_string()
}

/// The text of a file, whatever Unicode encoding a shell gave it.
pub(crate) fn text_of<'b>(name: &str, bytes: &'b [u8]) -> Result<Cow<'b, str>, Error> {
    if bytes.len() > LARGEST {
        return Err(Error::new(name, format!("the file has {} bytes; at most {LARGEST} are read", bytes.len()), SHOW));
    }
    let utf16 = |big: bool| {
        let unit = |pair: [u8; 2]| if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
        let units = bytes[2..].chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        char::decode_utf16(units).collect::<Result<String, _>>().ok().filter(|_| bytes.len().is_multiple_of(2))
    };
    let text = match bytes {
        [0xff, 0xfe, ..] => utf16(false).map(Cow::Owned),
        [0xfe, 0xff, ..] => utf16(true).map(Cow::Owned),
        [0xef, 0xbb, 0xbf, rest @ ..] => std::str::from_utf8(rest).ok().map(Cow::Borrowed),
        _ => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
    };
    text.ok_or_else(|| {
        let binary = bytes.starts_with(b"PK");
        let problem = if binary { "this is a plan in Terraform's own format, not JSON" } else { "the file is not text" };
        Error::new(name, problem, SHOW)
    })
}

/// The members of a plan or state; parts that are large are read when they are needed.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Document<'a> {
    pub(super) format_version: Option<String>,
    pub(super) terraform_version: Option<String>,
    pub(super) timestamp: Option<String>,
    #[serde(borrow)]
    pub(super) version: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) resource_changes: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    pub(super) planned_values: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) prior_state: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) configuration: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) variables: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) values: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) resources: Option<&'a RawValue>,
    pub(super) errored: Option<bool>,
    pub(super) complete: Option<bool>,
    #[serde(borrow)]
    pub(super) deferred_changes: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    encrypted_data: Option<&'a RawValue>,
    #[serde(borrow, rename = "Resources")]
    template: Option<&'a RawValue>,
}

/// What stands before and behind the JSON: commands that a wrapper echoes, one a line.
fn json_of(text: &str) -> &str {
    let mut rest = text.trim_start();
    for _ in 0..8 {
        if rest.starts_with(['{', '[']) && !rest.starts_with("[command]") {
            break;
        }
        match rest.split_once('\n') {
            Some((_, after)) => rest = after.trim_start(),
            None => return text,
        }
    }
    let mut end = rest.trim_end();
    while let Some((before, last)) = end.rsplit_once('\n') {
        if !last.starts_with("::") {
            break;
        }
        end = before.trim_end();
    }
    end
}

/// Reads the members of a file.
pub(super) fn document<'t>(name: &str, text: &'t str) -> Result<Document<'t>, Error> {
    let json = json_of(text);
    if json.trim().is_empty() {
        return Err(Error::new(name, "the file is empty", "a failed `terraform show` writes nothing: look at what it said"));
    }
    if !json.starts_with('{') {
        return Err(Error::new(name, "this is neither a plan nor a state", SHOW));
    }
    serde_json::from_str(json).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        match error.classify() {
            serde_json::error::Category::Eof => {
                Error::new(name, format!("the file is cut off at {place}"), "write it again; what is missing cannot be judged")
            }
            _ => {
                let text = untrusted::json_problem(&error);
                let what = text.split(" at line ").next().unwrap_or(&text).to_owned();
                Error::new(name, format!("{what} at {place}"), SHOW)
            }
        }
    })
}

impl Document<'_> {
    /// Refuses what is neither plan nor state, and versions of them that nobody knows yet.
    pub(super) fn check(&self, name: &str) -> Result<(), Error> {
        if self.encrypted_data.is_some() {
            return Err(Error::new(
                name,
                "the state is encrypted",
                "write it in clear with `tofu show -json`, or read it from the backend",
            ));
        }
        if self.template.is_some() {
            return Err(Error::new(name, "this is a CloudFormation template", "name it with --template"));
        }
        if let Some(version) = &self.format_version {
            let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
            if !matches!(major, Some(0 | 1)) {
                let problem = format!("format version `{version}` is not known to this program, which reads 0.x and 1.x");
                return Err(Error::new(name, problem, "use a newer keur, or an older Terraform to show the plan"));
            }
        }
        Ok(())
    }

    /// Who wrote it.
    pub(super) fn written_by(&self) -> String {
        let version = self.terraform_version.as_deref().unwrap_or("of unknown version");
        match &self.format_version {
            Some(format) => format!("terraform {version}, format {format}"),
            None => format!("terraform {version}"),
        }
    }

    /// What it is, for the error that it is the other.
    pub(super) fn is_plan(&self) -> bool {
        self.format_version.is_some() && (self.resource_changes.is_some() || self.planned_values.is_some() || self.configuration.is_some())
    }
}

/// Refuses what is not a plan.
pub(super) fn needs_plan(name: &str, document: &Document<'_>) -> Result<(), Error> {
    document.check(name)?;
    if document.is_plan() {
        return Ok(());
    }
    if document.values.is_some() || document.version.is_some() {
        return Err(Error::new(name, "this is a state, not a plan", "name it with --state"));
    }
    Err(Error::new(name, "this is neither a plan nor a state", SHOW))
}

#[cfg(test)]
mod tests {
    use super::{document, json_of, text_of};

    #[test]
    fn wrappers_are_taken_off() {
        assert_eq!(json_of("[command]/usr/bin/terraform-bin show -json p\n{\"a\": 1}\n::debug::x\n::set-output name=y::z\n"), "{\"a\": 1}");
        assert_eq!(json_of("  {}\n"), "{}");
        assert_eq!(json_of("nothing here"), "nothing here");
    }

    #[test]
    fn encodings_of_shells_are_read() {
        let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain("{é}".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(text_of("x", &utf16).unwrap(), "{é}");
        assert_eq!(text_of("x", b"\xef\xbb\xbf{}").unwrap(), "{}");
        assert!(text_of("x", &utf16[..utf16.len() - 1]).is_err());
        assert!(text_of("x", b"PK\x03\x04\xff").unwrap_err().problem.contains("own format"));
    }

    #[test]
    fn what_is_cut_off_says_where() {
        let error = document("p.json", "{\"format_version\": \"1.2\",\n \"resource_changes\": [{\"a\":").unwrap_err();
        assert!(error.problem.starts_with("the file is cut off at line 2"), "{error}");
        assert!(document("p.json", "").unwrap_err().problem.contains("empty"));
        assert!(document("p.json", "[1]").is_err());
    }
}
