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
    ("automated-backups-from-allowed-region", "moto cannot replicate automated backups"),
    ("backup-copies-in-allowed-region", "plans are MiniStack's, which no fault here reaches"),
    ("backup-vault-encrypted", "MiniStack does not say of which kind a vault is: unknown of a vault without a key"),
    ("cluster-snapshot-copies-from-allowed-region", "copies in moto do not name their source"),
    ("database-backups-stay-in-allowed-region", "moto cannot replicate automated backups"),
    ("declared-resource-exists", "it needs a state: `tests/terraform.rs`"),
    ("dynamodb-table-multi-az", "tables of moto are always active"),
    ("efs-recent-backup", "neither emulator has recovery points; file systems here are too young to need one"),
    ("efs-replicas-in-allowed-region", "moto cannot replicate file systems"),
    ("image-copies-from-allowed-region", "copies in moto do not name their source"),
    ("image-snapshots-encrypted", "moto does not say whether the disks of an image are encrypted: always unknown"),
    ("key-replicas-in-allowed-region", "a key cannot be taken away again: `a_recording_gives_the_same_report`"),
    ("plan-keeps-data", "it needs a plan: `tests/terraform.rs`"),
    ("plan-keeps-managing", "it needs a plan: `tests/terraform.rs`"),
    ("rds-instance-replicas-in-allowed-region", "moto cannot delete a replica of an instance in another region"),
    ("recovery-point-encrypted", "neither emulator has recovery points"),
    ("recovery-points-complete", "neither emulator has recovery points"),
    ("recovery-points-from-allowed-region", "neither emulator has recovery points"),
    ("region-guardrail-attached", "it is about the whole account: `a_recording_gives_the_same_report`"),
    ("resource-as-declared", "it needs a state: `tests/terraform.rs`"),
    ("resource-declared-in-code", "it needs a state: `tests/terraform.rs`"),
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
    assert!(resources >= 500, "{resources} resources");
}

/// A user: key and secret.
async fn user(cloud: &Cloud, name: &str) -> (String, String) {
    cloud.iam().create_user().user_name(name).send().await.expect("CreateUser");
    let keys = cloud.iam().create_access_key().user_name(name).send().await.expect("CreateAccessKey").access_key.expect("the key");
    (keys.access_key_id, keys.secret_access_key)
}

/// Lets a user do everything but one thing.
async fn allow_all_but(cloud: &Cloud, user: &str, denied: Option<(&str, &str)>) {
    let allow = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#.to_owned();
    let deny = denied.map(|(action, resource)| format!(r#"{{"Effect":"Deny","Action":"{action}","Resource":"{resource}"}}"#));
    let statements = [Some(allow), deny].into_iter().flatten().collect::<Vec<_>>().join(",");
    let policy = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    cloud.iam().put_user_policy().user_name(user).policy_name("rights").policy_document(policy).send().await.expect("PutUserPolicy");
}

/// Actions, and the policies that cannot answer for everything when the action is denied.
const DENIED: &[(&str, &[&str])] = &[
    (
        "rds:DescribeDBSnapshots",
        &[
            "every-resource-in-allowed-region",
            "rds-instance-recent-snapshot",
            "rds-snapshot-encrypted",
            "rds-snapshot-not-shared",
            "resource-in-one-environment",
            "snapshot-copies-from-allowed-region",
        ],
    ),
    (
        "ec2:DescribeVpcs",
        &[
            "every-resource-in-allowed-region",
            "resource-in-one-environment",
            "security-group-admits-own-addresses",
            "security-group-admits-own-environment",
            "vpc-in-one-environment",
            "vpc-owned-by-account",
        ],
    ),
    (
        "s3:GetBucketLocation",
        &[
            "bucket-encrypted-by-default",
            "bucket-in-allowed-region",
            "bucket-policy-stays-in-account",
            "bucket-replicas-in-allowed-region",
            "bucket-replicates-within-environment",
            "every-resource-in-allowed-region",
            "resource-in-one-environment",
        ],
    ),
    ("elasticloadbalancing:DescribeTargetHealth", &["load-balancer-targets-own-environment", "web-servers-multi-az"]),
    ("iam:GetAccountAuthorizationDetails", &["resource-in-one-environment", "role-trust-stays-in-environment"]),
    (
        "kms:ListKeys",
        &[
            "dynamodb-table-encrypted",
            "ebs-volume-encrypted",
            "every-resource-in-allowed-region",
            "key-replicas-in-allowed-region",
            "kms-key-in-one-environment",
            "kms-key-policy-stays-in-account",
            "kms-key-rotated",
            "kms-key-usable",
            "rds-cluster-encrypted",
            "rds-instance-encrypted",
            "resource-in-one-environment",
        ],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_call_is_never_a_pass() {
    let (moto, ministack) = (Moto::start(), Ministack::start());
    let cloud = Cloud::new(&moto.url());
    let seed = Seed::of(&cloud, &["staging", "production"], Size::SMALL).await;
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
    for (action, policies) in DENIED {
        moto.enforce(false);
        allow_all_but(&cloud, "reader", Some((action, "*"))).await;
        moto.enforce(true);
        let report = keur.run(["check", "--format", "json"]).exits(3).report();
        let denied: BTreeSet<String> = report.gaps().into_iter().filter(|gap| gap.3 == "denied").map(|gap| gap.0).collect();
        assert_eq!(denied, BTreeSet::from([(*action).to_owned()]));
        nothing(&report, "deviation");
        let (before, after) = (whole.with_verdict("pass"), report.with_verdict("pass"));
        let new: Vec<&Found> = after.difference(&before).collect();
        assert!(new.is_empty(), "{action} is denied, and these pass: {new:?}");
        let changed: BTreeSet<String> = shipped().into_iter().filter(|id| whole.verdicts(id) != report.verdicts(id)).collect();
        assert_eq!(changed, policies.iter().map(|id| (*id).to_owned()).collect(), "{action}");
        let open: BTreeSet<String> = report.with_verdict("unknown").into_iter().map(|found| found.policy).collect();
        assert_eq!(open, changed, "{action}: what changed is unknown, nothing else is");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_entered_by_their_roles() {
    const OTHER: &str = "222222222222";
    const CLOSED: &str = "333333333333";
    let (moto, ministack) = (Moto::start(), Ministack::start());
    let cloud = Cloud::new(&moto.url());
    Seed::of(&cloud, &["production"], Size::SMALL).await;
    let other = cloud.account(OTHER).await;
    let (id, secret) = user(&cloud, "reader").await;
    // moto asks the trust policies of the caller's own account only: the third account is closed from this side.
    allow_all_but(&cloud, "reader", Some(("sts:AssumeRole", &format!("arn:aws:iam::{CLOSED}:role/keur-reader")))).await;
    seed::role_with_trust(&other, "staging", "keur-reader", &format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:user/reader"}}"#)).await;
    let everything = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let rights = other.iam().put_role_policy().role_name("keur-reader").policy_name("rights").policy_document(everything);
    rights.send().await.expect("PutRolePolicy");
    other.ec2().enable_ebs_encryption_by_default().send().await.expect("EnableEbsEncryptionByDefault");
    let key = seed::key(&other, "staging", "imports").await;
    seed::bucket(&other, None, "clinic-imports", Some(&key)).await;
    moto.enforce(true);
    let keur = Keur::on(&moto, &ministack).with("AWS_ACCESS_KEY_ID", &id).with("AWS_SECRET_ACCESS_KEY", &secret);
    let run = |accounts: &[&str]| {
        let role = |id: &&str| format!("  - {{id: \"{id}\", name: n{id}, role: \"arn:aws:iam::{id}:role/keur-reader\"}}\n");
        let roles: String = accounts.iter().map(role).collect();
        // The account itself says which environment it is.
        let config = format!(
            "regions: {{allowed: [{HOME}], sweep: [{HOME}]}}
environments:
  production: {{tags: {{Environment: [production]}}}}
  staging: {{accounts: [\"{OTHER}\"]}}
parameters: {{region_guardrail_required: false, highly_available: [production], backed_up: [production], trusted_accounts: [\"{ACCOUNT}\"]}}
accounts:\n  - {{id: \"{ACCOUNT}\", name: main}}\n{roles}"
        );
        keur.write("keur.yaml", config);
        keur.run(["check", "--format", "json"])
    };
    let two = run(&[OTHER]).exits(0).report();
    nothing(&two, "deviation");
    nothing(&two, "unknown");
    assert_eq!(two.at("/run/accounts").as_array().map_or(0, Vec::len), 2);
    let bucket = found("bucket-encrypted-by-default", "clinic-imports", HOME);
    assert!(two.with_verdict("pass").contains(&bucket), "the bucket of the other account is judged");

    let three = run(&[OTHER, CLOSED]).exits(3).report();
    nothing(&three, "deviation");
    let gap = ("sts:AssumeRole".to_owned(), CLOSED.to_owned(), "global".to_owned(), "denied".to_owned());
    assert!(three.gaps().contains(&gap), "{:?}", three.gaps());
    let new: Vec<Found> = three.with_verdict("pass").difference(&two.with_verdict("pass")).cloned().collect();
    assert!(new.is_empty(), "{new:?}");
    // Of an account that was not seen no policy knows anything; that about organisation policies is switched off, and no code was given.
    let open: BTreeSet<String> = three.with_verdict("unknown").into_iter().map(|found| found.policy).collect();
    let silent: Vec<String> = shipped().difference(&open).cloned().collect();
    let quiet = "declared-resource-exists plan-keeps-data plan-keeps-managing region-guardrail-attached resource-as-declared resource-declared-in-code";
    assert_eq!(silent.join(" "), quiet);
    let places: BTreeSet<String> = three.incomplete().into_iter().map(|(_, account, _)| account).collect();
    assert_eq!(places, BTreeSet::from([CLOSED.to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_accounts_of_an_organisation_are_all_looked_at() {
    use aws_sdk_organizations::types::OrganizationFeatureSet;
    let (moto, ministack) = (Moto::start(), Ministack::start());
    let cloud = Cloud::new(&moto.url());
    let organizations = cloud.organizations();
    organizations.create_organization().feature_set(OrganizationFeatureSet::All).send().await.expect("CreateOrganization");
    let mut accounts = BTreeSet::from([ACCOUNT.to_owned()]);
    for name in ["production", "staging"] {
        let request = organizations.create_account().account_name(name).email(format!("{name}@example.com"));
        let made = request.send().await.expect("CreateAccount").create_account_status;
        let account = made.and_then(|status| status.account_id).expect("the id of the account");
        let inside = cloud.account(&account).await;
        seed::bucket(&inside, Some(name), &format!("clinic-{name}"), None).await;
        accounts.insert(account);
    }
    let keur = Keur::on(&moto, &ministack);
    keur.write("keur.yaml", config(&format!("[{HOME}]"), &format!("{PARAMETERS}organization: {{role: keur-reader}}\n")));
    let report = keur.run(["check", "--format", "json", "--policy", "bucket-encrypted-by-default"]).exits(1).report();
    let seen = report.at("/run/accounts").as_array().expect("accounts").iter().filter_map(|id| id.as_str().map(str::to_owned)).collect();
    assert_eq!(accounts, seen);
    let buckets = ["clinic-production", "clinic-staging"].map(|name| ("bucket-encrypted-by-default", name.to_owned(), HOME));
    only(&report, "deviation", &all(buckets));
    nothing(&report, "unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_is_named_goes_before_the_environment() {
    const OTHER: &str = "222222222222";
    let moto = Moto::start();
    let keur = Keur::at(&moto.url());
    keur.write("keur.yaml", config(&format!("[{HOME}]"), PARAMETERS));
    let keys = Cloud::new(&moto.url()).keys(OTHER).await;
    let (id, secret, token) = (keys.access_key_id(), keys.secret_access_key(), keys.session_token().unwrap_or_default());
    let profile = format!("aws_access_key_id = {id}\naws_secret_access_key = {secret}\naws_session_token = {token}\n");
    keur.write(".aws/credentials", format!("[reader]\n{profile}"));
    let account = |more: &[&str]| {
        let check = ["check", "--format", "json", "--policy", "bucket-encrypted-by-default"];
        // There are no buckets: nothing is judged.
        let report = keur.run([&check, more].concat()).exits(3).report();
        report.at("/run/identity/account").as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(account(&[]), ACCOUNT);
    assert_eq!(account(&["--profile", "reader"]), OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_gives_the_same_report() {
    let (moto, ministack) = (Moto::start(), Ministack::start());
    let cloud = Cloud::new(&moto.url());
    let seed = Seed::of(&cloud, &["staging", "production", "test"], Size::SMALL).await;
    let mut expected = faults::key_replicated_abroad(&cloud).await;
    expected.push(("region-guardrail-attached", ACCOUNT.to_owned(), "global"));
    for fault in [Fault::SingleZoneDatabase, Fault::Peering, Fault::UntaggedBucket] {
        expected.extend(fault.apply(&cloud, &seed).await.expected);
    }
    let keur = Keur::on(&moto, &ministack);
    keur.write("keur.yaml", config(&format!("[{HOME}, us-east-1]"), ""));
    keur.run(["collect", "-o", "estate.json", "--tape", "tape"]).exits(3).gives_nothing();
    drop((moto, ministack));

    let offline = Keur::new();
    for name in ["keur.yaml", "estate.json"] {
        offline.write(name, fs::read(keur.home().join(name)).expect("a file"));
    }
    let folder = keur.home().join("tape");
    let tape = Tape::read(&folder).expect("the tape");
    let archive = tape.to_archive().expect("an archive");
    assert_eq!(archive, tape.to_archive().expect("an archive"), "the archive of a tape is always the same");
    offline.write("tape.tar.zst", &archive);
    let folder = folder.to_str().expect("UTF-8");
    // The same but for the word that says where the facts come from.
    let run = |source: &[&str], more: &[&str]| {
        let text = offline.run([&["check"], source, more].concat()).exits(1).text();
        let word = source[0].trim_start_matches("--");
        let told = text.replacen(&format!("\"source\": \"{word}\""), "", 1).replacen(&format!(" · {word}"), "", 1);
        assert_ne!(told, text, "{word} does not call itself that");
        told
    };
    for more in [&["--format", "json"][..], &["--format", "table"], &["--format", "json", "--as-of", "2035-01-01"]] {
        let (saved, replayed) = (run(&["--estate", "estate.json"], more), run(&["--replay", folder], more));
        assert!(saved == replayed, "{more:?}: the estate and its tape differ");
    }
    let json = ["--format", "json"];
    let archived = run(&["--replay", "tape.tar.zst"], &json);
    assert!(archived == run(&["--replay", folder], &json), "the tape and its archive differ");
    let report = offline.run(["check", "--estate", "estate.json", "--format", "json"]).exits(1).report();
    only(&report, "deviation", &all(expected));
    nothing(&report, "unknown");
    let later = offline.run(["check", "--estate", "estate.json", "--format", "json", "--as-of", "2035-01-01"]).exits(1).report();
    nothing_is_recent(&later, &seed);
    nothing_secret(Path::new(folder));
}

/// Years later no backup is of yesterday: every database, volume, table and file system deviates, and none passes.
fn nothing_is_recent(report: &Report, seed: &Seed) {
    let count = |of: fn(&seed::Environment) -> usize| seed.environments().iter().map(of).sum::<usize>();
    for (policy, stale) in [
        ("rds-instance-recent-snapshot", count(|e| e.databases.len())),
        ("rds-cluster-recent-snapshot", count(|_| 1)),
        ("ebs-volume-recent-snapshot", count(|e| e.volumes.len())),
        ("dynamodb-recent-restorable-time", count(|e| e.tables.len())),
        ("efs-recent-backup", count(|_| 1)),
    ] {
        let verdicts: Vec<String> = report.verdicts(policy).into_values().collect();
        assert_eq!(verdicts, vec!["deviation"; stale], "{policy}");
    }
}

/// Nothing on the tape tells who asked.
fn nothing_secret(tape: &Path) {
    let mut files = vec![tape.join("run.json"), tape.join("exchanges.jsonl")];
    files.extend(fs::read_dir(tape.join("bodies")).expect("bodies").map(|entry| entry.expect("a body").path()));
    for file in files {
        let text = String::from_utf8_lossy(&fs::read(&file).expect("a file")).to_lowercase();
        for word in ["\"authorization\"", "aws4-hmac-sha256", "x-amz-security-token", "secretaccesskey", "sessiontoken"] {
            assert!(!text.contains(word), "{} has `{word}`", file.display());
        }
    }
}
