//! What keur knows of AWS against AWS's own models, as botocore has them: what they have and keur does not is
//! a decision that somebody makes, and writes down.
#![cfg(feature = "all-services")]

mod support;

use std::collections::BTreeMap;
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
