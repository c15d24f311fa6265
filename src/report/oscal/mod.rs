//! `--format oscal`: NIST OSCAL assessment results 1.2.1 as JSON, one line per observation.
//!
//! Source: <https://pages.nist.gov/OSCAL/>, model *assessment results*. Every verdict is an observation on an inventory
//! item; every control is a finding that relates to the observations of its policies; exceptions are risks whose deviation
//! is approved; the bytes that verdicts rest on are resources of the back matter, by their SHA-256. What OSCAL has no word
//! for is a property in keur's namespace. UUIDs are derived from content.

mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::Date;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

use self::model::*;
use super::Report;
use super::export::{Each, Evidence, Export, Line, NAMESPACE, hex, one_line, write_json};
use super::uuid::Uuid;
use crate::evaluate::Apart;
use crate::framework::{Attestation, Control, ControlResult, ControlVerdict, Document, Exception, State};

const VERSION: &str = "1.2.1";
/// Down to the items of `observations`.
const DEPTH: usize = 5;
const OWNER: &str = "owner";
const APPROVER: &str = "approver";

/// Properties in keur's namespace; those without a value are left out, for OSCAL has no empty ones.
fn props<'v>(list: impl IntoIterator<Item = (&'static str, &'v str)>) -> Vec<Prop> {
    let all = list.into_iter().map(|(name, value)| Prop { name, ns: NAMESPACE, value: one_line(value) });
    all.filter(|prop| !prop.value.is_empty()).collect()
}

/// What is needed while writing.
struct Oscal<'a> {
    report: &'a Report<'a>,
    export: Export<'a>,
    /// Root of the UUIDs that are the same in every run.
    root: Uuid,
    /// Root of the UUIDs of this run.
    run: Uuid,
    /// Of every finding, in order.
    observations: Vec<Uuid>,
    finished: String,
}

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let export = Export::new(report);
    let root = Uuid::of_url(NAMESPACE);
    let mut fingerprints = Vec::with_capacity(report.judgement.findings.len());
    let content = content(&export, &mut fingerprints);
    let run = root.named(&format!("assessment-results {content}"));
    let observations = fingerprints.iter().map(|fingerprint| run.named(&format!("observation {fingerprint}"))).collect();
    drop(fingerprints);
    let oscal = Oscal { report, export, root, run, observations, finished: report.estate.run.finished.to_string() };
    oscal.write(out)
}

/// SHA-256 over what the document says, so that no two documents share an id unless they say the same.
fn content(export: &Export<'_>, fingerprints: &mut Vec<String>) -> String {
    let report = export.report;
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    };
    add(&format!("{:?}", report.estate.run));
    add(report.organisation.unwrap_or_default());
    add(report.policies_sha256);
    add(report.dossier.map_or("", |dossier| &dossier.started_sha256));
    add(&format!("{:?}", report.attestations));
    for e in report.exceptions {
        add(&format!("{:?}", (&e.id, &e.policy, &e.reason, &e.risk, &e.approver, e.approved, e.expires)));
    }
    for control in &report.controls {
        add(&format!("{control:?}"));
    }
    for line in export.lines() {
        add(&line.fingerprint);
        add(line.finding.verdict.as_str());
        add(line.finding.message.as_deref().unwrap_or_default());
        add(&line.finding.exception.map(|at| at.to_string()).unwrap_or_default());
        for evidence in &line.evidence {
            add(&evidence.sha256);
        }
        fingerprints.push(line.fingerprint);
    }
    hex(&crate::estate::ResponseId(hash.finalize().into()).to_string()).to_owned()
}

impl<'a> Oscal<'a> {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let report = self.report;
        let policies = self.run.named("policies");
        let any = !report.judgement.findings.is_empty() || !report.attestations.is_empty();
        let verdicts = || self.export.lines().zip(&self.observations).map(|(line, id)| self.observation(&line, *id));
        let documents = || report.attestations.iter().enumerate().map(|(at, attestation)| self.examination(at, attestation));
        let document = AssessmentResults {
            uuid: self.run,
            metadata: self.metadata(),
            import_ap: Href { href: format!("#{policies}") },
            local_definitions: Objectives { objectives_and_methods: report.framework.controls.iter().map(objective).collect() },
            results: [Results {
                uuid: self.run.named("result"),
                title: markup(&self.title()),
                description: markup(&self.description()),
                start: report.estate.run.started.to_string(),
                end: self.finished.clone(),
                props: self.result_props(),
                local_definitions: Definitions {
                    inventory_items: report.judgement.judged.contains(&true).then_some(Each(|| self.items())),
                    assessment_assets: self.assets(),
                },
                reviewed_controls: self.reviewed(),
                attestations: report.attestations.iter().enumerate().map(|(at, a)| self.attestation(at, a)).collect(),
                observations: any.then_some(Each(|| verdicts().chain(documents()))),
                risks: report.exceptions.iter().enumerate().map(|(at, exception)| self.risk(at, exception)).collect(),
                findings: self.findings(),
                remarks: self.not_whole(),
            }],
            back_matter: BackMatter { resources: Each(|| self.back_matter(policies)) },
        };
        write_json(out, DEPTH, &Root { results: document })
    }

    fn title(&self) -> String {
        one_line(&format!("keur check of {}", self.report.organisation.unwrap_or("an AWS estate")))
    }

    fn description(&self) -> String {
        let (run, counts) = (&self.report.estate.run, self.report.counts());
        format!(
            "Facts: {}. {} resources, {} passes, {} deviations, {} unknown, {} excepted. What could not be seen is unknown and not satisfied.",
            run.source,
            self.report.estate.resources.len(),
            counts.pass,
            counts.deviation,
            counts.unknown,
            counts.excepted
        )
    }

    fn metadata(&self) -> Metadata {
        let report = self.report;
        let attested = report.attestations.iter().flat_map(|a| [a.owner.as_str(), a.approver.as_str()]);
        let accepted = report.exceptions.iter().map(|e| e.approver.as_str());
        let names: BTreeSet<&str> = report.organisation.into_iter().chain(attested).chain(accepted).collect();
        let parties = names.into_iter().map(|name| Party { uuid: self.party(name), r#type: "organization", name: or_dash(one_line(name)) });
        Metadata {
            title: markup(&self.title()),
            last_modified: self.finished.clone(),
            version: report.dossier.map_or_else(|| self.finished.clone(), |d| format!("{} {}", d.sequence, self.finished)),
            oscal_version: VERSION,
            props: props([("tool", crate::tool().as_str()), ("framework", &report.framework.id)]),
            roles: [Role { id: OWNER, title: "Answers for it" }, Role { id: APPROVER, title: "Approved it" }],
            parties: parties.collect(),
        }
    }

    fn party(&self, name: &str) -> Uuid {
        self.root.named(&format!("party {name}"))
    }

    fn result_props(&self) -> Vec<Prop> {
        let (report, run) = (self.report, &self.report.estate.run);
        let counts = report.counts();
        let as_of = run.as_of.to_string();
        let numbers = [counts.pass, counts.deviation, counts.unknown, counts.excepted, report.estate.resources.len() as u64, run.calls];
        let numbers = numbers.map(|n| n.to_string());
        let mut list = vec![
            ("source", run.source.as_str()),
            ("collected-by", &run.tool),
            ("as-of", &as_of),
            ("policies-sha256", hex(report.policies_sha256)),
            ("pass", &numbers[0]),
            ("deviation", &numbers[1]),
            ("unknown", &numbers[2]),
            ("excepted", &numbers[3]),
            ("resources", &numbers[4]),
            ("calls", &numbers[5]),
        ];
        if let Some(identity) = &run.identity {
            list.push(("identity", &identity.arn));
        }
        list.extend(run.accounts.iter().map(|account| ("account", account.id.as_str())));
        list.extend(run.regions.iter().map(|region| ("region", region.as_str())));
        let sequence = report.dossier.map(|d| d.sequence.to_string());
        if let (Some(dossier), Some(sequence)) = (report.dossier, &sequence) {
            list.extend([
                ("chain", dossier.chain.as_str()),
                ("sequence", sequence),
                ("started-sha256", hex(&dossier.started_sha256)),
                ("findings-sha256", hex(&dossier.findings_sha256)),
            ]);
        }
        props(list)
    }

    /// Why a plan does not say everything that it should: then not even what passes is the whole.
    fn not_whole(&self) -> Option<String> {
        let incomplete = &self.report.estate.run.declared.as_ref()?.incomplete;
        (!incomplete.is_empty()).then(|| {
            let why = incomplete.iter().map(|gap| gap.subject.clone().unwrap_or_default()).collect::<Vec<_>>().join("; ");
            markup(&format!("Not whole: {why}"))
        })
    }

    fn tool(&self) -> Uuid {
        self.root.named(&format!("tool {}", crate::tool()))
    }

    fn assets(&self) -> Assets {
        let digest = self.report.dossier.and_then(|d| d.tool_sha256.as_deref()).map_or("", hex);
        let component = Component {
            uuid: self.tool(),
            r#type: "software",
            title: "keur",
            description: "Checks AWS estates against declarative policies",
            props: props([("version", env!("CARGO_PKG_VERSION")), ("sha256", digest)]),
            status: ComponentStatus { state: "operational" },
        };
        let platform =
            Platform { uuid: self.run.named("platform"), title: crate::tool(), uses_components: [Uses { component_uuid: component.uuid }] };
        Assets { components: [component], assessment_platforms: [platform] }
    }

    /// One per resource that any policy judged.
    fn items(&self) -> impl Iterator<Item = Item> {
        let estate = self.report.estate;
        let judged = estate.resources.iter().zip(&self.report.judgement.judged).filter(|(_, judged)| **judged);
        judged.map(|(r, _)| {
            let declared = r.declared.as_ref();
            let action = declared.and_then(|d| d.action).map_or("", |action| action.as_str());
            Item {
                uuid: self.item(&r.kind.name, &r.account, &r.region, &r.arn),
                description: markup(&format!("{} {}", r.kind.name, r.name)),
                props: props([
                    ("resource-type", r.kind.name.as_str()),
                    ("arn", &r.arn),
                    ("resource-id", &r.id),
                    ("resource-name", &r.name),
                    ("account", &r.account),
                    ("region", &r.region),
                    ("environment", r.environment.as_str()),
                    ("declared", declared.map_or("", |d| &d.address)),
                    ("declared-at", declared.and_then(|d| d.place.as_deref()).unwrap_or_default()),
                    ("action", action),
                ]),
            }
        })
    }

    fn item(&self, kind: &str, account: &str, region: &str, arn: &str) -> Uuid {
        self.root.named(&format!("resource {kind} {account} {region} {arn}"))
    }

    fn reviewed(&self) -> Reviewed {
        let include: Vec<ControlId> = self.report.controls.iter().map(|c| ControlId { control_id: token(&c.id) }).collect();
        let all = include.is_empty().then_some(Everything {});
        let description = markup(&self.report.framework.title);
        Reviewed { control_selections: [Selection { description, include_all: all, include_controls: include }] }
    }

    fn observation(&self, line: &Line<'a>, uuid: Uuid) -> Observation {
        let place = &line.place;
        let gap = line.finding.gap.as_deref();
        let gap_text = gap.map(ToString::to_string).unwrap_or_default();
        let mut list = vec![
            ("verdict", line.finding.verdict.as_str()),
            ("severity", line.policy.severity.as_str()),
            ("policy", &line.policy.id),
            ("statement", &line.policy.statement),
            ("fingerprint", &line.fingerprint),
            ("clause", line.clause.unwrap_or_default()),
            ("gap", &gap_text),
            ("gap-reason", gap.map_or("", |gap| gap.reason.as_str())),
            ("apart", line.finding.apart.map_or("", Apart::as_str)),
            ("exception", line.exception.map_or("", |e| &e.id)),
        ];
        if !line.is_seen() {
            // Nothing was seen that could be an item: only where it would have been is known.
            list.extend([("resource-type", place.kind), ("account", place.account), ("region", place.region)]);
        }
        let subject = line
            .is_seen()
            .then(|| SubjectOf { subject_uuid: self.item(place.kind, place.account, place.region, place.arn), r#type: "inventory-item" });
        let evidence = line.evidence.iter().map(|e| Relevant { href: format!("#{}", self.bytes(e)), description: markup(&e.name()) });
        Observation {
            uuid,
            title: markup(&format!("{}: {}", line.policy.id, line.finding.verdict.as_str())),
            description: markup(&line.sentence()),
            props: props(list),
            methods: ["TEST"],
            types: ["control-objective"],
            subjects: subject.into_iter().collect(),
            relevant_evidence: evidence.collect(),
            collected: line.observed(self.report.estate.run.finished).to_string(),
            expires: None,
            remarks: line.remedy().map(markup),
        }
    }

    /// The resource of the back matter for bytes.
    fn bytes(&self, evidence: &Evidence<'_>) -> Uuid {
        self.root.named(&format!("sha256 {}", evidence.sha256))
    }

    /// A document is examined, not tested.
    fn examination(&self, at: usize, attestation: &Attestation) -> Observation {
        let state = state(attestation, self.report.estate.run.as_of);
        Observation {
            uuid: self.run.named(&format!("examination {at}")),
            title: markup(&format!("{}: {state}", attestation.statement)),
            description: markup(&attestation.title),
            props: props([("attestation", state), ("statement", &attestation.statement)]),
            methods: ["EXAMINE"],
            types: ["control-objective"],
            subjects: Vec::new(),
            relevant_evidence: vec![Relevant {
                href: format!("#{}", self.document(&attestation.document)),
                description: markup(name_of(&attestation.document)),
            }],
            collected: self.finished.clone(),
            expires: Some(end_of(attestation.valid_until)),
            remarks: None,
        }
    }

    fn document(&self, document: &Document) -> Uuid {
        self.root.named(&match document {
            Document::File { path, sha256 } => format!("document {path} {sha256}"),
            Document::Uri(uri) => format!("document {uri}"),
        })
    }

    fn attestation(&self, at: usize, attestation: &Attestation) -> AttestationOf {
        let (from, until) = (attestation.valid_from.to_string(), attestation.valid_until.to_string());
        let state = state(attestation, self.report.estate.run.as_of);
        let controls: Vec<String> =
            self.report.framework.controls.iter().filter(|c| speaks_to(attestation, c)).map(|c| token(&c.id)).collect();
        let list = [
            ("statement", attestation.statement.as_str()),
            ("document", name_of(&attestation.document)),
            ("valid-from", &from),
            ("valid-until", &until),
            ("state", state),
        ];
        let parties = [(OWNER, &attestation.owner), (APPROVER, &attestation.approver)];
        AttestationOf {
            responsible_parties: parties.map(|(role_id, name)| Responsible { role_id, party_uuids: [self.party(name)] }),
            parts: [Part {
                id: None,
                uuid: Some(self.run.named(&format!("attestation {at}"))),
                name: "attestation",
                ns: Some(NAMESPACE),
                title: markup(&attestation.title),
                props: props(list.into_iter().chain(controls.iter().map(|id| ("control-id", id.as_str())))),
                prose: markup(&format!("{} Valid from {from} until {until}: {state}.", sentence(&attestation.title))),
                links: vec![Link { href: format!("#{}", self.document(&attestation.document)), rel: "reference" }],
            }],
        }
    }

    fn risk_id(&self, at: usize) -> Uuid {
        self.run.named(&format!("exception {at}"))
    }

    fn risk(&self, at: usize, exception: &Exception) -> Risk {
        let covers = |finding: &&crate::evaluate::Finding| finding.exception.is_some_and(|e| e as usize == at);
        let covered: Vec<Related> = self
            .report
            .judgement
            .findings
            .iter()
            .zip(&self.observations)
            .filter(|(finding, _)| covers(finding))
            .map(|(_, id)| Related { observation_uuid: *id })
            .collect();
        let today = self.report.estate.run.as_of.to_zoned(jiff::tz::TimeZone::UTC).date();
        // An exception that has run out, or has not begun, accepts nothing: the risk is open.
        let (status, state) = if today > exception.expires {
            ("open", "expired")
        } else if today < exception.approved {
            ("open", "not yet valid")
        } else {
            ("deviation-approved", "valid")
        };
        let (approved, covers) = (exception.approved.to_string(), covered.len().to_string());
        Risk {
            uuid: self.risk_id(at),
            title: markup(&exception.id),
            description: markup(&exception.reason),
            statement: markup(&format!(
                "Accepted by {} on {approved} until {} ({}).",
                exception.approver, exception.expires, exception.risk
            )),
            props: props([
                ("exception", exception.id.as_str()),
                ("policy", &exception.policy),
                ("risk", &exception.risk),
                ("approver", &exception.approver),
                ("approved", &approved),
                ("state", state),
                ("findings", &covers),
            ]),
            status,
            origins: [Origin { actors: [Actor { r#type: "party", actor_uuid: self.party(&exception.approver), role_id: Some(APPROVER) }] }],
            deadline: end_of(exception.expires),
            related_observations: covered,
        }
    }

    fn findings(&self) -> Vec<FindingOf<'_>> {
        let ranges = self.export.ranges();
        let controls = self.report.controls.iter();
        controls.map(|result| self.finding(result, &ranges)).collect()
    }

    fn finding(&self, result: &ControlResult, ranges: &[Range<usize>]) -> FindingOf<'_> {
        let report = self.report;
        let of = |control: &&Control| control.id == result.id;
        let control = report.framework.controls.iter().find(of);
        let tests = |id: &String| control.is_some_and(|control| control.policies.contains(id));
        let own = report.policies.iter().zip(ranges).filter(|(policy, _)| tests(&policy.id)).map(|(_, range)| range.clone());
        let documents = report.attestations.iter().enumerate().filter(|(_, a)| control.is_some_and(|c| speaks_to(a, c)));
        let risks = report.exceptions.iter().enumerate().filter(|(_, exception)| tests(&exception.policy));
        let numbers = [result.population, result.deviations, result.unknown, result.excepted].map(|n| n.to_string());
        let reason = result.reason().unwrap_or_default();
        let description = format!(
            "{}: {} judged, {} deviations, {} unknown, {} excepted. {reason}",
            result.verdict.as_str(),
            numbers[0],
            numbers[1],
            numbers[2],
            numbers[3]
        );
        let list = [
            ("control-id", result.id.as_str()),
            ("verdict", result.verdict.as_str()),
            ("reason", &reason),
            ("population", &numbers[0]),
            ("deviation", &numbers[1]),
            ("unknown", &numbers[2]),
            ("excepted", &numbers[3]),
        ];
        let (state, why) = state_of(result.verdict);
        FindingOf {
            uuid: self.run.named(&format!("control {}", result.id)),
            title: markup(&format!("{} {}", result.id, result.title)),
            description: markup(&description),
            props: props(list),
            origins: [Origin { actors: [Actor { r#type: "tool", actor_uuid: self.tool(), role_id: None }] }],
            target: Target {
                r#type: "objective-id",
                target_id: objective_id(&result.id),
                status: Status { state, reason: why, remarks: markup(result.verdict.as_str()) },
                implementation_status: (result.verdict == ControlVerdict::NotApplicable)
                    .then_some(ComponentStatus { state: "not-applicable" }),
            },
            related_observations: RelatedAll {
                ids: &self.observations,
                ranges: own.collect(),
                documents: documents.map(|(at, _)| self.run.named(&format!("examination {at}"))).collect(),
            },
            related_risks: risks.map(|(at, _)| RelatedRisk { risk_uuid: self.risk_id(at) }).collect(),
        }
    }

    fn back_matter(&self, policies: Uuid) -> impl Iterator<Item = Resource> {
        let report = self.report;
        let rules = report.dossier.map_or(&[][..], |dossier| &dossier.rules);
        let rules = rules.iter().map(|(path, sha256)| ResourceLink { href: uri(path), hashes: vec![hash(sha256)] });
        let policies = Resource {
            uuid: policies,
            title: "Policies in use".to_owned(),
            props: props([("policies-sha256", hex(report.policies_sha256)), ("framework", &report.framework.id)]),
            rlinks: rules.collect(),
        };
        let documents: BTreeMap<Uuid, &Document> =
            report.attestations.iter().map(|attestation| (self.document(&attestation.document), &attestation.document)).collect();
        let documents = documents.into_iter().map(|(uuid, document)| Resource {
            uuid,
            title: markup(name_of(document)),
            props: Vec::new(),
            rlinks: vec![match document {
                Document::File { path, sha256 } => ResourceLink { href: uri(path), hashes: vec![hash(sha256)] },
                Document::Uri(text) => ResourceLink { href: uri(text), hashes: Vec::new() },
            }],
        });
        [policies].into_iter().chain(documents).chain(self.files()).chain(self.responses())
    }

    /// The files of code that findings rest on.
    fn files(&self) -> impl Iterator<Item = Resource> {
        let files = self.report.estate.run.declared.as_ref().map_or(&[][..], |declared| &declared.files);
        let named: BTreeMap<&str, &crate::estate::SourceDigest> = files.iter().map(|file| (file.sha256.as_str(), file)).collect();
        named.into_values().map(|file| {
            let evidence = Evidence { sha256: hex(&file.sha256).to_owned(), file: Some(&file.name), calls: Vec::new() };
            Resource {
                uuid: self.bytes(&evidence),
                title: markup(&evidence.name()),
                props: props([("written-by", file.written_by.as_str())]),
                rlinks: vec![ResourceLink { href: uri(&file.name), hashes: vec![hash(&file.sha256)] }],
            }
        })
    }

    /// The responses that findings rest on, each once.
    fn responses(&self) -> impl Iterator<Item = Resource> {
        self.export.all_responses().into_iter().map(|id| {
            let evidence = Evidence { sha256: hex(&id.to_string()).to_owned(), file: None, calls: self.export.calls_of(id, None) };
            let times: Vec<String> = evidence.calls.iter().map(|call| call.time.to_string()).collect();
            let calls = evidence.calls.iter().zip(&times).flat_map(|(call, time)| {
                [
                    ("request-id", call.request_id.as_deref().unwrap_or_default()),
                    ("account", &call.account),
                    ("region", &call.region),
                    ("time", time),
                ]
            });
            Resource {
                uuid: self.bytes(&evidence),
                title: markup(&evidence.name()),
                props: props(calls),
                // Named by their hash (RFC 6920): where they are kept is another matter.
                rlinks: vec![ResourceLink { href: format!("nih:sha-256;{}", evidence.sha256), hashes: vec![hash(&id.to_string())] }],
            }
        })
    }
}

/// The state of a control's objective, and OSCAL's reason. What nobody can say is not satisfied.
fn state_of(verdict: ControlVerdict) -> (&'static str, &'static str) {
    match verdict {
        ControlVerdict::Met => ("satisfied", "pass"),
        ControlVerdict::NotMet => ("not-satisfied", "fail"),
        ControlVerdict::NotDetermined | ControlVerdict::AttestationExpired | ControlVerdict::ExceptionAccepted => {
            ("not-satisfied", "other")
        }
        ControlVerdict::Attested | ControlVerdict::Inherited | ControlVerdict::NotApplicable => ("satisfied", "other"),
    }
}

fn speaks_to(attestation: &Attestation, control: &Control) -> bool {
    control.attested.contains(&attestation.statement) || control.inherited.as_ref() == Some(&attestation.statement)
}

fn state(attestation: &Attestation, at: Timestamp) -> &'static str {
    match attestation.state(at) {
        State::Valid => "valid",
        State::Expired => "expired",
        State::Future => "not yet valid",
    }
}

fn name_of(document: &Document) -> &str {
    match document {
        Document::File { path, .. } => path,
        Document::Uri(uri) => uri,
    }
}

/// What a control is tested by, as an objective of its own: there is no catalogue to refer to.
fn objective(control: &Control) -> Objective {
    let mut says = Vec::new();
    if !control.policies.is_empty() {
        says.push(format!("Policies: {}.", control.policies.join(", ")));
    }
    if !control.attested.is_empty() {
        says.push(format!("Documents for: {}.", control.attested.join(", ")));
    }
    if let Some(statement) = &control.inherited {
        says.push(format!("Inherited: {statement}."));
    }
    if let Some(reason) = &control.not_applicable {
        says.push(format!("Not applicable: {reason}"));
    }
    if let Some(missing) = &control.none_yet {
        says.push(format!("Nothing yet; it would take: {missing}"));
    }
    let prose = says.join(" ");
    let part = Part {
        id: Some(objective_id(&control.id)),
        uuid: None,
        name: "assessment-objective",
        ns: None,
        title: markup(&control.title),
        props: Vec::new(),
        prose: markup(&prose),
        links: Vec::new(),
    };
    Objective { control_id: token(&control.id), parts: [part] }
}

fn objective_id(control: &str) -> String {
    format!("{}_obj", token(control))
}

/// A token of OSCAL: letters, digits, `.`, `-`, `_`, and no digit first. `A.8.14` is one.
fn token(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' }).collect();
    if plain.starts_with(|c: char| c.is_alphabetic() || c == '_') { plain } else { format!("_{plain}") }
}

/// One line as OSCAL's Markdown: what comes from names and reasons is text, never emphasis, a link or HTML.
fn markup(text: &str) -> String {
    let text = or_dash(one_line(text));
    let mut safe = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let word = |c: char| c.is_alphanumeric();
        let special = match c {
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '&' | '"' | '~' | '^' | '{' | '$' => true,
            '_' => !(word(before) && rest.peek().copied().is_some_and(word)),
            // What would begin a heading, a list or a rule.
            '#' | '+' | '-' | '=' => safe.is_empty() && rest.peek().is_some(),
            '.' | ')' => !safe.is_empty() && safe.bytes().all(|b| b.is_ascii_digit()),
            _ => false,
        };
        if special {
            safe.push('\\');
        }
        safe.push(c);
        before = c;
    }
    safe
}

/// With a full stop at its end.
fn sentence(text: &str) -> String {
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

fn hash(sha256: &str) -> Hash {
    Hash { algorithm: "SHA-256", value: hex(sha256).to_owned() }
}

/// A path or a URI as a reference: what may not stand in one is encoded.
fn uri(text: &str) -> String {
    const UNSAFE: &AsciiSet =
        &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'{').add(b'|').add(b'}');
    utf8_percent_encode(text, UNSAFE).to_string()
}

/// The last second of a day: what holds until a day holds on it.
fn end_of(day: Date) -> String {
    format!("{day}T23:59:59Z")
}

#[cfg(test)]
mod tests {
    use super::{ControlVerdict, markup, state_of, token, uri};

    #[test]
    fn only_what_was_shown_is_satisfied() {
        let satisfied: Vec<&str> = ControlVerdict::ALL.iter().filter(|v| state_of(**v).0 == "satisfied").map(|v| v.as_str()).collect();
        assert_eq!(satisfied, ["met", "attested", "inherited", "not applicable"]);
    }

    #[test]
    fn names_are_text_and_no_markup() {
        assert_eq!(markup("<b>*x*</b> [a](b) multi_az _x_"), r"\<b\>\*x\*\</b\> \[a\](b) multi_az \_x\_");
        assert_eq!(markup("module.db[\"a\"] # 1\n- x"), r#"module.db\[\"a\"\] # 1 - x"#);
        assert_eq!(["# a", "- a", "1. a", "1.5 a"].map(markup), [r"\# a", r"\- a", r"1\. a", r"1\.5 a"]);
        assert_eq!(markup(" \n"), "-");
    }

    #[test]
    fn ids_of_controls_are_tokens() {
        assert_eq!(["A.8.14", "8.14", "CC6.1 (a)", ""].map(token), ["A.8.14", "_8.14", "CC6.1__a_", "_"]);
        assert_eq!(uri("pen test <2026>.pdf"), "pen%20test%20%3C2026%3E.pdf");
    }
}
