//! Records the demo: `ci/demo-record`. Seeds a small clinic calendar of four environments on the AWS
//! emulators, breaks a few things, denies one call, and keeps what `keur collect` exchanges. With
//! `everything` as the last argument nothing is denied, all faults are there, and whatever else makes a
//! collector ask one more call: the tape that the tests damage.
#![allow(dead_code, unused_imports, reason = "shared with the tests, which use all of it")]

#[path = "../tests/support/emulator.rs"]
mod emulator;
#[path = "../tests/support/seed/mod.rs"]
mod seed;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use emulator::{Ministack, Moto};
use keur::aws::Tape;
use seed::faults::Fault;
use seed::{Cloud, Seed, Size};

/// What speaks for itself.
const FAULTS: &[Fault] =
    &[Fault::SingleZoneDatabase, Fault::UnencryptedVolume, Fault::NoRecentSnapshot, Fault::BucketAbroad, Fault::Peering];

/// Everything may be read but this: the demo has a gap to show.
const RIGHTS: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},
    {"Effect":"Deny","Action":"rds:DescribeDBClusterSnapshots","Resource":"*"}]}"#;

#[allow(clippy::disallowed_methods, reason = "a program of its own")]
#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(keur), Some(config), Some(archive)) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: record_demo KEUR CONFIG ARCHIVE [everything]".into());
    };
    let everything = arguments.next().is_some_and(|word| word.as_os_str() == "everything");
    let (moto, ministack) = (Moto::start(), Ministack::start());
    let cloud = Cloud::new(&moto.url());
    let seed = Seed::clean(&cloud, Size::SMALL).await;
    seed.vaults(&Cloud::new(&ministack.url())).await;
    for fault in if everything { Fault::ALL } else { FAULTS } {
        fault.apply(&cloud, &seed).await;
    }
    if everything {
        more(&cloud, &Cloud::new(&ministack.url())).await?;
    }
    cloud.iam().create_user().user_name("auditor").send().await?;
    cloud.iam().put_user_policy().user_name("auditor").policy_name("rights").policy_document(RIGHTS).send().await?;
    let key = cloud.iam().create_access_key().user_name("auditor").send().await?.access_key.ok_or("no key")?;
    moto.enforce(!everything);
    let (id, secret) = if everything { (seed::ACCOUNT.to_owned(), "test".to_owned()) } else { (key.access_key_id, key.secret_access_key) };

    let folder = tempfile::tempdir()?;
    let tape = folder.path().join("tape");
    let status = Command::new(keur)
        .args(["collect".as_ref(), "--config".as_ref(), config.as_os_str(), "--tape".as_ref(), tape.as_os_str()])
        .arg("--output")
        .arg(folder.path().join("estate.json"))
        .env("AWS_ACCESS_KEY_ID", id)
        .env("AWS_SECRET_ACCESS_KEY", secret)
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_ENDPOINT_URL", moto.url())
        .env("AWS_ENDPOINT_URL_BACKUP", ministack.url())
        .env("AWS_MAX_ATTEMPTS", "1")
        .status()?;
    if !matches!(status.code(), Some(0 | 3)) {
        return Err(format!("keur collect ended with {status}").into());
    }
    let bytes = Tape::read(&tape)?.to_archive()?;
    std::fs::write(Path::new(&archive), &bytes)?;
    Ok(())
}

/// A customer's own policy, an organisation and a backup plan: each is one more call.
async fn more(cloud: &Cloud, backup: &Cloud) -> Result<(), Box<dyn Error>> {
    use aws_sdk_backup::types::{BackupPlanInput, BackupRuleInput};
    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"}]}"#;
    let tag = aws_sdk_iam::types::Tag::builder().key("Environment").value("test").build()?;
    cloud.iam().create_policy().policy_name("readers").policy_document(document).tags(tag).send().await?;
    cloud.organizations().create_organization().send().await?;
    let rule = BackupRuleInput::builder().rule_name("daily").target_backup_vault_name("test-daily").build()?;
    let plan = BackupPlanInput::builder().backup_plan_name("daily").rules(rule).build()?;
    backup.backup().create_backup_plan().backup_plan(plan).send().await?;
    Ok(())
}
