//! Plans, states and templates through the whole program: verdicts, exit codes, what bad files get, and drift.

#![cfg(feature = "all-services")]

#[path = "support/seed/mod.rs"]
#[allow(dead_code, reason = "shared with the other whole-program tests")]
mod seed;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use seed::Cloud;
use serde_json::{Value, json};
use support::{ACCOUNT, Keur, Ministack, Moto, Ran};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terraform").join(name)
}

/// A recorded file, unpacked.
fn content(name: &str) -> Vec<u8> {
    let path = file(name);
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if name.ends_with(".zst") { zstd::decode_all(bytes.as_slice()).expect("zstd") } else { bytes }
}

/// Everything is in production, because the account is: so no verdict hangs on tags.
const CONFIG: &str = "
environments: {production: {accounts: [\"123456789012\"]}}
parameters: {region_guardrail_required: false}
";

fn place() -> Keur {
    let keur = Keur::new();
    keur.write("keur.yaml", CONFIG);
    keur
}

fn check(keur: &Keur, plan: &[u8], more: &[&str]) -> Ran {
    keur.write("plan.json", plan);
    let mut arguments = vec!["check", "--plan", "plan.json", "--account", ACCOUNT, "--format", "json"];
    arguments.extend(more);
    keur.run(arguments)
}

fn case(keur: &Keur, name: &str, more: &[&str]) -> Ran {
    check(keur, &content(&format!("cases/{name}/plan.json")), more)
}

fn json(ran: &Ran) -> Value {
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}\n{}", ran.stderr))
}

/// Address → verdict of a policy, those that are set apart marked by `apart:`.
fn verdicts(ran: &Ran, policy: &str) -> BTreeMap<String, String> {
    let report = json(ran);
    let findings = report["findings"].as_array().expect("findings");
    let of = |f: &Value| {
        let address = f["resource"]["declared"]["address"].as_str().or(f["resource"]["id"].as_str()).unwrap_or_default();
        let apart = f["apart"].as_str().map_or_else(String::new, |why| format!(" ({why})"));
        (address.to_owned(), format!("{}{apart}", f["verdict"].as_str().unwrap_or_default()))
    };
    findings.iter().filter(|f| f["policy"] == policy).map(of).collect()
}

fn expect(ran: &Ran, policy: &str, wanted: &[(&str, &str)]) {
    let wanted: BTreeMap<String, String> = wanted.iter().map(|(a, v)| ((*a).to_owned(), (*v).to_owned())).collect();
    assert_eq!(verdicts(ran, policy), wanted, "{policy}");
}

/// Addresses of the resources in the report, changes not among them.
fn addresses(ran: &Ran) -> BTreeSet<String> {
    let report = json(ran);
    let findings = report["findings"].as_array().expect("findings").clone();
    findings.iter().filter_map(|f| f["resource"]["declared"]["address"].as_str().map(str::to_owned)).collect()
}

#[test]
fn keys_may_hold_dots_brackets_and_quotes() {
    let keur = place();
    let plan: Value = serde_json::from_slice(&content("cases/keyed-module/plan.json")).expect("a plan");
    let ran = case(&keur, "keyed-module", &["--region", "eu-central-1"]);
    let declared: BTreeSet<String> = plan["resource_changes"]
        .as_array()
        .expect("changes")
        .iter()
        .filter(|c| c["mode"] == "managed")
        .map(|c| c["address"].as_str().expect("an address").to_owned())
        .collect();
    assert!(declared.iter().any(|a| a.contains("[\"a.b\"]")) && declared.iter().any(|a| a.contains("\\\"old\\\"")), "{declared:?}");
    assert!(addresses(&ran).is_superset(&declared), "{:?}", declared.difference(&addresses(&ran)));
}

#[test]
fn set_by_reference_is_not_the_same_as_not_set() {
    let keur = place();
    keur.write(
        "keur.yaml",
        format!(
            "{}  customer_managed_keys: [production]\n",
            CONFIG.replace("{region_guardrail_required: false}", "\n  region_guardrail_required: false")
        ),
    );
    let ran = case(&keur, "unknown-reference", &[]).exits(1);
    // Its key is the customer's own, although its ARN is not known; the other's is AWS's, because nobody named one.
    expect(&ran, "rds-instance-encrypted", &[("aws_db_instance.own_key", "pass"), ("aws_db_instance.no_key", "deviation")]);
    // What nobody configured: RDS keeps no backups, and whether a volume is encrypted the account decides.
    expect(&ran, "rds-instance-backup-retention", &[("aws_db_instance.own_key", "deviation"), ("aws_db_instance.no_key", "pass")]);
    keur.write("keur.yaml", CONFIG);
    let ran = case(&keur, "unknown-reference", &[]).exits(1);
    expect(&ran, "ebs-volume-encrypted", &[("aws_ebs_volume.unset", "unknown"), ("aws_ebs_volume.encrypted", "pass")]);
    expect(&ran, "rds-instance-encrypted", &[("aws_db_instance.own_key", "pass"), ("aws_db_instance.no_key", "pass")]);
}

#[test]
fn deletions_replacements_and_letting_go_are_facts() {
    let keur = place();
    let ran = case(&keur, "delete-only", &[]).exits(1);
    expect(&ran, "plan-keeps-data", &[("aws_s3_bucket.documents", "deviation"), ("aws_ebs_volume.data", "deviation")]);
    assert_eq!(json(&ran)["run"]["declared"]["actions"], json!({"delete": 2}));
    assert_eq!(json(&ran)["summary"]["resources"], 2, "what is gone is judged by nothing else");

    let ran = case(&keur, "replaced", &[]).exits(1);
    expect(&ran, "plan-keeps-data", &[("aws_ebs_volume.create_first", "deviation"), ("aws_ebs_volume.delete_first", "deviation")]);
    let ran = case(&keur, "tainted", &[]).exits(1);
    let kept = verdicts(&ran, "plan-keeps-data");
    assert_eq!(kept["aws_ebs_volume.tainted"], "deviation");
    assert_eq!(kept.values().filter(|v| *v == "deviation").count(), 1);

    let ran = case(&keur, "forgotten", &[]).exits(1);
    expect(&ran, "plan-keeps-managing", &[("aws_s3_bucket.forgotten", "deviation"), ("aws_s3_bucket.kept", "pass")]);
    // It stays in AWS as it is, and so do its verdicts.
    expect(
        &ran,
        "bucket-in-allowed-region",
        &[("aws_s3_bucket.forgotten", "pass (already-so)"), ("aws_s3_bucket.kept", "pass (already-so)")],
    );
}

#[test]
fn what_was_already_so_is_told_apart() {
    let keur = place();
    let ran = case(&keur, "moved", &[]).exits(1);
    let volumes = verdicts(&ran, "ebs-volume-encrypted");
    assert_eq!(volumes.values().filter(|v| *v == "deviation").count(), 1, "{volumes:?}: the one that is changed as well");
    assert_eq!(volumes.values().filter(|v| *v == "deviation (already-so)").count(), 1, "{volumes:?}: the one that only moves");

    let noop = content("estate/noop.json.zst");
    let ran = check(&keur, &noop, &[]).exits(0);
    let report = json(&ran);
    assert_eq!(report["summary"]["deviation"], 0);
    assert!(report["summary"]["already_so"].as_u64().expect("a number") > 100);
    check(&keur, &noop, &["--all"]).exits(1);
    let table = keur.run(["check", "--plan", "plan.json", "--account", ACCOUNT]).exits(0).text();
    assert!(table.contains("Already so, on what the plan leaves as it is"), "{table}");
}

#[test]
fn what_a_plan_changes_is_judged() {
    let keur = place();
    let ran = check(&keur, &content("estate/update.json.zst"), &[]).exits(1);
    let lost = verdicts(&ran, "plan-keeps-data");
    let lost: BTreeSet<&str> = lost.iter().filter(|(_, verdict)| *verdict == "deviation").map(|(a, _)| a.as_str()).collect();
    assert!(lost.contains("aws_kms_key.old[0]") && lost.len() >= 3, "{lost:?}");
    let turned = verdicts(&ran, "rds-instance-backup-retention");
    assert!(turned.values().any(|v| v == "deviation"), "{turned:?}: the backups that the plan switches off");
}

#[test]
fn providers_and_modules_tell_the_region() {
    let keur = place();
    let source = file("cases/aliased").display().to_string();
    let ran = case(&keur, "aliased", &["--source", &source]).exits(1);
    let report = json(&ran);
    let regions: BTreeMap<String, String> = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter(|f| f["policy"] == "every-resource-in-allowed-region")
        .map(|f| {
            let text = |p: &str| f.pointer(p).and_then(Value::as_str).unwrap_or_default().to_owned();
            (text("/resource/declared/address"), text("/resource/region"))
        })
        .collect();
    assert_eq!(regions["aws_vpc.root"], "eu-central-1");
    assert_eq!(regions["module.central.aws_vpc.this"], "eu-central-1");
    assert_eq!(regions["aws_vpc.root_west"], "eu-west-1");
    assert_eq!(regions["module.west.aws_vpc.this"], "eu-west-1");
    assert_eq!(report["run"]["declared"]["region_from"]["provider-variable"], 1);

    // A region that only the environment of Terraform knows: what else its provider makes may tell it.
    let policy = ["--policy", "bucket-in-allowed-region"];
    let ran = case(&keur, "region-from-environment", &policy).exits(1);
    expect(&ran, "bucket-in-allowed-region", &[("aws_s3_bucket.documents", "deviation")]);
    assert_eq!(json(&ran)["run"]["declared"]["region_from"]["same-provider"], 2);
    // Where nothing does, it is unknown until somebody names it.
    let mut plan: Value = serde_json::from_slice(&content("cases/region-from-environment/plan.json")).expect("a plan");
    for list in ["/resource_changes", "/planned_values/root_module/resources"] {
        plan.pointer_mut(list).and_then(Value::as_array_mut).expect("a list").retain(|r| r["type"] != "aws_ebs_volume");
    }
    let ran = check(&keur, plan.to_string().as_bytes(), &policy).exits(3);
    expect(&ran, "bucket-in-allowed-region", &[("aws_s3_bucket.documents", "unknown")]);
    let ran = check(&keur, plan.to_string().as_bytes(), &[policy[0], policy[1], "--region", "eu-west-3"]).exits(1);
    expect(&ran, "bucket-in-allowed-region", &[("aws_s3_bucket.documents", "deviation")]);
    assert_eq!(json(&ran)["run"]["declared"]["region_from"]["assumed"], 2);
}

#[test]
fn tags_of_the_provider_and_of_the_resource_tell_the_environment() {
    let keur = Keur::new();
    let ran = case(&keur, "default-tags", &["--policy", "resource-in-one-environment"]);
    let report = json(&ran);
    let environments: BTreeMap<&str, &str> = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|f| {
            (f["resource"]["declared"]["address"].as_str().unwrap_or_default(), f["resource"]["environment"].as_str().unwrap_or_default())
        })
        .collect();
    assert_eq!(environments["aws_vpc.plain"], "production");
    assert_eq!(environments["aws_vpc.overridden"], "test");
    // One tag that is not known yet makes Terraform withhold all of them, and the plan does not carry the provider's own.
    assert_eq!(environments["aws_vpc.unknown_tag"], "unknown");
    // And one of the provider's that is not known yet makes it leave all of those out, without a word.
    assert_eq!(environments["aws_vpc.unknown_default"], "unknown");
    assert_eq!(environments["aws_autoscaling_group.untagged"], "staging");
}

#[test]
fn parts_are_joined_to_their_whole() {
    let keur = place();
    let ran = case(&keur, "two-rules", &["--policy", "security-group-admits-own-environment"]).exits(0);
    expect(
        &ran,
        "security-group-admits-own-environment",
        &[("aws_security_group.application", "pass"), ("aws_security_group.database", "pass")],
    );
    let report = json(&ran);
    let database = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .find(|f| f["resource"]["declared"]["address"] == "aws_security_group.database");
    assert_eq!(database.expect("the group")["resource"]["declared"]["parts"].as_array().map(Vec::len), Some(2));

    // What is made of a name is to a plan as the name itself: only the source tells them apart.
    let found = addresses(&case(&keur, "split-s3", &[]));
    assert!(found.contains("aws_s3_bucket_versioning.referenced"), "{found:?}");
    let source = file("cases/split-s3").display().to_string();
    let ran = case(&keur, "split-s3", &["--source", &source]);
    let found = addresses(&ran);
    assert!(found.contains("aws_s3_bucket.referenced") && found.contains("aws_s3_bucket_versioning.elsewhere"), "{found:?}");
    assert!(!found.contains("aws_s3_bucket_versioning.referenced"), "a part is no resource of its own");
    let elsewhere = verdicts(&ran, "bucket-encrypted-by-default");
    assert_eq!(elsewhere["aws_s3_bucket_versioning.elsewhere"], "unknown (left-to-live)");
}

#[test]
fn imports_and_instances_are_judged() {
    let keur = place();
    let ran = case(&keur, "imported", &[]);
    assert_eq!(json(&ran)["run"]["declared"]["resources"], 2);
    let ran = case(&keur, "count-and-each", &[]).exits(1);
    let keys = verdicts(&ran, "kms-key-rotated");
    assert_eq!(keys["aws_kms_key.keyed[\"north\"]"], "pass");
    assert_eq!(keys["aws_kms_key.keyed[\"south\"]"], "deviation");
}

#[test]
fn secrets_stay_secret() {
    let keur = place();
    let secret = "example-hunter2";
    assert!(String::from_utf8_lossy(&content("cases/sensitive/plan.json")).contains(secret), "the plan has it in clear");
    let ran = case(&keur, "sensitive", &["--all"]);
    assert!(!ran.text().contains(secret) && !ran.stderr.contains(secret));
    let table = keur.run(["check", "--plan", "plan.json", "--all"]);
    assert!(!table.text().contains(secret));
    // The provider copies a secret tag to where it is not marked; a sentence that shows tags does not show it.
    let policy = include_str!("fixtures/tags-shown.yaml");
    keur.write("policies/tags-shown.yaml", policy);
    let ran = keur.run(["check", "--plan", "plan.json", "--policies", "policies", "--format", "json"]);
    assert!(ran.text().contains("has the tags") && !ran.text().contains(secret), "{}", ran.text());
    // A state has its secrets in clear as well.
    let state = json!({"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "x", "outputs": {}, "resources": [{
        "mode": "managed", "type": "aws_vpc", "name": "main", "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
        "instances": [{"schema_version": 1, "attributes": {"id": "vpc-1", "arn": "arn:aws:ec2:eu-central-1:123456789012:vpc/vpc-1",
            "cidr_block": "10.0.0.0/16", "owner_id": "123456789012", "tags": {"Token": secret}, "tags_all": {"Token": secret}},
            "sensitive_attributes": [[{"type": "get_attr", "value": "tags_all"}], [{"type": "get_attr", "value": "tags"}]]}],
    }]});
    keur.write("terraform.tfstate", state.to_string());
    let ran = keur.run(["check", "--state", "terraform.tfstate", "--format", "json"]);
    assert!(!ran.text().contains(secret) && ran.text().contains("vpc-1"));
}

#[test]
fn what_is_not_whole_is_never_fine() {
    let keur = place();
    for (name, why) in [("errored.json", "ended with an error"), ("incomplete.json", "more changes follow")] {
        let ran = check(&keur, &content(&format!("bad/{name}")), &[]).exits(3);
        assert!(ran.text().contains(why), "{name}: {}", ran.text());
        let table = keur.run(["check", "--plan", "plan.json", "--account", ACCOUNT]).exits(3).text();
        assert!(table.contains("Not whole:") && table.contains("the plan is not whole"), "{table}");
        // Whatever policies are asked for.
        keur.run(["check", "--plan", "plan.json", "--account", ACCOUNT, "--policy", "recovery-point-encrypted"]).exits(3);
    }
    // A plan whose changes somebody filtered out still says what it plans.
    let mut plan: Value = serde_json::from_slice(&content("cases/two-rules/plan.json")).expect("a plan");
    plan["resource_changes"] = json!([]);
    let ran = check(&keur, plan.to_string().as_bytes(), &["--policy", "security-group-admits-own-environment"]).exits(3);
    assert!(ran.text().contains("the file is not whole"));
}

#[test]
fn plans_that_do_not_say_what_they_lead_to_are_not_whole() {
    let keur = place();
    let whole: Value = serde_json::from_slice(&content("cases/two-rules/plan.json")).expect("a plan");
    let judged = |plan: &Value| check(&keur, plan.to_string().as_bytes(), &["--policy", "security-group-admits-own-environment"]);
    judged(&whole).exits(0);
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    for (values, why) in [
        (None, "are not in the file"),
        (Some(json!(null)), "are not in the file"),
        (Some(json!("removed")), "cannot be read"),
        (Some(json!({"root_module": {"resources": [1]}})), "cannot be read"),
        (Some(json!({"root_module": deep})), "cannot be read"),
    ] {
        let mut plan = whole.clone();
        let planned = plan.as_object_mut().expect("a plan");
        planned.remove("planned_values");
        planned.extend(values.map(|values| ("planned_values".to_owned(), values)));
        assert!(judged(&plan).exits(3).text().contains(&format!("the planned values {why}")));
    }
    for mode in ["ephemeral", "action", "Managed", ""] {
        let mut plan = whole.clone();
        let mut odd = plan["resource_changes"][0].clone();
        odd["mode"] = json!(mode);
        plan["resource_changes"].as_array_mut().expect("changes").push(odd);
        assert!(judged(&plan).exits(3).text().contains("1 changes are neither of resources nor of data sources"), "{mode}");
    }
}

#[test]
fn changes_that_nobody_knows_are_refused() {
    let keur = place();
    let whole: Value = serde_json::from_slice(&content("cases/two-rules/plan.json")).expect("a plan");
    let refused = |pointer: &str, value: Value, texts: &[&str]| {
        let mut plan = whole.clone();
        *plan.pointer_mut(pointer).expect("a member") = value;
        check(&keur, plan.to_string().as_bytes(), &[]).exits(2).says(texts).gives_nothing();
    };
    for actions in [json!([]), json!(["dance"]), json!(["create", "update"]), json!(["delete", "create", "forget"])] {
        refused("/resource_changes/1/change/actions", actions, &["resource_changes[1]", "not known to this program", "use a newer keur"]);
    }
    refused("/resource_changes/1/change", json!(null), &["resource_changes[1] has no change"]);
    refused("/resource_changes/1/change", json!({}), &["resource_changes[1]", "missing field `actions`"]);
    refused("/resource_changes/1/address", json!("here and there"), &["resource_changes[1]", "is not an address"]);
    refused("/resource_changes/1", json!("removed"), &["resource_changes[1]", "as Terraform writes it"]);
}

#[test]
fn templates_of_other_templates_are_not_whole() {
    let keur = place();
    let template = |kind: &str| {
        format!(
            "Resources:\n  A: {{Type: \"AWS::EC2::Volume\", Properties: {{AvailabilityZone: eu-central-1a, Encrypted: true}}}}\n  B: {{Type: \"{kind}\"}}\n"
        )
    };
    let policy = ["--policy", "ebs-volume-encrypted", "--account", ACCOUNT, "--region", "eu-central-1", "--format", "json"];
    let judged = |kind: &str, code: i32| {
        keur.write("stack.yaml", template(kind));
        let ran = keur.run(["check", "--template", "stack.yaml"].into_iter().chain(policy)).exits(code);
        let verdict = |f: &Value| f["verdict"].as_str().unwrap_or_default().to_owned();
        let verdicts: Vec<String> = json(&ran)["findings"].as_array().expect("findings").iter().map(verdict).collect();
        (verdicts.join(" "), ran.text())
    };
    assert_eq!(judged("AWS::CloudFormation::WaitConditionHandle", 0).0, "pass");
    for kind in ["AWS::CloudFormation::Stack", "AWS::CloudFormation::StackSet", "AWS::ServiceCatalog::CloudFormationProvisionedProduct"] {
        let (verdicts, text) = judged(kind, 3);
        assert_eq!(verdicts, "pass unknown", "{kind}: its own volume, and those of the others");
        assert!(text.contains(&format!("resources of the template that `{kind}` names are not seen")), "{text}");
    }
}

/// A new one takes its place, and the old one stays as it is: both are judged.
#[test]
fn what_is_replaced_and_let_go_of_is_there_twice() {
    let keur = place();
    let mut plan: Value = serde_json::from_slice(&content("cases/replaced/plan.json")).expect("a plan");
    for (change, actions) in
        plan["resource_changes"].as_array_mut().expect("changes").iter_mut().zip([["create", "forget"], ["forget", "create"]])
    {
        change["change"]["actions"] = json!(actions);
        change["change"]["before"]["encrypted"] = json!(false);
        change["change"]["after"]["encrypted"] = json!(true);
    }
    let ran = check(&keur, plan.to_string().as_bytes(), &[]).exits(1);
    let volumes = |create_first: &'static str, delete_first: &'static str| {
        [("aws_ebs_volume.create_first", create_first), ("aws_ebs_volume.delete_first", delete_first)]
    };
    let mut encrypted = volumes("pass", "pass").to_vec();
    let old = "deviation (already-so)";
    encrypted.extend([("aws_ebs_volume.create_first (forgotten)", old), ("aws_ebs_volume.delete_first (forgotten)", old)]);
    expect(&ran, "ebs-volume-encrypted", &encrypted);
    expect(&ran, "plan-keeps-data", &volumes("pass", "pass"));
    expect(&ran, "plan-keeps-managing", &volumes("deviation", "deviation"));
}

/// A block that `dynamic` makes is in no plan; only the source tells that somebody configured it.
#[test]
fn the_source_tells_what_dynamic_blocks_make() {
    let keur = place();
    let bucket = |name: &'static str| {
        let after = json!({"bucket": name, "tags": {}, "tags_all": {}, "object_lock_enabled": false});
        ("aws_s3_bucket", name, after, json!({"id": true, "replication_configuration": true}), json!({"bucket": {"constant_value": name}}))
    };
    let plan = plan_of(&[bucket("plain"), bucket("copied"), bucket("other")]);
    let block = "for_each = var.targets\n    content {\n      role = each.value\n    }";
    keur.write(
        "source/main.tf",
        format!(
            "resource \"aws_s3_bucket\" \"plain\" {{\n  bucket = \"plain\"\n}}\n
resource \"aws_s3_bucket\" \"copied\" {{\n  bucket = \"copied\"\n  dynamic \"replication_configuration\" {{\n    {block}\n  }}\n}}\n
resource \"aws_s3_bucket\" \"other\" {{\n  bucket = \"other\"\n  dynamic \"cors_rule\" {{\n    {block}\n  }}\n}}\n"
        ),
    );
    let policy = "bucket-replicas-in-allowed-region";
    let all = |copied: &'static str| [("aws_s3_bucket.plain", "pass"), ("aws_s3_bucket.copied", copied), ("aws_s3_bucket.other", "pass")];
    expect(&check(&keur, &plan, &[]), policy, &all("pass"));
    expect(&check(&keur, &plan, &["--source", "source"]), policy, &all("unknown"));
}

#[test]
fn bad_files_are_refused_with_a_reason() {
    let keur = place();
    let refused = |arguments: &[&str], texts: &[&str]| {
        keur.run(arguments).exits(2).says(texts).gives_nothing();
    };
    for (name, text) in [
        ("truncated.json", "the file is cut off at line 1"),
        ("future.json", "format version `2.0` is not known"),
        ("not-a-plan.json", "neither a plan nor a state"),
        ("array.json", "neither a plan nor a state"),
        ("empty.json", "the file is empty"),
        ("version3.tfstate", "this is a state of Terraform"),
        ("encrypted.tfstate", "this is a state of Terraform"),
    ] {
        let path = file(&format!("bad/{name}")).display().to_string();
        refused(&["check", "--plan", &path], &[name, text, "hint:"]);
    }
    let path = |name: &str| file(name).display().to_string();
    refused(&["check", "--state", &path("bad/version3.tfstate")], &["of version 3", "reads version 4"]);
    refused(&["check", "--state", &path("bad/encrypted.tfstate")], &["encrypted"]);
    refused(&["check", "--state", &path("cases/two-rules/plan.json")], &["this is a plan of Terraform", "--plan"]);
    refused(&["check", "--plan", &path("estate/state.json")], &["this is a state of Terraform", "--state"]);
    refused(&["check", "--plan", "nowhere.json"], &["nowhere.json"]);
    refused(&["check", "--plan", "x", "--state", "y"], &["cannot be used with"]);
    refused(&["check", "--all"], &["--plan"]);
    refused(&["check", "--plan", "x", "--account", "12"], &["twelve digits"]);
}

#[test]
fn what_shells_and_wrappers_make_of_a_plan_is_read() {
    let keur = place();
    let plain = check(&keur, &content("bad/bom.json")[3..], &[]);
    for name in ["bom.json", "utf16.json", "wrapped.json"] {
        let ran = check(&keur, &content(&format!("bad/{name}")), &[]);
        assert_eq!(json(&ran)["findings"], json(&plain)["findings"], "{name}");
    }
    // Nested deeper than anybody reads: what is in there is unknown, and nothing falls over.
    let ran = check(&keur, &content("bad/deep.json"), &[]);
    assert!(matches!(ran.code, Some(1 | 3)), "{:?} {}", ran.code, ran.stderr);
}

#[test]
fn the_source_tells_file_and_line() {
    let keur = place();
    let source = file("estate").display().to_string();
    let ran = check(&keur, &content("estate/plan.json"), &["--source", &source]).exits(1);
    let report = json(&ran);
    let places: BTreeMap<&str, &str> = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter_map(|f| Some((f["resource"]["declared"]["address"].as_str()?, f["resource"]["declared"]["place"].as_str()?)))
        .collect();
    let line = |name: &str, text: &str| {
        let source = String::from_utf8(content(&format!("estate/{name}"))).expect("text");
        let at = source.lines().position(|line| line.contains(text)).unwrap_or_else(|| panic!("{text}")) + 1;
        format!("{name}:{at}")
    };
    assert_eq!(places["aws_vpc.main"], line("network.tf", "resource \"aws_vpc\" \"main\""));
    let module = line("modules/calendar/main.tf", "resource \"aws_security_group\" \"this\"");
    assert_eq!(places["module.calendar[\"south[2]\"].aws_security_group.this[\"front.end\"]"], module);
}

/// A state as Terraform writes it: type, name, attributes.
fn state(resources: &[(&str, &str, Value)]) -> String {
    let resource = |(kind, name, attributes): &(&str, &str, Value)| {
        json!({"mode": "managed", "type": kind, "name": name, "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
            "instances": [{"schema_version": 0, "attributes": attributes, "sensitive_attributes": []}]})
    };
    let resources: Vec<Value> = resources.iter().map(resource).collect();
    json!({"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "test", "outputs": {}, "resources": resources}).to_string()
}

/// A plan of one provider that makes these: type, name, what is planned, what is not known yet, expressions of the configuration.
fn plan_of(resources: &[(&str, &str, Value, Value, Value)]) -> Vec<u8> {
    let provider = "registry.terraform.io/hashicorp/aws";
    let changes = resources.iter().map(|(kind, name, after, unknown, _)| {
        json!({"address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name, "provider_name": provider,
            "change": {"actions": ["create"], "before": null, "after": after, "after_unknown": unknown, "after_sensitive": {}}})
    });
    let configured = resources.iter().map(|(kind, name, _, _, expressions)| {
        json!({"address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name, "provider_config_key": "aws", "expressions": expressions})
    });
    let planned = resources.iter().map(|(kind, name, after, _, _)| {
        json!({"address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name, "provider_name": provider, "values": after})
    });
    json!({"format_version": "1.2", "terraform_version": "1.11.4", "resource_changes": changes.collect::<Vec<_>>(),
        "planned_values": {"root_module": {"resources": planned.collect::<Vec<_>>()}},
        "configuration": {"provider_config": {"aws": {"name": "aws", "full_name": provider, "expressions": {"region": {"constant_value": "eu-central-1"}}}},
            "root_module": {"resources": configured.collect::<Vec<_>>()}}})
    .to_string()
    .into_bytes()
}

/// Nobody can know these before they are made: none of them may pass.
#[test]
fn what_is_configured_and_not_known_yet_is_unknown() {
    let keur = place();
    let tags = json!({"Environment": "production"});
    let judged = |kind: &str, after: Value, unknown: Value, expressions: Value, policy: &str| {
        let mut after = after;
        after["tags"] = tags.clone();
        after["tags_all"] = tags.clone();
        let ran = check(&keur, &plan_of(&[(kind, "one", after, unknown, expressions)]), &[]);
        let found = verdicts(&ran, policy);
        (found.into_iter().map(|(address, verdict)| format!("{address}: {verdict}")).collect::<Vec<_>>().join(", "), ran.code)
    };
    let waits = json!({"references": ["local.x"]});
    for (attribute, policy) in
        [("policy", "bucket-policy-stays-in-account"), ("replication_configuration", "bucket-replicas-in-allowed-region")]
    {
        let bucket = json!({"bucket": "one", "object_lock_enabled": false});
        let (found, _) = judged("aws_s3_bucket", bucket, json!({attribute: true, "id": true}), json!({attribute: waits}), policy);
        assert_eq!(found, "aws_s3_bucket.one: unknown", "{attribute}");
    }
    // The requests that restore take no wish for encryption.
    for source in ["snapshot_identifier", "replicate_source_db"] {
        let database = json!({"identifier": "one", "engine": "postgres", "storage_encrypted": true, "multi_az": true, source: "old"});
        let (found, _) = judged("aws_db_instance", database, json!({"id": true, "kms_key_id": true}), json!({}), "rds-instance-encrypted");
        assert_eq!(found, "aws_db_instance.one: unknown", "{source}");
    }
    // Disks of an instance are volumes.
    let disk = |encrypted: Value| {
        let instance =
            json!({"ami": "ami-1", "subnet_id": "subnet-1", "root_block_device": [{"encrypted": encrypted, "volume_type": "gp3"}]});
        let configured = json!({"root_block_device": [{"encrypted": {"constant_value": encrypted}}]});
        judged("aws_instance", instance, json!({"id": true, "ebs_block_device": true}), configured, "ebs-volume-encrypted").0
    };
    assert_eq!(disk(json!(true)), "aws_instance.one.root_block_device: pass");
    assert_eq!(disk(json!(false)), "aws_instance.one.root_block_device: deviation");
    let silent = json!({"ami": "ami-1", "subnet_id": "subnet-1"});
    let (found, _) = judged("aws_instance", silent, json!({"id": true, "root_block_device": true}), json!({}), "ebs-volume-encrypted");
    assert_eq!(found, "aws_instance.one.root_block_device: unknown");
    // A block that `dynamic` makes is not in the configuration.
    let group = json!({"name": "one", "vpc_id": "vpc-1", "ingress": [{"from_port": 22, "to_port": 22, "protocol": "tcp", "ipv6_cidr_blocks": [],
        "prefix_list_ids": [], "security_groups": [], "self": false, "description": ""}], "egress": []});
    let (found, _) = judged(
        "aws_security_group",
        group,
        json!({"id": true, "ingress": [{"cidr_blocks": true}]}),
        json!({}),
        "security-group-admits-own-addresses",
    );
    assert_eq!(found, "aws_security_group.one: unknown");
    // A part of something that nobody can tell is judged by itself.
    let rule = json!({"type": "ingress", "from_port": 22, "to_port": 22, "protocol": "tcp", "cidr_blocks": ["0.0.0.0/0"]});
    let unknown = json!({"id": true, "security_group_id": true});
    let configured = json!({"security_group_id": waits});
    let (found, code) = judged("aws_security_group_rule", rule, unknown, configured, "security-group-admits-own-addresses");
    assert_eq!((found.as_str(), code), ("aws_security_group_rule.one: unknown", Some(3)));
}

#[test]
fn options_that_do_not_fit_are_refused() {
    let keur = place();
    keur.write("noop.json", content("estate/noop.json.zst"));
    keur.write("terraform.tfstate", content("estate/terraform.tfstate"));
    keur.run(["check", "--state", "terraform.tfstate", "--stack", "x"]).exits(2).says(&["--stack is for --template"]);
    keur.run(["check", "--plan", "noop.json", "--region", "Frankfurt"]).exits(2).says(&["eu-central-1"]);
    keur.run(["check", "--plan", "noop.json", "--format", "json=noop.json"]).exits(2).says(&["would replace what is read"]);
    keur.run(["diff", "noop.json", "noop.json", "--format", "json=./noop.json"]).exits(2).says(&["would replace what is read"]);
    keur.run(["check", "--plan", "no-such.json"]).exits(2).says(&["no-such.json", "hint"]);
}

#[test]
fn an_import_is_judged() {
    let keur = place();
    let mut plan: Value = serde_json::from_slice(&content("cases/no-op/plan.json")).expect("a plan");
    plan["resource_changes"][0]["change"]["importing"] = json!({"id": "vol-1"});
    let ran = check(&keur, plan.to_string().as_bytes(), &[]);
    let apart = json(&ran)["findings"].as_array().expect("findings").iter().filter(|f| f["apart"] == "already-so").count();
    assert_eq!(apart, 0, "{}", ran.text());
}

fn lines(table: &str) -> Vec<String> {
    let words = ["changed", "missing", "unmanaged", "twice"];
    table.lines().filter(|line| words.iter().any(|word| line.trim_start().starts_with(word))).map(str::to_owned).collect()
}

/// A live endpoint and the state that describes it: nothing. Then something changed by hand, something
/// deleted and something added: three lines.
#[tokio::test(flavor = "multi_thread")]
async fn three_changes_by_hand_are_three_lines() {
    use aws_sdk_rds::types::Tag;
    let (moto, ministack) = (Moto::start(), Ministack::start());
    let cloud = Cloud::new(&moto.url());
    let tag = Tag::builder().key("Environment").value("production").build();
    let database = |name: &'static str| {
        let request = cloud.rds().create_db_instance().db_instance_identifier(name).engine("postgres").engine_version("16.3");
        let request =
            request.db_instance_class("db.m6g.large").allocated_storage(20).master_username("owner").master_user_password("not-a-secret");
        let request = request.storage_encrypted(true).multi_az(true).backup_retention_period(7).publicly_accessible(false);
        request.tags(tag.clone()).send()
    };
    let mut declared = Vec::new();
    for name in ["bookings", "reports"] {
        let made = database(name).await.expect("CreateDBInstance").db_instance.expect("a database");
        let text = |value: Option<String>| value.map_or(Value::Null, Value::from);
        let parameters = made.db_parameter_groups.iter().flatten().next().and_then(|group| group.db_parameter_group_name.clone());
        let subnets = made.db_subnet_group.and_then(|group| group.db_subnet_group_name);
        let groups: Vec<String> = made.vpc_security_groups.iter().flatten().filter_map(|g| g.vpc_security_group_id.clone()).collect();
        declared.push((
            "aws_db_instance",
            name,
            json!({
                "arn": text(made.db_instance_arn), "id": text(made.dbi_resource_id.clone()), "resource_id": text(made.dbi_resource_id),
                "identifier": name, "identifier_prefix": "", "engine": "postgres", "engine_version": "16.3", "engine_version_actual": "16.3",
                "instance_class": "db.m6g.large", "multi_az": true, "storage_encrypted": true, "kms_key_id": text(made.kms_key_id),
                "availability_zone": text(made.availability_zone), "parameter_group_name": text(parameters),
                "db_subnet_group_name": text(subnets), "vpc_security_group_ids": groups,
                "backup_retention_period": 7, "deletion_protection": false, "publicly_accessible": made.publicly_accessible,
                "auto_minor_version_upgrade": made.auto_minor_version_upgrade, "copy_tags_to_snapshot": made.copy_tags_to_snapshot,
                "replicate_source_db": "", "replicas": [], "snapshot_identifier": null, "manage_master_user_password": null,
                "tags": {"Environment": "production"}, "tags_all": {"Environment": "production"}, "password": "not-a-secret",
                "skip_final_snapshot": true, "apply_immediately": false, "timeouts": null,
            }),
        ));
    }
    let vpc = cloud.ec2().create_vpc().cidr_block("10.0.0.0/16").send().await.expect("CreateVpc").vpc.expect("a VPC");
    let vpc_id = vpc.vpc_id.expect("an id");
    let group = cloud.ec2().create_security_group().group_name("web").description("Web servers").vpc_id(&vpc_id).send().await;
    let group_id = group.expect("CreateSecurityGroup").group_id.expect("an id");
    let ec2_arn = |rest: &str| format!("arn:aws:ec2:eu-central-1:{ACCOUNT}:{rest}");
    declared.push((
        "aws_vpc",
        "main",
        json!({"arn": ec2_arn(&format!("vpc/{vpc_id}")), "id": vpc_id, "cidr_block": "10.0.0.0/16", "instance_tenancy": "default",
            "ipv6_cidr_block": "", "assign_generated_ipv6_cidr_block": false, "owner_id": ACCOUNT, "tags": null, "tags_all": {}}),
    ));
    declared.push((
        "aws_security_group",
        "web",
        json!({"arn": ec2_arn(&format!("security-group/{group_id}")), "id": group_id, "name": "web", "name_prefix": "",
            "description": "Web servers", "vpc_id": vpc_id, "owner_id": ACCOUNT, "ingress": [], "tags": null, "tags_all": {},
            "egress": [{"cidr_blocks": ["0.0.0.0/0"], "description": "", "from_port": 0, "to_port": 0, "protocol": "-1",
                "ipv6_cidr_blocks": [], "prefix_list_ids": [], "security_groups": [], "self": false}]}),
    ));
    let keur = Keur::on(&moto, &ministack);
    keur.write("keur.yaml", "regions: {allowed: [eu-central-1], sweep: [eu-central-1]}\n");
    let borrowed: Vec<(&str, &str, Value)> = declared.iter().map(|(kind, name, attributes)| (*kind, *name, attributes.clone())).collect();
    keur.write("terraform.tfstate", state(&borrowed));
    let drift = |code| {
        let ran = keur.run(["drift", "--state", "terraform.tfstate"]).exits(code);
        lines(&ran.text())
    };
    assert_eq!(drift(0), Vec::<String>::new(), "a state and what it describes");

    cloud.rds().modify_db_instance().db_instance_identifier("bookings").backup_retention_period(1).send().await.expect("ModifyDBInstance");
    cloud.rds().delete_db_instance().db_instance_identifier("reports").skip_final_snapshot(true).send().await.expect("DeleteDBInstance");
    cloud.ec2().create_vpc().cidr_block("10.9.0.0/16").send().await.expect("CreateVpc");
    let found = drift(1);
    assert_eq!(found.len(), 3, "{found:#?}");
    let told = keur.run(["drift", "--state", "terraform.tfstate", "--format", "json"]).exits(1);
    let changed: Vec<Value> =
        json(&told)["findings"].as_array().expect("findings").iter().filter(|f| f["status"] == "changed").cloned().collect();
    assert_eq!(changed[0]["differences"], json!([{"attribute": "backup_retention_period", "declared": 7, "seen": 1}]));
    assert_eq!(changed[0]["address"], "aws_db_instance.bookings");
    for (word, what) in [("changed", "DBInstance"), ("missing", "DBInstance"), ("unmanaged", "VPC")] {
        assert!(found.iter().any(|line| line.trim_start().starts_with(word) && line.contains(what)), "{word} {what}: {found:#?}");
    }

    // The same, judged by the policies on code.
    let ran = keur.run(["check", "--declared", "terraform.tfstate", "--format", "json"]).exits(1);
    let of = |policy: &str| verdicts(&ran, policy).into_values().filter(|v| v == "deviation").count();
    assert_eq!((of("resource-as-declared"), of("declared-resource-exists"), of("resource-declared-in-code")), (1, 1, 1));

    // Accepted, each with a reason and an end.
    let rules = "- {type: AWS::RDS::DBInstance, resources: [bookings], attributes: [backup_retention_period], reason: until the move, expires: 2099-01-01}\n\
                 - {resources: [aws_db_instance.reports], reason: deleted on purpose, expires: 2099-01-01}\n\
                 - {resources: [\"arn:aws:ec2:*:vpc/vpc-*\"], reason: being imported, expires: 2099-01-01}\n";
    keur.write(".keurignore", rules);
    assert_eq!(drift(0), Vec::<String>::new());
    keur.write(".keurignore", rules.replace("2099", "2020"));
    let ran = keur.run(["drift", "--state", "terraform.tfstate"]).exits(1).says(&["expired on 2020-01-01"]);
    assert_eq!(lines(&ran.text()).len(), 3, "what has expired counts again");
    keur.write(".keurignore", "- {resources: [\"*\"], reason: all of it, expires: 2099-01-01}\n");
    keur.run(["drift", "--state", "terraform.tfstate"]).exits(2).says(&["would hide nearly everything"]);
    keur.write(".keurignore", format!("{rules}- {{resources: [no-such-thing], reason: old, expires: 2099-01-01}}\n"));
    keur.run(["drift", "--state", "terraform.tfstate"]).exits(0).says(&["accepts nothing"]);

    // A state kept in a bucket, read with the caller's credentials.
    fs::remove_file(keur.home().join(".keurignore")).expect("the rules are removed");
    let here = aws_sdk_s3::types::BucketLocationConstraint::EuCentral1;
    let place = aws_sdk_s3::types::CreateBucketConfiguration::builder().location_constraint(here).build();
    cloud.s3().create_bucket().bucket("example-clinic-state").create_bucket_configuration(place).send().await.expect("CreateBucket");
    let body = fs::read(keur.home().join("terraform.tfstate")).expect("the state");
    cloud.s3().put_object().bucket("example-clinic-state").key("prod/terraform.tfstate").body(body.into()).send().await.expect("PutObject");
    let ran = keur.run(["drift", "--state", "s3://example-clinic-state/prod/terraform.tfstate"]).exits(1);
    // The bucket itself is declared by nobody.
    assert_eq!(lines(&ran.text()).len(), 4, "{}", ran.text());
    keur.run(["drift", "--state", "s3://example-clinic-state/nothing"]).exits(2).says(&["there is no such object"]);
    keur.run(["drift", "--state", "s3://no-such-bucket-here/x"]).exits(2).says(&["s3://no-such-bucket-here/x"]);
}

/// What a `keur diff` tells, as `word id`, and the verdicts that turned, as `policy id: was → is`.
fn diff(keur: &Keur, first: &str, second: &str, code: i32) -> (BTreeSet<String>, BTreeSet<String>, Value) {
    let ran = keur.run(["diff", first, second, "--format", "json"]).exits(code);
    let report = json(&ran);
    let text = |value: &Value| value.as_str().unwrap_or("not judged").to_owned();
    let lines = |what: &str, of: &dyn Fn(&Value) -> String| report[what].as_array().expect("a list").iter().map(of).collect();
    let changes = lines("changes", &|c| format!("{} {}", text(&c["change"]), text(&c["id"])));
    let turned = lines("verdicts", &|t| {
        let name = text(&t["arn"]);
        let id = name.rsplit([':', '/']).next().unwrap_or_default();
        format!("{} {id}: {} → {}", text(&t["policy"]), text(&t["was"]), text(&t["is"]))
    });
    (changes, turned, report)
}

#[test]
fn diff_shows_what_a_plan_turns() {
    let keur = place();
    keur.write("noop.json", content("estate/noop.json.zst"));
    keur.write("update.json", content("estate/update.json.zst"));
    let (changes, turned, report) = diff(&keur, "noop.json", "update.json", 1);
    let has = |all: &BTreeSet<String>, one: &str| assert!(all.contains(one), "{one}: {all:#?}");
    for one in ["appeared ${aws_ebs_volume.unset}", "vanished example-clinic-old", "changed calendar", "changed reports-2"] {
        has(&changes, one);
    }
    has(&turned, "rds-instance-backup-retention calendar: pass → deviation");
    has(&turned, "ebs-volume-encrypted ${aws_ebs_volume.unset}: not judged → unknown");
    let calendar = report["changes"].as_array().expect("changes").iter().find(|c| c["id"] == "calendar").expect("calendar");
    let retention = json!({"attribute": "backup_retention_period", "was": 35, "is": 0});
    assert!(calendar["differences"].as_array().expect("differences").contains(&retention), "{calendar}");

    // The other way around each change is undone; the same file against itself is silence and exit 0.
    let (back, turned, _) = diff(&keur, "update.json", "noop.json", 1);
    has(&back, "appeared example-clinic-old");
    has(&turned, "rds-instance-backup-retention calendar: deviation → pass");
    assert_eq!(changes.len(), back.len());
    let (none, turned, _) = diff(&keur, "noop.json", "noop.json", 0);
    assert_eq!((none.len(), turned.len()), (0, 0));

    keur.run(["diff", "noop.json"]).exits(2);
    keur.run(["diff", "noop.json", "no-such.json"]).exits(2).says(&["no-such.json"]);
    keur.run(["diff", "noop.json", "keur.yaml"]).exits(2).says(&["keur.yaml"]);
}

#[test]
fn templates_are_judged_with_their_parameters() {
    let template =
        |name: &str| fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cloudformation").join(name)).expect("a template");
    let keur = place();
    for name in ["shop.yaml", "shop.json"] {
        keur.write(name, template(name));
    }
    let judged = |name: &str, more: &[&str]| {
        let mut arguments = vec!["check", "--template", name, "--account", ACCOUNT, "--region", "eu-central-1", "--format", "json"];
        arguments.extend(more);
        keur.run(arguments)
    };
    let of = |ran: &Ran, policy: &str| verdicts(ran, policy).into_iter().next().map(|(_, verdict)| verdict);
    let test = judged("shop.yaml", &[]);
    assert_eq!(of(&test, "rds-instance-multi-az").as_deref(), Some("deviation"));
    assert_eq!(of(&test, "rds-instance-backup-retention").as_deref(), Some("deviation"));
    let live = judged("shop.yaml", &["--parameter", "Environment=prod"]);
    assert_eq!(of(&live, "rds-instance-multi-az").as_deref(), Some("pass"));
    assert_eq!(of(&live, "rds-instance-backup-retention").as_deref(), Some("pass"));
    // An unquoted `yes` is true, as CloudFormation reads it.
    assert_eq!(of(&live, "rds-instance-encrypted").as_deref(), Some("pass"));
    assert!(live.text().contains("Database"), "a finding names its logical id");

    judged("shop.yaml", &["--parameter", "Environment=staging"]).exits(2).says(&["Environment", "test"]);
    judged("shop.yaml", &["--parameter", "Nothing=1"]).exits(2).says(&["Nothing"]);
    keur.write("broken.yaml", "Resources: {A: {Type: AWS::S3::Bucket, Properties: {BucketName: !GetAtt No.Arn}}}\n");
    judged("broken.yaml", &[]).exits(2).says(&["broken.yaml", "No"]);
    judged("keur.yaml", &[]).exits(2).says(&["keur.yaml"]);
}
