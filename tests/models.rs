//! What keur knows of AWS against AWS's own models, as botocore has them: what they have and keur does not is
//! a decision that somebody makes, and writes down.
#![cfg(feature = "all-services")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use keur::estate::{PARTITIONS, Partition};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// What `tests/models/botocore_says.py` answers.
fn botocore<T: DeserializeOwned>(arguments: &[&str]) -> T {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/botocore_says.py");
    let ran = Command::new(support::python()).arg(script).args(arguments).output().expect("Python starts");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).expect("JSON")
}

#[derive(Deserialize)]
struct Known {
    partitions: Vec<KnownPartition>,
    of: BTreeMap<String, Option<String>>,
}

#[derive(Deserialize)]
struct KnownPartition {
    id: String,
    dns_suffix: String,
    home: String,
    regions: Vec<String>,
}

#[test]
fn the_table_of_partitions_is_that_of_botocore() {
    // Regions that are not there yet, and what is no region.
    let starts = ["us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx", "cn", "eusc-de", "eusc-fr", "us-gov", "us-iso", "us-isob"];
    let starts = starts.into_iter().chain(["us-isof", "eu-isoe", "us-isoe", "xx", "us-gov-x"]);
    let mut names: Vec<String> = starts.flat_map(|start| [format!("{start}-north-7"), format!("{start}-7")]).collect();
    names.extend(["global", "eu-central-1a", "eu-central", "", "aws"].map(str::to_owned));
    let asked: Vec<&str> = ["partitions"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let known: Known = botocore(&asked);
    for (name, partition) in &known.of {
        assert_eq!(Partition::of_region(name).map(|p| p.id), partition.as_deref(), "`{name}`");
    }
    let ours: Vec<&str> = PARTITIONS.iter().map(|p| p.id).collect();
    let theirs: Vec<&str> = known.partitions.iter().map(|p| p.id.as_str()).collect();
    assert_eq!(ours, theirs);
    for (ours, theirs) in PARTITIONS.iter().zip(&known.partitions) {
        assert_eq!((ours.dns_suffix, ours.home), (theirs.dns_suffix.as_str(), theirs.home.as_str()), "{}", ours.id);
        assert_eq!(ours.regions, theirs.regions, "{}", ours.id);
    }
}

/// The members below one path of an answer, and what becomes of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    r#type: Option<String>,
    #[serde(default)]
    read: Vec<String>,
    #[serde(default)]
    r#as: BTreeMap<String, String>,
    #[serde(default)]
    not_read: Vec<String>,
    #[serde(default)]
    because: BTreeMap<String, String>,
}

/// Operation → path → the members there.
type Decisions = BTreeMap<String, BTreeMap<String, Group>>;

fn decisions() -> Decisions {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/members.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(path).expect("the decisions")).expect("decisions")
}

/// `DBInstanceArn` → `db_instance_arn`, as properties are called.
fn snake(member: &str) -> String {
    let letters: Vec<char> = member.chars().collect();
    let mut text = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| letters[at]);
        let after = letters.get(at + 1);
        let begins = before.is_some_and(|c| c.is_lowercase() || c.is_ascii_digit())
            || before.is_some_and(char::is_uppercase) && after.is_some_and(|c| c.is_lowercase());
        if letter.is_uppercase() && begins {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

#[test]
#[allow(clippy::print_stdout, reason = "figures for whoever runs it")]
fn every_member_of_awss_models_is_decided() {
    let decisions = decisions();
    let declared: BTreeSet<String> =
        keur::aws::SERVICES.iter().flat_map(|s| s.operations.iter().map(move |op| format!("{}:{}", s.name, op.name))).collect();
    assert_eq!(decisions.keys().cloned().collect::<BTreeSet<_>>(), declared, "operations, in tests/models/members.yaml and in the code");
    let asked: Vec<&str> = ["members"].into_iter().chain(declared.iter().map(String::as_str)).collect();
    let models: BTreeMap<String, BTreeMap<String, String>> = botocore(&asked);
    let mut wrong = Vec::new();
    let (mut read, mut not_read) = (0, 0);
    for (operation, groups) in &decisions {
        // Parent → members, of what AWS's model has.
        let mut members: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for path in models[operation].keys() {
            let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
            members.entry(parent).or_default().insert(name);
        }
        for (path, group) in groups {
            let has = members.get(path.as_str()).cloned().unwrap_or_default();
            let decided: BTreeSet<&str> = group.read.iter().chain(&group.not_read).map(String::as_str).collect();
            let mut say = |what: &str, names: Vec<&str>| {
                if !names.is_empty() {
                    wrong.push(format!("{operation} {path}: {what}: {}", names.join(", ")));
                }
            };
            say("nobody decided", has.difference(&decided).copied().collect());
            say("AWS's model has no longer", decided.difference(&has).copied().collect());
            say("both read and not read", group.read.iter().filter(|n| group.not_read.contains(n)).map(String::as_str).collect());
            let reasons = group.because.keys().chain(group.r#as.keys());
            say(
                "has a reason or a property and no decision",
                reasons.filter(|n| !decided.contains(n.as_str())).map(String::as_str).collect(),
            );
            let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            let open = |name: &&str| members.contains_key(below(name).as_str()) && !groups.contains_key(&below(name));
            say("is read, and what is in it not decided", group.read.iter().map(String::as_str).filter(open).collect());
            let told = |name: &&str| groups.contains_key(&below(name));
            say("is not read, and what is in it decided", group.not_read.iter().map(String::as_str).filter(told).collect());
            read += group.read.len();
            not_read += group.not_read.len();
        }
    }
    println!("{} operations: {read} members are read, {not_read} are not", decisions.len());
    assert!(wrong.is_empty(), "decide in tests/models/members.yaml:\n{}", wrong.join("\n"));
}

#[test]
fn what_is_read_of_a_resource_is_one_of_its_properties() {
    let registry = keur::registry();
    let mut wrong = Vec::new();
    for (operation, groups) in decisions() {
        for (path, group) in groups {
            let Some(kind) = &group.r#type else { continue };
            let properties = &registry.get(kind).unwrap_or_else(|| panic!("no type {kind}")).properties;
            for member in &group.read {
                let own = snake(member);
                let property = group.r#as.get(member).unwrap_or(&own);
                if !matches!(property.as_str(), "arn" | "id" | "name" | "tags") && properties.field(property).is_none() {
                    wrong.push(format!("{operation} {path}.{member}: {kind} has no property `{property}`"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
