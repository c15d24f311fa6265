//! The whole program against AWS emulators: what is wrong is found and nothing else, and what could not be read is never
//! a pass.

#![cfg(feature = "all-services")]

#[path = "support/seed/mod.rs"]
#[allow(dead_code, reason = "shared with the recording of the demo")]
mod seed;
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use keur::aws::Tape;
use keur::policy::SHIPPED;
use seed::faults::{self, Expected, Fault};
use seed::{Cloud, HOME, Seed, Size};
use support::{ACCOUNT, Found, Keur, Ministack, Moto, Report, found};

/// Shipped policies that no fault here is about, and why.
const NOT_HERE: &[(&str, &str)] = &[
    ("backup-vault-encrypted", "MiniStack does not say of which kind a vault is: unknown of a vault without a key"),
    ("database-backups-stay-in-allowed-region", "moto cannot replicate automated backups"),
    ("dynamodb-table-multi-az", "tables of moto are always active"),
    ("efs-recent-backup", "neither emulator has recovery points; file systems here are too young to need one"),
    ("efs-replicas-in-allowed-region", "moto cannot replicate file systems"),
    ("image-snapshots-encrypted", "moto does not say whether the disks of an image are encrypted: always unknown"),
    ("key-replicas-in-allowed-region", "a key cannot be taken away again: `a_recording_gives_the_same_report`"),
    ("recovery-point-encrypted", "neither emulator has recovery points"),
    ("recovery-points-complete", "neither emulator has recovery points"),
    ("region-guardrail-attached", "it is about the whole account: `a_recording_gives_the_same_report`"),
    ("snapshot-copies-from-allowed-region", "copies in moto do not name their source"),
    ("table-replicas-in-allowed-region", "moto ignores replicas of tables"),
    ("vpc-owned-by-account", "moto cannot share subnets"),
];

/// What moto and MiniStack do not answer, or leave out of an answer.
const NOT_ANSWERED: &[&str] = &[
    "backup:ListBackupVaults",
    "ec2:DescribeImages",
    "ec2:DescribeVpcPeeringConnections",
    "ec2:GetEbsDefaultKmsKeyId",
    "elasticloadbalancing:DescribeLoadBalancers",
    "s3:GetBucketVersioning",
];

fn config(sweep: &str, more: &str) -> String {
    format!(
        "organisation: Example Clinic Calendar
regions: {{allowed: [{HOME}], sweep: {sweep}}}
environments:
  production: {{tags: {{Environment: [production]}}}}
  staging: {{tags: {{Environment: [staging]}}}}
  test: {{tags: {{Environment: [test]}}}}
  demo: {{tags: {{Environment: [demo]}}}}
{more}"
    )
}

/// No organisation policies in the emulator, and one environment whose data must have keys of its own.
const PARAMETERS: &str = "parameters: {region_guardrail_required: false, customer_managed_keys: [production]}\n";

fn all(expected: impl IntoIterator<Item = Expected>) -> BTreeSet<Found> {
    expected.into_iter().map(|(policy, id, region)| found(policy, id, region)).collect()
}

#[track_caller]
fn only(report: &Report, verdict: &str, expected: &BTreeSet<Found>) {
    let seen = report.with_verdict(verdict);
    let told = |f: &Found| format!("{f:?} {}", report.message(&f.policy, &f.resource).unwrap_or_default());
    let surplus: Vec<String> = seen.difference(expected).map(told).collect();
    let missing: Vec<&Found> = expected.difference(&seen).collect();
    assert!(surplus.is_empty() && missing.is_empty(), "{verdict}: not expected {surplus:#?}, missing {missing:#?}");
}

#[track_caller]
fn nothing(report: &Report, verdict: &str) {
    only(report, verdict, &BTreeSet::new());
}

fn shipped() -> BTreeSet<String> {
    let ids = SHIPPED.iter().filter_map(|(name, _)| {
        let mut parts = name.trim_start_matches("policies/").split('/');
        let (folder, file) = (parts.next()?, parts.next()?);
        (folder != "frameworks").then(|| file.trim_end_matches(".yaml").to_owned())
    });
    ids.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_found_and_nothing_else() {
    let (moto, ministack) = (Moto::start(), Ministack::start());
    let (cloud, backup) = (Cloud::new(&moto.url()), Cloud::new(&ministack.url()));
    let seed = Seed::clean(&cloud, Size::LARGE).await;
    seed.vaults(&backup).await;
    let mut expected = Vec::new();
    let mut broken = Vec::new();
    for fault in Fault::ALL {
        let one = fault.apply(&cloud, &seed).await;
        assert!(!one.expected.is_empty(), "{fault:?}");
        expected.extend(one.expected.clone());
        broken.push(one);
    }
    seed::vault(&backup, seed.environment("test"), "test-weekly", false).await;
    let covered: BTreeSet<String> = expected.iter().map(|(policy, ..)| (*policy).to_owned()).collect();
    let left_out: BTreeSet<String> = NOT_HERE.iter().map(|(policy, _)| (*policy).to_owned()).collect();
    assert_eq!(shipped(), covered.union(&left_out).cloned().collect(), "a shipped policy has neither a fault nor a reason for none");
    assert_eq!(covered.intersection(&left_out).count(), 0);

    let keur = Keur::on(&moto, &ministack);
    keur.write("keur.yaml", config("enabled", PARAMETERS));
    let report = keur.run(["check", "--format", "json"]).exits(1).report();
    only(&report, "deviation", &all(expected));
    let unknown = report.with_verdict("unknown");
    let policies: Vec<&str> = unknown.iter().map(|f| f.policy.as_str()).collect();
    assert_eq!(policies, ["backup-vault-encrypted", "image-snapshots-encrypted"], "{unknown:?}");
    nothing(&report, "excepted");
    assert_eq!(report.gap_calls(), NOT_ANSWERED.iter().map(|call| (*call).to_owned()).collect());
    population_is_complete(&report, &seed);

    for one in broken {
        one.mend(&cloud).await;
    }
    backup.backup().delete_backup_vault().backup_vault_name("test-weekly").send().await.expect("DeleteBackupVault");
    // The regions that had anything in them: looking at all of them again takes too long.
    keur.write("keur.yaml", config("[eu-central-1, eu-west-1, us-east-1]", PARAMETERS));
    let report = keur.run(["check", "--format", "json"]).exits(0).report();
    nothing(&report, "deviation");
    nothing(&report, "unknown");
}

/// Everything that was made is in the population, and what is in it was read to the end and judged or left out by a rule.
fn population_is_complete(report: &Report, seed: &Seed) {
    assert_eq!(report.incomplete(), BTreeSet::new());
    assert_eq!(report.unbalanced(), Vec::<String>::new());
    let count = |of: fn(&seed::Environment) -> usize| seed.environments().iter().map(of).sum::<usize>() as u64;
    // The faults: an image's snapshot has no volume; three servers beside those of the groups.
    for (kind, made) in [
        ("AWS::RDS::DBCluster", count(|_| 1) + 2),
        ("AWS::RDS::DBInstance", count(|e| e.databases.len() + 2) + 7),
        ("AWS::EC2::Instance", count(|e| e.instances.len()) + 5),
        ("AWS::EC2::Volume", count(|e| e.volumes.len()) + 5 + 2),
        ("AWS::DynamoDB::Table", count(|e| e.tables.len()) + 2),
        ("AWS::EFS::FileSystem", count(|_| 1) + 3),
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", count(|_| 1) + 1),
        ("AWS::AutoScaling::AutoScalingGroup", count(|_| 1) + 1),
        ("AWS::EC2::VPC", count(|_| 1) + 1),
        ("AWS::KMS::Key", count(|_| 1)),
        ("AWS::Backup::BackupVault", count(|_| 1) + 1),
    ] {
        assert_eq!(report.listed(kind, HOME), made, "{kind}");
    }
    // Buckets are listed once for all regions.
    assert_eq!(report.listed("AWS::S3::Bucket", "global"), count(|e| e.buckets.len()) + 4);
    let regions = report.at("/run/regions").as_array().map_or(0, Vec::len);
    assert!(regions >= 20, "{regions} regions");
    let resources = report.at("/summary/resources").as_u64().unwrap_or_default();
    assert!(resources >= 600, "{resources} resources");
}

/// A user who may do everything but these, as far as policies of moto reach.
async fn user(cloud: &Cloud, name: &str) -> (String, String) {
    cloud.iam().create_user().user_name(name).send().await.expect("CreateUser");
    let keys = cloud.iam().create_access_key().user_name(name).send().await.expect("CreateAccessKey").access_key.expect("the key");
    (keys.access_key_id, keys.secret_access_key)
}

async fn allow_all_but(cloud: &Cloud, user: &str, denied: Option<&str>) {
    let allow = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#.to_owned();
    let deny = denied.map(|action| format!(r#"{{"Effect":"Deny","Action":"{action}","Resource":"*"}}"#));
    let statements = [Some(allow), deny].into_iter().flatten().collect::<Vec<_>>().join(",");
    let policy = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    cloud.iam().put_user_policy().user_name(user).policy_name("rights").policy_document(policy).send().await.expect("PutUserPolicy");
}

/// An action, the gap it leads to when it is denied, and the policies whose verdicts depend on it.
const DENIED: &[(&str, &str, &[&str])] = &[];

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_call_is_never_a_pass() {
    let (moto, ministack) = (Moto::start(), Ministack::start());
    let cloud = Cloud::new(&moto.url());
    let seed = Seed::clean(&cloud, Size::SMALL).await;
    // This one is backed up by its snapshot alone.
    let database = seed.environment("production").databases[0].clone();
    faults::stop_backups(&cloud, &faults::database_arn(&cloud, "db", &database)).await;
    let (id, secret) = user(&cloud, "reader").await;
    let keur = Keur::on(&moto, &ministack).with("AWS_ACCESS_KEY_ID", &id).with("AWS_SECRET_ACCESS_KEY", &secret);
    keur.write("keur.yaml", config(&format!("[{HOME}]"), PARAMETERS));
    allow_all_but(&cloud, "reader", None).await;
    moto.enforce(true);
    let whole = keur.run(["check", "--format", "json"]).exits(0).report();
    nothing(&whole, "unknown");
    for action in [
        "rds:DescribeDBSnapshots",
        "ec2:DescribeVolumes",
        "ec2:DescribeVpcs",
        "s3:GetBucketPolicy",
        "s3:GetBucketLocation",
        "elasticloadbalancing:DescribeTargetHealth",
        "iam:GetAccountAuthorizationDetails",
        "kms:ListKeys",
        "kms:GetKeyRotationStatus",
    ] {
        moto.enforce(false);
        allow_all_but(&cloud, "reader", Some(action)).await;
        moto.enforce(true);
        let ran = keur.run(["check", "--format", "json"]);
        println!("== {action} {:?} {:?}", ran.code, ran.took);
        let report = ran.report();
        let gaps: Vec<_> = report.gaps().into_iter().filter(|g| g.3.contains("denied")).collect();
        println!("{gaps:?}");
        let new: Vec<_> = report.with_verdict("pass").difference(&whole.with_verdict("pass")).cloned().collect();
        println!("new passes {new:?} deviations {:?}", report.with_verdict("deviation"));
        for policy in shipped() {
            let (a, b) = (whole.verdicts(&policy), report.verdicts(&policy));
            if a != b {
                let count = |v: &std::collections::BTreeMap<Found, String>, w: &str| v.values().filter(|x| *x == w).count();
                println!("{policy}: pass {} -> {}, unknown {}", count(&a, "pass"), count(&b, "pass"), count(&b, "unknown"));
            }
        }
    }
    let _ = DENIED;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_entered_by_their_roles() {
    let (moto, ministack) = (Moto::start(), Ministack::start());
    let cloud = Cloud::new(&moto.url());
    Seed::clean(&cloud, Size::SMALL).await;
    let other = cloud.account("222222222222").await;
    let (id, secret) = user(&cloud, "reader").await;
    allow_all_but(&cloud, "reader", None).await;
    // moto takes `:root` for nobody: the trust must name the caller.
    seed::role_with_trust(&other, "staging", "keur-reader", &format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:user/reader"}}"#)).await;
    let everything = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let rights = other.iam().put_role_policy().role_name("keur-reader").policy_name("rights").policy_document(everything);
    rights.send().await.expect("PutRolePolicy");
    let key = seed::key(&other, "staging", "imports").await;
    seed::bucket(&other, Some("staging"), "clinic-imports", Some(&key)).await;
    moto.enforce(true);
    let keur = Keur::on(&moto, &ministack).with("AWS_ACCESS_KEY_ID", &id).with("AWS_SECRET_ACCESS_KEY", &secret);
    let accounts = |third: &str| {
        let role = |id: &str| format!("  - {{id: \"{id}\", name: n{id}, role: \"arn:aws:iam::{id}:role/keur-reader\"}}\n");
        let list = format!("accounts:\n  - {{id: \"{ACCOUNT}\", name: main}}\n{}{third}", role("222222222222"));
        (config(&format!("[{HOME}]"), &format!("{PARAMETERS}{list}")), role("333333333333"))
    };
    let (two, third) = accounts("");
    keur.write("keur.yaml", two);
    let ran = keur.run(["check", "--format", "json"]);
    println!("{:?} {}", ran.code, ran.stderr);
    let report = ran.report();
    println!("{:?}\n{:?}\n{:?}", report.with_verdict("deviation"), report.with_verdict("unknown"), report.gaps());
    println!("{:?} {:?}", report.at("/run/accounts"), report.verdicts("bucket-encrypted-by-default"));
    let (three, _) = accounts(&third);
    keur.write("keur.yaml", three);
    let ran = keur.run(["check", "--format", "json"]);
    println!("{:?} {}", ran.code, ran.stderr);
    let report = ran.report();
    println!("{:?}\n{:?}\n{:?}", report.with_verdict("deviation"), report.with_verdict("unknown"), report.gaps());
    println!("{:?} {:?}", report.at("/run/accounts"), report.incomplete());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_gives_the_same_report() {
    let (moto, ministack) = (Moto::start(), Ministack::start());
    let cloud = Cloud::new(&moto.url());
    let seed = Seed::clean(&cloud, Size::SMALL).await;
    let mut expected = faults::key_replicated_abroad(&cloud).await;
    expected.push(("region-guardrail-attached", ACCOUNT.to_owned(), "global"));
    for fault in [Fault::SingleZoneDatabase, Fault::Peering, Fault::UntaggedBucket] {
        expected.extend(fault.apply(&cloud, &seed).await.expected);
    }
    let keur = Keur::on(&moto, &ministack);
    keur.write("keur.yaml", config(&format!("[{HOME}, us-east-1]"), ""));
    keur.run(["collect", "-o", "estate.json", "--tape", "tape"]).exits(3).gives_nothing();
    drop(moto);
    let offline = Keur::new();
    for name in ["keur.yaml", "estate.json"] {
        offline.write(name, fs::read(keur.home().join(name)).expect("a file"));
    }
    let tape = Tape::read(&keur.home().join("tape")).expect("the tape");
    let archive = tape.to_archive().expect("an archive");
    assert_eq!(archive, tape.to_archive().expect("an archive"), "the archive of a tape is always the same");
    offline.write("tape.tar.zst", &archive);
    let folder = keur.home().join("tape");
    let folder = folder.to_str().expect("UTF-8");
    for more in [&["--format", "json"][..], &["--format", "table"], &["--format", "json", "--as-of", "2035-01-01"]] {
        let run = |source: &[&str]| offline.run([&["check"], source, more].concat()).exits(1);
        let saved = run(&["--estate", "estate.json"]);
        assert!(saved.stdout == run(&["--replay", folder]).stdout, "{more:?}: the estate and its tape differ");
        assert!(saved.stdout == run(&["--replay", "tape.tar.zst"]).stdout, "{more:?}: the tape and its archive differ");
    }
    let report = offline.run(["check", "--estate", "estate.json", "--format", "json"]).exits(1).report();
    only(&report, "deviation", &all(expected));
    nothing(&report, "unknown");
    nothing_secret(Path::new(folder));
    println!("{}", archive.len());
}

/// Nothing on the tape tells who asked.
fn nothing_secret(tape: &Path) {
    let mut files = vec![tape.join("run.json"), tape.join("exchanges.jsonl")];
    files.extend(fs::read_dir(tape.join("bodies")).expect("bodies").map(|entry| entry.expect("a body").path()));
    for file in files {
        let text = String::from_utf8_lossy(&fs::read(&file).expect("a file")).to_lowercase();
        for word in ["authorization", "aws4-hmac", "x-amz-security-token", "secretaccesskey", "sessiontoken"] {
            assert!(!text.contains(word), "{} has `{word}`", file.display());
        }
    }
}
