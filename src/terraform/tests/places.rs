//! What several providers make: things of one name that are not one thing. And what a plan does not tell of its
//! expressions, with and without the source.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::path::Path;

use serde_json::{Value as Json, json};

use super::super::{Assumed, plan};
use crate::declared::build;
use crate::estate::{Estate, Resource, Value};

/// A resource of a plan: its address, the key of its provider, what it has, what is not known of that, its expressions.
struct Made(&'static str, &'static str, Json, Json, Json);

/// A plan that makes these. `providers` are keys and what is configured of each.
fn plan_of(providers: &Json, made: &[Made]) -> Json {
    let kind = |address: &str| address.split('.').rev().nth(1).unwrap_or_default().to_owned();
    let name = |address: &str| address.rsplit('.').next().unwrap_or_default().split('[').next().unwrap_or_default().to_owned();
    let changes: Vec<Json> = made
        .iter()
        .map(|Made(address, _, after, unknown, _)| {
            let body = json!({"actions": ["create"], "before": null, "after": after, "after_unknown": unknown});
            json!({"address": address, "mode": "managed", "type": kind(address), "name": name(address),
                "provider_name": "registry.terraform.io/hashicorp/aws", "change": body})
        })
        .collect();
    let configured: Vec<Json> = made
        .iter()
        .map(|Made(address, provider, _, _, expressions)| {
            json!({"address": address, "mode": "managed", "type": kind(address), "name": name(address),
                "provider_config_key": provider, "expressions": expressions})
        })
        .collect();
    let provider_config: serde_json::Map<String, Json> = providers
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, expressions)| {
            let alias = key.split_once('.').map(|(_, alias)| alias);
            let config =
                json!({"name": "aws", "full_name": "registry.terraform.io/hashicorp/aws", "alias": alias, "expressions": expressions});
            (key.clone(), config)
        })
        .collect();
    json!({"format_version": "1.2", "resource_changes": changes, "planned_values": {"root_module": {}},
        "configuration": {"provider_config": provider_config, "root_module": {"resources": configured}}})
}

fn read_with(plan_json: &Json, source: Option<&Path>) -> Estate {
    let registry = crate::registry();
    let read = plan("plan.json", plan_json.to_string().as_bytes(), &Assumed::default(), source, &registry);
    build(read.unwrap().after, "2026-11-25T12:00:00Z".parse().unwrap())
}

fn read(plan_json: &Json) -> Estate {
    read_with(plan_json, None)
}

fn at<'e>(estate: &'e Estate, address: &str) -> &'e Resource {
    let is = |r: &&Resource| r.kind.service != crate::estate::CODE && r.declared.as_ref().is_some_and(|d| d.address == address);
    estate.resources.iter().find(is).unwrap_or_else(|| panic!("no {address}"))
}

/// A property in a few words: its value, `unknown`, or what it refers to.
fn told(estate: &Estate, address: &str, property: &str) -> String {
    fn words(value: &Value) -> String {
        match value {
            Value::Null => "null".to_owned(),
            Value::Bool(truth) => truth.to_string(),
            Value::Int(n) => n.to_string(),
            Value::String(text) => text.to_string(),
            Value::Unknown(gap) => gap.symbol().unwrap_or_else(|| "unknown".to_owned()),
            Value::List(items) => items.iter().map(words).collect::<Vec<_>>().join(" "),
            other => format!("{other:?}"),
        }
    }
    words(at(estate, address).property(property).unwrap())
}

fn constant(region: &str) -> Json {
    json!({"region": {"constant_value": region}})
}

/// Two accounts, or two regions, as far as the plan tells.
fn two(second: &str) -> Json {
    json!({"aws": constant("eu-central-1"), "aws.other": constant(second)})
}

fn cluster(address: &'static str, provider: &'static str, encrypted: bool) -> Made {
    let after = json!({"cluster_identifier": "bookings", "engine": "aurora-mysql", "storage_encrypted": encrypted, "engine_mode": "provisioned",
        "tags": null, "tags_all": {}});
    Made(address, provider, after, json!({"id": true, "arn": true}), json!({}))
}

fn member(address: &'static str, provider: &'static str, of: &str) -> Made {
    let after = json!({"identifier": address, "engine": "aurora-mysql", "cluster_identifier": "bookings", "tags": null, "tags_all": {}});
    let unknown = json!({"id": true, "arn": true, "storage_encrypted": true});
    let references = json!({"cluster_identifier": {"references": [format!("{of}.cluster_identifier"), of]}});
    Made(address, provider, after, unknown, if of.is_empty() { json!({}) } else { references })
}

#[test]
fn members_belong_to_the_cluster_of_their_own_place() {
    for second in ["eu-west-1", "eu-central-1"] {
        let made = [
            cluster("aws_rds_cluster.a", "aws", true),
            cluster("aws_rds_cluster.b", "aws.other", false),
            member("aws_rds_cluster_instance.a", "aws", ""),
            member("aws_rds_cluster_instance.b", "aws.other", ""),
        ];
        let estate = read(&plan_of(&two(second), &made));
        assert_eq!(told(&estate, "aws_rds_cluster_instance.a", "storage_encrypted"), "true", "{second}");
        assert_eq!(told(&estate, "aws_rds_cluster_instance.b", "storage_encrypted"), "false", "{second}");
        assert_eq!(told(&estate, "aws_rds_cluster.a", "db_cluster_members"), "aws_rds_cluster_instance.a", "{second}");
        assert_eq!(told(&estate, "aws_rds_cluster.b", "db_cluster_members"), "aws_rds_cluster_instance.b", "{second}");
    }
}

#[test]
fn a_name_of_another_place_is_nothing_and_one_of_an_unknown_place_is_unknown() {
    let one = |second: &str, of: &str| {
        let made = [cluster("aws_rds_cluster.a", "aws", true), member("aws_rds_cluster_instance.b", "aws.other", of)];
        let estate = read(&plan_of(&two(second), &made));
        (told(&estate, "aws_rds_cluster_instance.b", "storage_encrypted"), told(&estate, "aws_rds_cluster.a", "db_cluster_members"))
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    // In another region it is another cluster, which the plan does not have, whatever the text was taken from.
    assert_eq!(one("eu-west-1", ""), pair("unknown", ""));
    assert_eq!(one("eu-west-1", "aws_rds_cluster.a"), pair("unknown", ""));
    // In the same region it may be that of another account.
    assert_eq!(one("eu-central-1", ""), pair("unknown", "unknown"));
    // The reference tells.
    assert_eq!(one("eu-central-1", "aws_rds_cluster.a"), pair("true", "aws_rds_cluster_instance.b"));
}

#[test]
fn disk_settings_hold_in_their_own_account() {
    let volume = |address: &'static str, provider: &'static str, encrypted: Json| {
        let unset = encrypted.is_null();
        let after = json!({"availability_zone": "eu-central-1a", "size": 1, "encrypted": encrypted, "tags": null, "tags_all": {}});
        Made(address, provider, after, json!({"id": true, "arn": true, "encrypted": unset}), json!({}))
    };
    let made = [
        Made("aws_ebs_encryption_by_default.d", "aws", json!({"enabled": true, "id": "x"}), json!({}), json!({})),
        volume("aws_ebs_volume.here", "aws", json!(null)),
        volume("aws_ebs_volume.here_false", "aws", json!(false)),
        volume("aws_ebs_volume.there", "aws.other", json!(null)),
        volume("aws_ebs_volume.there_false", "aws.other", json!(false)),
    ];
    let mut plan = plan_of(&two("eu-central-1"), &made);
    let setting = &mut plan["resource_changes"][0]["change"];
    setting["actions"] = json!(["no-op"]);
    setting["before"] = setting["after"].clone();
    let estate = read(&plan);
    for (name, expected) in [("here", "true"), ("here_false", "true"), ("there", "unknown"), ("there_false", "false")] {
        assert_eq!(told(&estate, &format!("aws_ebs_volume.{name}"), "encrypted"), expected, "{name}");
    }
}

fn role(address: &'static str, provider: &'static str) -> Made {
    Made(
        address,
        provider,
        json!({"name": "deploy", "path": "/", "tags": null, "tags_all": {}}),
        json!({"arn": true, "id": true}),
        json!({}),
    )
}

fn attached(address: &'static str, provider: &'static str, policy: &str) -> Made {
    let after = json!({"role": "deploy", "policy_arn": format!("arn:aws:iam::aws:policy/{policy}")});
    Made(address, provider, after, json!({"id": true}), json!({}))
}

/// A role has no region: its name holds in its account, and two providers may be of two.
#[test]
fn parts_are_joined_within_their_own_account() {
    let made = [
        role("aws_iam_role.a", "aws"),
        role("aws_iam_role.b", "aws.other"),
        attached("aws_iam_role_policy_attachment.b", "aws.other", "AdministratorAccess"),
    ];
    let policies = |estate: &Estate, address: &str| told(estate, address, "attached_managed_policies");
    let estate = read(&plan_of(&two("eu-west-1"), &made));
    assert_eq!(policies(&estate, "aws_iam_role.a"), "");
    assert_eq!(policies(&estate, "aws_iam_role.b"), "arn:aws:iam::aws:policy/AdministratorAccess");
    // Of one that no provider is known to share, nobody knows.
    let made = [role("aws_iam_role.a", "aws"), attached("aws_iam_role_policy_attachment.b", "aws.other", "AdministratorAccess")];
    let estate = read(&plan_of(&two("eu-west-1"), &made));
    assert_eq!(policies(&estate, "aws_iam_role.a"), "unknown");
}

/// Nothing is in a graph of links beside what is in the same place.
#[test]
fn links_lead_to_the_same_place_only() {
    let table = |address: &'static str, provider: &'static str| {
        Made(address, provider, json!({"name": "main", "tags": null, "tags_all": {}}), json!({"arn": true, "id": true}), json!({}))
    };
    let made = [
        cluster("aws_rds_cluster.a", "aws", true),
        member("aws_rds_cluster_instance.b", "aws.other", ""),
        table("aws_backup_vault.v", "aws"),
    ];
    for (second, expected) in [("eu-west-1", "outside"), ("eu-central-1", "namesake")] {
        let estate = read(&plan_of(&two(second), &made));
        let links = crate::aws::links(crate::isolation::LINKS);
        let graph = crate::estate::Graph::new(&estate, links.iter());
        let position = estate.resources.iter().position(|r| r.kind.name == "AWS::RDS::DBInstance").unwrap();
        let cluster = links.from_type("AWS::RDS::DBInstance").find(|link| link.targets() == ["AWS::RDS::DBCluster"]).unwrap();
        let Value::Unknown(gap) = graph.follow(u32::try_from(position).unwrap(), cluster) else { panic!("{second}: linked") };
        assert_eq!(
            gap.subject.as_deref().unwrap().contains("the account or region of one of them is not known"),
            expected == "namesake",
            "{gap}"
        );
    }
}

/// The source of a plan, in a folder of its own.
struct Source(std::path::PathBuf);

impl Source {
    fn new(name: &str, text: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("keur-places-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("main.tf"), text).unwrap();
        Self(folder)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A region that is made of a variable is not the variable.
#[test]
fn the_region_of_a_provider_is_no_variable_that_it_uses() {
    let region = json!({"aws": {"region": {"references": ["var.region"]}}});
    let vpc = Made("aws_vpc.v", "aws", json!({"cidr_block": "10.0.0.0/16", "tags": null, "tags_all": {}}), json!({"id": true}), json!({}));
    let mut plan = plan_of(&region, &[vpc]);
    plan["variables"] = json!({"region": {"value": "eu-central-1"}});
    assert_eq!(&*at(&read(&plan), "aws_vpc.v").region, "unknown");
    for (name, expression, expected) in [
        ("plain", "var.region", "eu-central-1"),
        ("template", "\"${var.region}\"", "eu-central-1"),
        ("condition", "var.region == \"eu-central-1\" ? \"us-east-1\" : \"eu-central-1\"", "us-east-1"),
        ("function", "replace(var.region, \"central\", \"west\")", "unknown"),
        ("other", "var.elsewhere", "unknown"),
    ] {
        let source = Source::new(name, &format!("provider \"aws\" {{\n  region = {expression}\n}}\nresource \"aws_vpc\" \"v\" {{}}\n"));
        assert_eq!(&*at(&read_with(&plan, Some(&source.0)), "aws_vpc.v").region, expected, "{expression}");
    }
    // What else the provider makes tells it as well.
    let subnet = Made(
        "aws_subnet.s",
        "aws",
        json!({"availability_zone": "eu-west-3a", "tags": null, "tags_all": {}}),
        json!({"id": true}),
        json!({}),
    );
    let vpc = Made("aws_vpc.v", "aws", json!({"cidr_block": "10.0.0.0/16", "tags": null, "tags_all": {}}), json!({"id": true}), json!({}));
    assert_eq!(&*at(&read(&plan_of(&region, &[vpc, subnet])), "aws_vpc.v").region, "eu-west-3");
}

/// The tags of a provider may be made of more than the variable that it names.
#[test]
fn the_tags_of_a_provider_are_no_variable_that_they_use() {
    let tags = |references: Json| json!({"aws": {"region": {"constant_value": "eu-central-1"}, "default_tags": [{"tags": {"references": references}}]}});
    let vpc = |all: Json, unknown: bool| {
        let mut after = json!({"cidr_block": "10.0.0.0/16", "tags": null});
        after["tags_all"] = all;
        Made("aws_vpc.v", "aws", after, json!({"id": true, "tags_all": unknown}), json!({}))
    };
    let environment = |references: Json, vpc: Made, source: Option<&Source>| {
        let mut plan = plan_of(&tags(references), &[vpc]);
        plan["variables"] = json!({"tags": {"value": {"Environment": "production"}}});
        match &at(&read_with(&plan, source.map(|source| source.0.as_path())), "aws_vpc.v").tags {
            crate::estate::Fetched::Known(tags) => tags.get("Environment").cloned().unwrap_or_else(|| "none".to_owned()),
            crate::estate::Fetched::Absent => "absent".to_owned(),
            crate::estate::Fetched::Unknown(_) => "unknown".to_owned(),
        }
    };
    // Withheld: the variable is not all there is.
    assert_eq!(environment(json!(["var.tags"]), vpc(json!(null), true), None), "unknown");
    // Known from variables alone, Terraform has put them in: none is none.
    assert_eq!(environment(json!(["var.tags"]), vpc(json!({}), false), None), "none");
    assert_eq!(environment(json!(["local.tags"]), vpc(json!({}), false), None), "unknown");
    // What the plan says stands.
    assert_eq!(environment(json!(["var.tags"]), vpc(json!({"Environment": "test"}), false), None), "test");
    let source = |expression: &str| {
        let text = format!("provider \"aws\" {{\n  default_tags {{\n    tags = {expression}\n  }}\n}}\nresource \"aws_vpc\" \"v\" {{}}\n");
        Source::new(&format!("tags-{}", expression.len()), &text)
    };
    let merged = source("merge(var.tags, { Environment = \"staging\" })");
    assert_eq!(environment(json!(["var.tags"]), vpc(json!(null), true), Some(&merged)), "staging");
}

/// What a part is part of: by an id that AWS makes one reference is enough; a name may be made of another name.
#[test]
fn a_name_that_is_made_of_a_reference_is_not_the_reference() {
    let bucket = |address: &'static str, name: &str| {
        Made(address, "aws", json!({"bucket": name, "tags": null, "tags_all": {}}), json!({"id": true, "arn": true}), json!({}))
    };
    let versioning = |references: Json| {
        let after = json!({"versioning_configuration": [{"status": "Enabled"}]});
        Made("aws_s3_bucket_versioning.v", "aws", after, json!({"bucket": true, "id": true}), json!({"bucket": {"references": references}}))
    };
    let one = json!(["aws_s3_bucket.a.id", "aws_s3_bucket.a"]);
    let made = |references: &Json| {
        plan_of(
            &json!({"aws": constant("eu-central-1")}),
            &[bucket("aws_s3_bucket.a", "a"), bucket("aws_s3_bucket.b", "a-logs"), versioning(references.clone())],
        )
    };
    let statuses = |plan: &Json, source: Option<&Source>| {
        let estate = read_with(plan, source.map(|source| source.0.as_path()));
        ["aws_s3_bucket.a", "aws_s3_bucket.b"].map(|address| told(&estate, address, "versioning_status"))
    };
    // `aws_s3_bucket.a.id` and `"${aws_s3_bucket.a.id}-logs"` are the same to a plan.
    assert_eq!(statuses(&made(&one), None), ["unknown", "unknown"]);
    let source = |bucket: &str| {
        let text =
            format!("resource \"aws_s3_bucket\" \"a\" {{}}\nresource \"aws_s3_bucket_versioning\" \"v\" {{\n  bucket = {bucket}\n}}\n");
        Source::new(&format!("names-{}", bucket.len()), &text)
    };
    let unset = told(
        &read(&plan_of(&json!({"aws": constant("eu-central-1")}), &[bucket("aws_s3_bucket.a", "a")])),
        "aws_s3_bucket.a",
        "versioning_status",
    );
    assert_eq!(statuses(&made(&one), Some(&source("aws_s3_bucket.a.id"))), ["Enabled".to_owned(), unset]);
    assert_eq!(statuses(&made(&one), Some(&source("\"${aws_s3_bucket.a.id}-logs\""))), ["unknown", "unknown"]);
    // A source that refers to something else is not the source of this plan.
    assert_eq!(statuses(&made(&one), Some(&source("aws_s3_bucket.c.id"))), ["unknown", "unknown"]);
}

/// `b[count.index]` and `b[count.index + 1]` are the same to a plan.
#[test]
fn instances_are_paired_by_what_the_source_says() {
    let key = |address: &'static str, rotated: bool| {
        Made(
            address,
            "aws",
            json!({"enable_key_rotation": rotated, "tags": null, "tags_all": {}}),
            json!({"id": true, "arn": true}),
            json!({}),
        )
    };
    let volume = |address: &'static str| {
        let after = json!({"availability_zone": "eu-central-1a", "encrypted": true, "tags": null, "tags_all": {}});
        let references = json!({"kms_key_id": {"references": ["aws_kms_key.k", "count.index"]}});
        Made(address, "aws", after, json!({"id": true, "arn": true, "kms_key_id": true}), references)
    };
    let made = [key("aws_kms_key.k[0]", true), key("aws_kms_key.k[1]", false), volume("aws_ebs_volume.v[0]")];
    let mut plan = plan_of(&json!({"aws": constant("eu-central-1")}), &made);
    // One resource with two instances, as the configuration has it.
    plan["configuration"]["root_module"]["resources"].as_array_mut().unwrap().remove(1);
    assert_eq!(told(&read(&plan), "aws_ebs_volume.v[0]", "kms_key_id"), "unknown");
    for (name, index, expected) in [
        ("same", "count.index", "${aws_kms_key.k[0]}"),
        ("next", "count.index + 1", "${aws_kms_key.k[1]}"),
        ("none", "count.index + 2", "unknown"),
    ] {
        let text = format!("resource \"aws_ebs_volume\" \"v\" {{\n  count      = 1\n  kms_key_id = aws_kms_key.k[{index}].arn\n}}\n");
        let source = Source::new(&format!("pairs-{name}"), &text);
        assert_eq!(told(&read_with(&plan, Some(&source.0)), "aws_ebs_volume.v[0]", "kms_key_id"), expected, "{index}");
    }
    // Where there is one instance only, it is the one.
    plan["resource_changes"].as_array_mut().unwrap().remove(1);
    assert_eq!(told(&read(&plan), "aws_ebs_volume.v[0]", "kms_key_id"), "${aws_kms_key.k[0]}");
}

#[test]
fn what_is_made_by_proxy_makes_a_plan_not_whole() {
    let vpc =
        || Made("aws_vpc.v", "aws", json!({"cidr_block": "10.0.0.0/16", "tags": null, "tags_all": {}}), json!({"id": true}), json!({}));
    let with = |kind: &str, actions: Json| {
        let mut plan = plan_of(&json!({"aws": constant("eu-central-1")}), &[vpc()]);
        let mut more = plan["resource_changes"][0].clone();
        more["address"] = json!(format!("{kind}.x"));
        more["type"] = json!(kind);
        more["provider_name"] = json!(format!("registry.terraform.io/hashicorp/{}", kind.split('_').next().unwrap()));
        more["change"]["actions"] = actions;
        plan["resource_changes"].as_array_mut().unwrap().push(more);
        read(&plan).run.declared.unwrap().incomplete.iter().filter_map(|gap| gap.subject.clone()).collect::<String>()
    };
    for kind in [
        "awscc_s3_bucket",
        "aws_cloudformation_stack",
        "aws_cloudformation_stack_set",
        "aws_cloudcontrolapi_resource",
        "aws_servicecatalog_provisioned_product",
    ] {
        let shown = if kind.starts_with("awscc") { "awscc_*" } else { kind };
        for actions in [json!(["create"]), json!(["no-op"])] {
            assert!(with(kind, actions).starts_with(&format!("1 of {shown} make resources of AWS that are not read")), "{kind}");
        }
        assert_eq!(with(kind, json!(["delete"])), "", "{kind}");
    }
    for kind in ["helm_release", "kubernetes_manifest", "aws_sqs_queue"] {
        assert_eq!(with(kind, json!(["create"])), "", "{kind}");
    }
}

#[test]
fn databases_are_encrypted_as_their_engine_is() {
    let made = |address: &'static str, attributes: Json, unknown: bool| {
        let mut after = json!({"cluster_identifier": "one", "tags": null, "tags_all": {}});
        after.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
        Made(address, "aws", after, json!({"id": true, "arn": true, "storage_encrypted": unknown}), json!({}))
    };
    let told = |address: &'static str, attributes: Json, unknown: bool| {
        let estate = read(&plan_of(&json!({"aws": constant("eu-central-1")}), &[made(address, attributes, unknown)]));
        (told(&estate, address, "storage_encrypted"), told(&estate, address, "storage_encryption_type"))
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let aurora = |more: Json| {
        let mut all = json!({"engine": "aurora-postgresql", "engine_mode": "provisioned"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    // Neither has a mode, and the plan of a provider may write what is not set as nothing.
    assert_eq!(told("aws_docdb_cluster.d", json!({"engine": "docdb", "storage_encrypted": null}), false), pair("false", "null"));
    assert_eq!(told("aws_neptune_cluster.n", json!({"engine": "neptune", "storage_encrypted": false}), false), pair("false", "null"));
    assert_eq!(told("aws_docdb_cluster.d", json!({"engine": "docdb", "storage_encrypted": true}), false), pair("true", "unknown"));
    // New clusters of Aurora, where nobody asks for anything.
    assert_eq!(told("aws_rds_cluster.c", aurora(json!({})), true), pair("false", "sse-rds"));
    assert_eq!(told("aws_rds_cluster.c", aurora(json!({"storage_encrypted": false})), false), pair("false", "null"));
    assert_eq!(told("aws_rds_cluster.c", aurora(json!({"engine": "mysql"})), true), pair("false", "null"));
    assert_eq!(told("aws_rds_cluster.c", aurora(json!({"engine_mode": "serverless"})), true).0, "true");
    assert_eq!(told("aws_rds_cluster.c", aurora(json!({"snapshot_identifier": "old"})), true), pair("unknown", "unknown"));
}

#[test]
fn volumes_take_over_the_encryption_of_their_snapshots() {
    let volume = |address: &'static str, attributes: Json, unknown: Json, expressions: Json| {
        let mut after = json!({"availability_zone": "eu-central-1a", "tags": null, "tags_all": {}});
        after.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
        let mut all = json!({"id": true, "arn": true});
        all.as_object_mut().unwrap().extend(unknown.as_object().unwrap().clone());
        Made(address, "aws", after, all, expressions)
    };
    let snapshot = |of: &str| {
        let references = json!({"volume_id": {"references": [format!("{of}.id"), of]}});
        Made(
            "aws_ebs_snapshot.s",
            "aws",
            json!({"tags": null, "tags_all": {}}),
            json!({"id": true, "volume_id": true, "encrypted": true}),
            references,
        )
    };
    let of_snapshot = json!({"snapshot_id": {"references": ["aws_ebs_snapshot.s.id", "aws_ebs_snapshot.s"]}});
    for (source, written, expected) in [
        (json!(true), json!(null), "true"),
        (json!(true), json!(false), "true"),
        (json!(false), json!(false), "false"),
        (json!(false), json!(null), "unknown"),
    ] {
        let unset = json!({"snapshot_id": true, "encrypted": written.is_null()});
        let made = [
            volume("aws_ebs_volume.old", json!({"encrypted": source}), json!({}), json!({})),
            snapshot("aws_ebs_volume.old"),
            volume("aws_ebs_volume.new", json!({"encrypted": written}), unset, of_snapshot.clone()),
        ];
        let estate = read(&plan_of(&json!({"aws": constant("eu-central-1")}), &made));
        assert_eq!(told(&estate, "aws_ebs_volume.new", "encrypted"), expected, "{source} {written}");
    }
    // A snapshot that the plan does not have may be either.
    for written in [json!(null), json!(false)] {
        let made = [volume(
            "aws_ebs_volume.new",
            json!({"snapshot_id": "snap-0123456789abcdef0", "encrypted": written}),
            json!({"encrypted": written.is_null()}),
            json!({}),
        )];
        let estate = read(&plan_of(&json!({"aws": constant("eu-central-1")}), &made));
        assert_eq!(told(&estate, "aws_ebs_volume.new", "encrypted"), "unknown", "{written}");
    }
}
