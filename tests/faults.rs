//! Every call that a run makes, answered wrongly in every way: no verdict may become a pass.
//!
//! A recording is played back with all answers of one operation replaced. Whatever passes then
//! must have passed before, and what was lost must show as a gap.
#![cfg(feature = "all-services")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keur::aws::{self, Outcome, SERVICES, Scope, Service, Silent, SourceTape, Sweep, Tape};
use keur::estate::{Estate, Registry, ResponseId};
use keur::evaluate::{Subject, Verdict, evaluate};
use keur::isolation::{self, Environments};
use keur::policy::{Bundle, Files, Parameters, shipped_files};
use sha2::{Digest as _, Sha256};
use support::{Answer, Change};

/// Ways in which an answer can be wrong.
const FAULTS: &[&str] = &["denied", "throttled", "broken off", "half", "garbage", "nothing", "empty document", "timed out", "unreachable"];

fn tape(name: &str) -> Tape {
    let bytes = std::fs::read(name).expect("a recording");
    Tape::from_archive(Path::new(name), &bytes).expect("a whole recording")
}

/// The demo's recording.
const DEMO: &str = "demo/tape.tar.zst";
/// One in which nearly everything is asked that can be.
const EVERYTHING: &str = "tests/tapes/everything.tar.zst";

/// What is not on it, and why.
const NOT_ON_TAPE: &[(&str, &str)] = &[
    ("DescribePolicy", "no policy binds a management account, and the emulator's member accounts may not ask"),
    ("DescribeRegions", "the recording names its regions: see `regions_that_cannot_be_listed_are_unknown`"),
    ("ListAccounts", "only asked for a whole organisation; a run that cannot list its accounts does not begin"),
    ("ListGlobalTables", "only asked for tables with streams; the emulator lacks it"),
];

struct Judge {
    registry: Arc<Registry>,
    bundle: Bundle,
}

type Place = (String, String, String);

impl Judge {
    fn new() -> Self {
        let registry = keur::registry();
        let mut diagnostics = Vec::new();
        let files = Files::parse(&shipped_files(), &mut diagnostics);
        let parameters = Parameters::new(files.parameters.clone(), BTreeMap::new());
        let bundle = Bundle::check(&files, parameters, &registry, &aws::links(isolation::LINKS), &mut diagnostics);
        assert!(diagnostics.is_empty(), "{}", diagnostics.iter().map(|d| d.render(false)).collect::<String>());
        Self { registry: Arc::new(registry), bundle }
    }

    /// What a service answers on a tape.
    fn collected(&self, tape: &Tape, service: &'static Service) -> Estate {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let replay = aws::replay(SourceTape(tape), std::slice::from_ref(&service), None, &self.registry, &Silent);
        runtime.block_on(replay).expect("a replay always begins")
    }

    /// The estate of all services, as a run over all of them gives it.
    fn estate<'e>(&self, parts: impl Iterator<Item = &'e Estate>) -> Estate {
        let (mut resources, mut listings, mut run) = (Vec::new(), Vec::new(), None);
        for part in parts {
            resources.extend(part.resources.iter().cloned());
            listings.extend(part.listings.iter().cloned());
            run = Some(part.run.clone());
        }
        let mut estate = Estate::new(run.expect("a service"), resources, listings);
        isolation::assign(&mut estate, &Environments::ByTag);
        estate
    }

    /// Policy, type and ARN of every verdict.
    fn verdicts(&self, estate: &Estate) -> BTreeMap<Place, Verdict> {
        let judgement = evaluate(&self.bundle.policies, &self.bundle.parameters, estate, &self.registry);
        let place = |policy: u32, subject: &Subject| {
            let policy = self.bundle.policies[policy as usize].id.clone();
            match subject {
                Subject::Resource(at) => {
                    let r = &estate.resources[*at as usize];
                    (policy, r.kind.name.clone(), r.arn.to_string())
                }
                Subject::Unseen { kind, account, region } => (policy, kind.to_string(), format!("unseen {account} {region}")),
            }
        };
        judgement.findings.iter().map(|f| (place(f.policy, &f.subject), f.verdict)).collect()
    }
}

fn with_body(tape: &mut Tape, at: usize, status: u16, content: Vec<u8>) {
    let id = ResponseId(Sha256::digest(&content).into());
    tape.bodies.insert(id, content.into());
    if let Outcome::Response { status: old, body, .. } = &mut tape.exchanges[at].outcome {
        *old = status;
        *body = id;
    }
}

/// An error in the way of the service: XML, or JSON where the request has a target or the answer is JSON.
fn error_body(tape: &Tape, at: usize, code: &str) -> Vec<u8> {
    let exchange = &tape.exchanges[at];
    let json = exchange.request.target.is_some() || matches!(exchange.service.as_str(), "efs" | "backup");
    let text = match (json, exchange.service.as_str()) {
        (true, _) => format!(r#"{{"__type":"{code}","message":"no"}}"#),
        (false, "ec2") => {
            format!("<Response><Errors><Error><Code>{code}</Code><Message>no</Message></Error></Errors><RequestID>x</RequestID></Response>")
        }
        (false, "s3") => format!("<Error><Code>{code}</Code><Message>no</Message></Error>"),
        (false, _) => format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"),
    };
    text.into_bytes()
}

fn damage(tape: &mut Tape, at: usize, fault: &str) {
    let body = match &tape.exchanges[at].outcome {
        Outcome::Response { body, .. } => tape.bodies[body].to_vec(),
        Outcome::TimedOut | Outcome::Unreachable => Vec::new(),
    };
    match fault {
        "denied" => with_body(tape, at, 403, error_body(tape, at, "AccessDenied")),
        "throttled" => with_body(tape, at, 400, error_body(tape, at, "ThrottlingException")),
        "broken off" => with_body(tape, at, 200, body[..body.len().saturating_sub(3)].to_vec()),
        "half" => with_body(tape, at, 200, body[..body.len() / 2].to_vec()),
        "garbage" => with_body(tape, at, 200, b"<html><body>Please log in to the hotel's network</body></html>".to_vec()),
        "nothing" => with_body(tape, at, 200, Vec::new()),
        "empty document" => {
            let text = if body.trim_ascii_start().first() == Some(&b'<') { &b"<Answer/>"[..] } else { &b"{}"[..] };
            with_body(tape, at, 200, text.to_vec());
        }
        "timed out" => tape.exchanges[at].outcome = Outcome::TimedOut,
        _ => tape.exchanges[at].outcome = Outcome::Unreachable,
    }
}

#[test]
fn no_wrong_answer_makes_a_verdict_a_pass() {
    let tape = tape(EVERYTHING);
    let judge = Judge::new();
    let parts: BTreeMap<&str, Estate> = SERVICES.iter().map(|service| (service.name, judge.collected(&tape, service))).collect();
    let before = judge.verdicts(&judge.estate(parts.values()));
    let passes = before.values().filter(|v| **v == Verdict::Pass).count();
    assert!(passes > 100, "the recording must have something to lose, it has {passes} passes");

    let operations: BTreeSet<(String, String)> = tape.exchanges.iter().map(|e| (e.service.clone(), e.operation.clone())).collect();
    let asked: BTreeSet<&str> =
        operations.iter().map(|(_, operation)| operation.as_str()).chain(NOT_ON_TAPE.iter().map(|(o, _)| *o)).collect();
    let declared: BTreeSet<&str> = SERVICES.iter().flat_map(|s| s.operations).map(|o| o.name).collect();
    assert_eq!(asked, declared, "an operation is neither on the tape nor excused");
    let cases: Vec<(&(String, String), &str)> = operations.iter().flat_map(|op| FAULTS.iter().map(move |fault| (op, *fault))).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut wrong = Vec::new();
        while let Some((operation, fault)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            wrong.extend(case(&judge, &tape, &parts, &before, operation, fault));
        }
        wrong
    };
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn case(
    judge: &Judge,
    tape: &Tape,
    parts: &BTreeMap<&str, Estate>,
    before: &BTreeMap<Place, Verdict>,
    operation: &(String, String),
    fault: &str,
) -> Option<String> {
    let mut damaged = tape.clone();
    let hit: Vec<usize> = (0..tape.exchanges.len())
        .filter(|at| (&tape.exchanges[*at].service, &tape.exchanges[*at].operation) == (&operation.0, &operation.1))
        .collect();
    for at in hit {
        damage(&mut damaged, at, fault);
    }
    // Only the service that was hit answers anew.
    let service = SERVICES.iter().find(|s| s.name == operation.0).expect("a known service");
    let hit = judge.collected(&damaged, service);
    let rest = parts.iter().filter(|(name, _)| **name != operation.0).map(|(_, part)| part);
    let estate = judge.estate(rest.chain([&hit]));
    let after = judge.verdicts(&estate);
    let new: Vec<&Place> = after
        .iter()
        .filter(|(place, verdict)| **verdict == Verdict::Pass && before.get(*place) != Some(&Verdict::Pass))
        .map(|(p, _)| p)
        .collect();
    if !new.is_empty() {
        return Some(format!("{}:{} {fault}: became a pass: {new:?}", operation.0, operation.1));
    }
    if estate.gaps().is_empty() {
        return Some(format!("{}:{} {fault}: left no gap", operation.0, operation.1));
    }
    // What vanished must be accounted for by an unknown of the same policy.
    let lost: BTreeSet<&str> = before.keys().filter(|place| !after.contains_key(*place)).map(|(policy, _, _)| policy.as_str()).collect();
    let open: BTreeSet<&str> = after.iter().filter(|(_, v)| **v == Verdict::Unknown).map(|((policy, _, _), _)| policy.as_str()).collect();
    let silent: Vec<&&str> = lost.difference(&open).collect();
    (!silent.is_empty()).then(|| format!("{}:{} {fault}: verdicts vanished without an unknown: {silent:?}", operation.0, operation.1))
}

/// How many changes of single members are tried, of all that there are; `KEUR_TEST_MEMBERS=all` tries them all.
const TRIED: usize = 900;

/// Members whose change cannot be told from an answer of AWS, with the reason: operation, end of the path, the changes.
const EXCUSED: &[(&str, &str, &[Change], &str)] = &[
    ("DescribeAutoScalingGroups", ".MinSize", MISSING, READ_AS_ZERO),
    ("DescribeAutoScalingGroups", ".MaxSize", MISSING, READ_AS_ZERO),
    ("DescribeAutoScalingGroups", ".DesiredCapacity", MISSING, READ_AS_ZERO),
    ("DescribeAutoScalingGroups", "DescribeAutoScalingGroupsResult", &Change::ALL, READ_AS_EMPTY),
    ("DescribeAutoScalingGroups", ".AutoScalingGroups", MISSING, READ_AS_EMPTY),
    ("ListTagsOfResource", "Tags[].Value", MISSING, READ_AS_EMPTY),
    ("DescribeFileSystems", ".Tags[].Value", MISSING, READ_AS_EMPTY),
    ("DescribeFileSystems", "[].Tags", MISSING, READ_AS_EMPTY),
    ("DescribeImages", ".blockDeviceMapping.item", &Change::ALL, "a disk without `Ebs` is an instance store"),
    ("DescribeImages", ".blockDeviceMapping.item.ebs", MISSING, "a disk without `Ebs` is an instance store"),
    ("DescribeInstances", ".keyName", MISSING, "sent of instances with a key pair only"),
    ("DescribeInstances", ".tagSet", MISSING, "left out where there are no tags"),
    ("DescribeInstances", ".tagSet.item.value", &[Change::Emptied], "the value of a tag may be empty"),
    ("DescribeDBInstances", ".DBClusterIdentifier", MISSING, "sent of members only"),
    ("DescribeDBInstances", ".ReadReplicaSourceDBInstanceIdentifier", MISSING, "sent of replicas only"),
];
const MISSING: &[Change] = &[Change::Removed, Change::Renamed, Change::Emptied];
const READ_AS_ZERO: &str = "the SDK's decoder reads a missing required number as 0";
const READ_AS_EMPTY: &str = "the SDK's decoder reads a missing required text or list as an empty one";

/// Why a change may lead to a pass or to silence, if it may.
fn excuse(case: &MemberCase) -> Option<&'static str> {
    let excused = |(operation, end, changes, _): &&(&str, &str, &[Change], &str)| {
        case.operation == *operation && case.path.ends_with(end) && changes.contains(&case.change)
    };
    EXCUSED.iter().find(excused).map(|(.., why)| *why)
}

/// A change of one member in the answers of one operation: in all of them, or only the first time it occurs.
struct MemberCase {
    service: String,
    operation: String,
    path: String,
    change: Change,
    everywhere: bool,
}

impl MemberCase {
    fn name(&self) -> String {
        let where_ = if self.everywhere { "everywhere" } else { "once" };
        format!("{}:{} {} {:?} {where_}", self.service, self.operation, self.path, self.change)
    }
}

/// Every member of every recorded answer is changed in every way: no verdict becomes a pass, and nothing vanishes
/// without an unknown.
#[test]
#[allow(clippy::disallowed_methods, reason = "whether all changes are tried is told by the environment")]
#[allow(clippy::print_stdout, reason = "figures for whoever runs it")]
fn no_changed_member_makes_a_verdict_a_pass() {
    let judge = Judge::new();
    let all = std::env::var("KEUR_TEST_MEMBERS").is_ok_and(|word| word == "all");
    for (name, share) in [(EVERYTHING, 2), (DEMO, 1)] {
        let tape = tape(name);
        let world = World::new(&judge, &tape);
        let mut cases = member_cases(&tape);
        let there_are = cases.len();
        if !all {
            // By a hash, so that every run tries the same, and a new recording others.
            cases.sort_by_cached_key(|case| Sha256::digest(case.name()).to_vec());
            cases.truncate(TRIED * share / 3);
        }
        let next = AtomicUsize::new(0);
        let work = || {
            let mut wrong = Vec::new();
            while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                let what = world.member(case).filter(|_| excuse(case).is_none());
                wrong.extend(what.map(|what| format!("{}: {what}", case.name())));
            }
            wrong
        };
        let mut wrong: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
        });
        wrong.sort();
        let mut kinds: BTreeMap<Change, usize> = BTreeMap::new();
        for case in &cases {
            *kinds.entry(case.change).or_default() += 1;
        }
        let excused = cases.iter().filter(|case| excuse(case).is_some()).count();
        println!("{name}: {} of {there_are} changes of members tried, {excused} of them excused: {kinds:?}", cases.len());
        assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    }
}

/// Every member that is read at all, each change, everywhere and once.
fn member_cases(tape: &Tape) -> Vec<MemberCase> {
    let mut members: BTreeMap<(&str, &str), BTreeMap<String, BTreeSet<Change>>> = BTreeMap::new();
    for exchange in &tape.exchanges {
        let Outcome::Response { body, .. } = &exchange.outcome else { continue };
        let Some(answer) = Answer::read(&tape.bodies[body]) else { continue };
        for place in answer.places() {
            if ["ResponseMetadata", "RequestId", "requestId"].iter().any(|part| place.path.contains(part)) {
                continue;
            }
            let changes = Change::ALL.into_iter().filter(|change| answer.changed(&place, *change).is_some());
            let known = members.entry((&exchange.service, &exchange.operation)).or_default();
            known.entry(place.path.clone()).or_default().extend(changes);
        }
    }
    let mut cases = Vec::new();
    for ((service, operation), paths) in members {
        for (path, changes) in paths {
            for change in changes {
                for everywhere in [true, false] {
                    let (service, operation, path) = (service.to_owned(), operation.to_owned(), path.clone());
                    cases.push(MemberCase { service, operation, path, change, everywhere });
                }
            }
        }
    }
    cases
}

/// What a recording gives as it is, and the recording of each service.
struct World<'j> {
    judge: &'j Judge,
    tapes: BTreeMap<&'static str, Tape>,
    parts: BTreeMap<&'static str, Estate>,
    before: BTreeMap<Place, Verdict>,
}

impl<'j> World<'j> {
    fn new(judge: &'j Judge, tape: &Tape) -> Self {
        let mut tapes = BTreeMap::new();
        for service in SERVICES {
            let mut own = tape.clone();
            own.exchanges.retain(|exchange| exchange.service == service.name);
            own.bodies.retain(|id, _| own.exchanges.iter().any(|e| matches!(&e.outcome, Outcome::Response { body, .. } if body == id)));
            tapes.insert(service.name, own);
        }
        let parts: BTreeMap<&str, Estate> =
            SERVICES.iter().map(|service| (service.name, judge.collected(&tapes[service.name], service))).collect();
        let estate = judge.estate(parts.values());
        let before = judge.verdicts(&estate);
        Self { judge, tapes, parts, before }
    }

    fn member(&self, case: &MemberCase) -> Option<String> {
        let service = SERVICES.iter().find(|s| s.name == case.service).expect("a known service");
        let mut damaged = self.tapes[service.name].clone();
        'tape: for at in 0..damaged.exchanges.len() {
            if damaged.exchanges[at].operation != case.operation {
                continue;
            }
            let Outcome::Response { status, body, .. } = &damaged.exchanges[at].outcome else { continue };
            let (status, bytes) = (*status, Arc::clone(&damaged.bodies[body]));
            let Some(mut answer) = Answer::read(&bytes) else { continue };
            let mut hit = false;
            // From the end, so that what is taken out or put in moves nothing that is still to come.
            for place in answer.places().into_iter().rev().filter(|place| place.path == case.path) {
                if let Some(changed) = answer.changed(&place, case.change) {
                    answer = changed;
                    hit = true;
                    if !case.everywhere {
                        break;
                    }
                }
            }
            if hit {
                with_body(&mut damaged, at, status, answer.write());
                if !case.everywhere {
                    break 'tape;
                }
            }
        }
        let hit = self.judge.collected(&damaged, service);
        if same(&hit, &self.parts[service.name]) {
            return None;
        }
        let rest = self.parts.iter().filter(|(name, _)| **name != service.name).map(|(_, part)| part);
        let estate = self.judge.estate(rest.chain([&hit]));
        let after = self.judge.verdicts(&estate);
        let was = |place: &Place| self.before.get(place);
        let new: Vec<&Place> = after
            .iter()
            .filter(|(place, verdict)| **verdict == Verdict::Pass && was(place) != Some(&Verdict::Pass))
            .map(|(p, _)| p)
            .collect();
        if !new.is_empty() {
            return Some(format!("became a pass: {new:?}"));
        }
        let lost: BTreeSet<&str> =
            self.before.keys().filter(|place| !after.contains_key(*place)).map(|(policy, _, _)| policy.as_str()).collect();
        let open: BTreeSet<&str> = after
            .iter()
            .filter(|(place, verdict)| **verdict == Verdict::Unknown && was(place) != Some(&Verdict::Unknown))
            .map(|((policy, _, _), _)| policy.as_str())
            .collect();
        let silent: Vec<&&str> = lost.difference(&open).collect();
        (!silent.is_empty()).then(|| format!("vanished without an unknown: {silent:?}"))
    }
}

/// Whether two parts say the same: which answers they were read from does not count.
fn same(a: &Estate, b: &Estate) -> bool {
    a.listings == b.listings
        && a.resources.len() == b.resources.len()
        && a.resources.iter().zip(&b.resources).all(|(a, b)| {
            (&a.kind.name, &a.arn, &a.id, &a.name, &a.account, &a.region, &a.tags)
                == (&b.kind.name, &b.arn, &b.id, &b.name, &b.account, &b.region, &b.tags)
                && format!("{:?}", a.properties) == format!("{:?}", b.properties)
        })
}

#[test]
fn regions_that_cannot_be_listed_are_unknown() {
    let mut tape = tape(DEMO);
    let judge = Judge::new();
    let verdicts = |tape: &Tape| {
        let parts: Vec<Estate> = SERVICES.iter().map(|service| judge.collected(tape, service)).collect();
        judge.verdicts(&judge.estate(parts.iter()))
    };
    let before = verdicts(&tape);
    tape.plan.sweep = Sweep::Enabled;
    let after = verdicts(&tape);
    let new: Vec<&Place> = after
        .iter()
        .filter(|(place, verdict)| **verdict == Verdict::Pass && before.get(*place) != Some(&Verdict::Pass))
        .map(|(p, _)| p)
        .collect();
    assert!(new.is_empty(), "{new:?}");
    let open: BTreeSet<&str> = after
        .keys()
        .filter(|(policy, _, at)| policy == "every-resource-in-allowed-region" && at.ends_with(" *"))
        .map(|(_, kind, _)| kind.as_str())
        .collect();
    let regional: usize = SERVICES.iter().filter(|s| s.scope == Scope::Regional).map(|s| s.types.len()).sum();
    // All types but the region itself, whose listing is the one that failed, and the account's own setting.
    assert_eq!(open.len(), regional - 1, "{open:?}");
}

#[test]
fn a_replay_asks_only_reads() {
    for exchange in tape(DEMO).exchanges.iter().chain(&tape(EVERYTHING).exchanges) {
        let service = SERVICES.iter().find(|s| s.name == exchange.service).expect("a known service");
        let declared = service.operations.iter().any(|op| op.name == exchange.operation);
        assert!(declared, "{}:{} is not declared", exchange.service, exchange.operation);
        let reads = ["Describe", "List", "Get"].iter().any(|verb| exchange.operation.starts_with(verb));
        assert!(reads, "{}:{} is not a read", exchange.service, exchange.operation);
        // What was sent says the same as what was declared.
        let asked = &exchange.request;
        let said = match (&asked.target, asked.body.strip_prefix("Action=")) {
            (Some(target), _) => target.rsplit('.').next().map(str::to_owned),
            (None, Some(rest)) => rest.split('&').next().map(str::to_owned),
            (None, None) => None,
        };
        match said {
            Some(said) => assert_eq!(said, exchange.operation),
            None => assert_eq!(asked.method, "GET", "{}:{}", exchange.service, exchange.operation),
        }
    }
}

#[test]
fn the_recordings_hold_no_secrets() {
    for exchange in tape(DEMO).exchanges.iter().chain(&tape(EVERYTHING).exchanges) {
        let text = serde_json::to_string(exchange).expect("plain data").to_lowercase();
        for word in ["\"authorization\"", "x-amz-security-token", "aws4-hmac", "x-amz-credential"] {
            assert!(!text.contains(word), "{word} in {}", exchange.operation);
        }
        assert_ne!(exchange.service, "sts");
    }
}
