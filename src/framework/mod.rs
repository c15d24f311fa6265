//! Frameworks: controls, what proves each of them, and what a run says of them. Frameworks name
//! policies; policies never name controls.

mod attestation;
mod exception;
mod roll_up;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diag::{Code, SourceFile, nearest};
use crate::policy::yaml::{Node, Reader, Table};
use crate::policy::{Basis, Bundle, Statement};

pub(crate) use attestation::date;
pub use attestation::{Attestation, Document, State, attestations};
pub use exception::{Applied, Exception, apply, exceptions};
pub use roll_up::{AttestationResult, ControlResult, ControlVerdict, Edition, Why, roll_up};

/// A set of controls.
#[derive(Debug, Clone)]
pub struct Framework {
    /// Id: `iso27001-2022`.
    pub id: String,
    /// Its name.
    pub title: String,
    /// Its controls, in its own order.
    pub controls: Vec<Control>,
}

/// One control, and what proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Id: `A.8.14`.
    pub id: String,
    /// Short title.
    pub title: String,
    /// Ids in the edition of 2013.
    pub ids_2013: Vec<String>,
    /// Policies that test it.
    pub policies: Vec<String>,
    /// Attested statements that document it.
    pub attested: Vec<String>,
    /// The statement by which it is inherited from the provider.
    pub inherited: Option<String>,
    /// Why it does not apply.
    pub not_applicable: Option<String>,
    /// What would prove it, while nothing does yet.
    pub none_yet: Option<String>,
}

impl Control {
    /// What it rests on, in one word or a few.
    pub fn coverage(&self) -> &'static str {
        match (self.policies.is_empty(), self.attested.is_empty(), &self.inherited, &self.not_applicable) {
            (_, _, _, Some(_)) => "not applicable",
            (false, false, _, _) => "policies and documents",
            (false, true, _, _) => "policies",
            (true, false, Some(_), _) => "documents and provider",
            (true, false, None, _) => "documents",
            (true, true, Some(_), _) => "inherited",
            (true, true, None, _) => "none yet",
        }
    }
}

/// Reads a framework file. Policies it names must be known, unless `known_policies` is none.
pub fn framework(
    source: &Arc<SourceFile>,
    node: &Node,
    known_policies: Option<&BTreeSet<String>>,
    statements: &[Statement],
    diagnostics: &mut Vec<crate::diag::Diagnostic>,
) -> Option<Framework> {
    let mut reader = Reader { source: Arc::clone(source), diagnostics };
    let mut table = reader.table(node, "a framework")?;
    let id = table.need(&mut reader, "id").and_then(|n| reader.string(n, "id"));
    let title = table.need(&mut reader, "title").and_then(|n| reader.string(n, "title"));
    let list = table.need(&mut reader, "controls");
    table.finish(&mut reader);
    let mut controls: Vec<Control> = Vec::new();
    for item in list.and_then(|n| reader.list(n, "controls")).unwrap_or_default() {
        let Some(table) = reader.table(item, "a control") else { continue };
        let Some(control) = control(&mut reader, table, known_policies, statements) else {
            continue;
        };
        if controls.iter().any(|c| c.id == control.id) {
            reader.wrong(Code::DuplicateId, format!("control `{}` is there twice", control.id), item.span.clone(), "again");
            continue;
        }
        controls.push(control);
    }
    Some(Framework { id: id?, title: title?, controls })
}

fn control(
    reader: &mut Reader<'_>,
    mut table: Table<'_>,
    known_policies: Option<&BTreeSet<String>>,
    statements: &[Statement],
) -> Option<Control> {
    let start = table.start();
    let id = table.need(reader, "id").and_then(|n| reader.string(n, "id"));
    let title = table.need(reader, "title").and_then(|n| reader.string(n, "title"));
    let ids_2013 = table.get("iso27001_2013").and_then(|n| reader.strings(n, "iso27001_2013")).unwrap_or_default();
    let policies = table.get("policies").and_then(|n| reader.strings(n, "policies")).unwrap_or_default();
    let attested = table.get("attested").and_then(|n| reader.strings(n, "attested")).unwrap_or_default();
    let inherited = table.get("inherited").and_then(|n| Some((reader.string(n, "inherited")?, n.span.clone())));
    let not_applicable = table.get("not_applicable").and_then(|n| reader.string(n, "not_applicable"));
    let none_yet = table.get("none_yet").and_then(|n| reader.string(n, "none_yet"));
    table.finish(reader);
    if let Some(known) = known_policies {
        for (policy, span) in &policies {
            if !known.contains(policy) {
                let near = nearest(policy, known.iter().map(String::as_str)).map(|n| format!("did you mean `{n}`?"));
                let found = reader.wrong(Code::UnknownPolicy, format!("no policy `{policy}`"), span.clone(), "unknown policy");
                found.help.extend(near);
            }
        }
    }
    let documents = attested.iter().map(|a| (a, [Basis::Attested, Basis::Api].as_slice()));
    let provider = inherited.iter().map(|i| (i, [Basis::Inherited].as_slice()));
    for ((name, span), _) in documents.chain(provider) {
        if !statements.iter().any(|s| s.id == *name) {
            let near = nearest(name, statements.iter().map(|s| s.id.as_str())).map(|n| format!("did you mean `{n}`?"));
            let found = reader.wrong(Code::UnknownStatement, format!("no statement `{name}`"), span.clone(), "unknown statement");
            found.help.extend(near);
        }
    }
    let nothing = policies.is_empty() && attested.is_empty() && inherited.is_none() && not_applicable.is_none() && none_yet.is_none();
    if nothing {
        let title = format!("control `{}` says neither what proves it nor why nothing does", id.as_deref().unwrap_or("?"));
        let help = "name `policies`, `attested` or `inherited` statements, or say `not_applicable: reason` or `none_yet: what is missing`";
        reader.wrong(Code::ControlWithoutMapping, title, start, "here").help.push(help.to_owned());
    }
    let texts = |list: Vec<(String, std::ops::Range<usize>)>| list.into_iter().map(|(text, _)| text).collect();
    Some(Control {
        id: id?,
        title: title?,
        ids_2013: texts(ids_2013),
        policies: texts(policies),
        attested: texts(attested),
        inherited: inherited.map(|(id, _)| id),
        not_applicable,
        none_yet,
    })
}

/// The controls that each policy serves, in the framework's order.
pub fn controls_of<'f>(framework: &'f Framework, policy: &str) -> Vec<&'f str> {
    framework.controls.iter().filter(|c| c.policies.iter().any(|p| p == policy)).map(|c| c.id.as_str()).collect()
}

/// Ids of the policies of a bundle.
pub fn policy_ids(bundle: &Bundle) -> BTreeSet<String> {
    bundle.policies.iter().map(|p| p.id.clone()).collect()
}
