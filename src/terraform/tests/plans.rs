//! Plans and states that say less than they seem to, written here member by member.

use serde_json::{Value as Json, json};

use crate::declared::build;
use crate::estate::{Estate, Reason, RegionFrom, UNKNOWN_REGION, Value};
use crate::terraform::{Assumed, plan, states};

/// A plan that makes one thing, whose provider is `key` in the configuration.
fn plan_of(kind: &str, key: &str, change: Json) -> Json {
    let address = format!("{kind}.one");
    json!({
        "format_version": "1.2",
        "resource_changes": [{"address": address, "mode": "managed", "type": kind, "name": "one",
            "provider_name": "registry.terraform.io/hashicorp/aws", "change": change}],
        "planned_values": {"root_module": {}},
        "configuration": {
            "provider_config": {},
            "root_module": {"resources": [{"address": address, "mode": "managed", "type": kind, "name": "one",
                "provider_config_key": key, "expressions": {}}]},
        },
    })
}

fn vpc(key: &str) -> Json {
    let after = json!({"cidr_block": "10.0.0.0/16", "tags": null});
    plan_of("aws_vpc", key, json!({"actions": ["create"], "before": null, "after": after, "after_unknown": {"id": true, "arn": true}}))
}

fn read(plan_json: &Json) -> Estate {
    let registry = crate::registry();
    let read = plan("plan.json", plan_json.to_string().as_bytes(), &Assumed::default(), None, &registry);
    build(read.unwrap().after, "2026-11-25T12:00:00Z".parse().unwrap())
}

fn region_of(plan: &Json) -> (String, RegionFrom) {
    let estate = read(plan);
    let at = estate.of_type("AWS::EC2::VPC").next().unwrap();
    let vpc = &estate.resources[at];
    (vpc.region.to_string(), vpc.declared.as_ref().unwrap().region_from)
}

fn nowhere() -> (String, RegionFrom) {
    (UNKNOWN_REGION.to_owned(), RegionFrom::Unknown)
}

#[test]
fn a_data_source_that_is_asked_for_a_region_tells_nothing_of_its_provider() {
    let with = |sources: &[(&str, &str, Json)]| {
        let mut plan = vpc("aws");
        let mut known = Vec::new();
        for (name, region, expressions) in sources {
            let address = format!("data.aws_region.{name}");
            known.push(json!({"address": address, "mode": "data", "type": "aws_region", "values": {"name": region, "id": region}}));
            let configured = json!({"address": address, "mode": "data", "type": "aws_region", "name": name,
                "provider_config_key": "aws", "expressions": expressions});
            plan["configuration"]["root_module"]["resources"].as_array_mut().unwrap().push(configured);
        }
        plan["prior_state"] = json!({"values": {"root_module": {"resources": known}}});
        region_of(&plan)
    };
    let here = || ("here", "eu-west-1", json!({}));
    assert_eq!(with(&[here()]), ("eu-west-1".to_owned(), RegionFrom::DataSource));
    for argument in ["name", "region", "endpoint"] {
        for expression in [json!({"constant_value": "us-east-1"}), json!({"references": ["var.elsewhere"]})] {
            let asked = || ("asked", "us-east-1", json!({argument: expression}));
            assert_eq!(with(&[asked()]), nowhere(), "{argument} {expression}");
            assert_eq!(with(&[here(), asked()]), ("eu-west-1".to_owned(), RegionFrom::DataSource), "{argument} {expression}");
        }
    }
    assert_eq!(with(&[here(), ("there", "eu-west-2", json!({}))]), nowhere(), "two that disagree");
}

#[test]
fn providers_of_modules_before_terraform_1_1_are_those_of_the_root() {
    let root = || ("eu-central-1".to_owned(), RegionFrom::ProviderConstant);
    let module = || ("eu-west-1".to_owned(), RegionFrom::ProviderConstant);
    for (key, providers, expected) in [
        ("aws", &["aws"][..], root()),
        ("m:aws", &["aws"], root()),
        ("m:aws", &["aws", "google"], root()),
        ("module.m:aws", &["aws", "module.m:aws"], module()),
        // Which of several the module was given, nobody knows.
        ("m:aws", &["aws", "aws.west"], nowhere()),
        ("m:aws.west", &["aws"], nowhere()),
        ("m:aws", &["google"], nowhere()),
        ("aws.west", &["aws"], nowhere()),
    ] {
        let mut plan = vpc(key);
        for name in providers {
            let region = if *name == "aws" { "eu-central-1" } else { "eu-west-1" };
            plan["configuration"]["provider_config"][name] = json!({"expressions": {"region": {"constant_value": region}}});
        }
        assert_eq!(region_of(&plan), expected, "{key} of {providers:?}");
    }
}

#[test]
fn providers_of_aws_have_many_names() {
    for (provider, ours) in [
        ("aws", true),
        ("aws.west", true),
        ("registry.terraform.io/hashicorp/aws", true),
        ("registry.opentofu.org/hashicorp/aws", true),
        ("registry.terraform.io/hashicorp/awscc", false),
        ("awscc.west", false),
        ("google", false),
    ] {
        let mut plan = vpc("aws");
        plan["resource_changes"][0]["provider_name"] = json!(provider);
        let run = read(&plan).run.declared.unwrap();
        assert_eq!((run.resources, run.other_providers), if ours { (1, 0) } else { (0, 1) }, "{provider}");
    }
}

/// An empty text says that nothing is set, and that is no secret; what is set stays one.
#[test]
fn secrets_that_are_empty_are_not_set() {
    let registry = crate::registry();
    let time = "2026-11-25T12:00:00Z".parse().unwrap();
    let key = |estate: &Estate| {
        let at = estate.of_type("AWS::RDS::DBInstance").next().unwrap();
        let value = estate.resources[at].property("kms_key_id").unwrap();
        if let Value::Unknown(gap) = value { gap.reason.to_string() } else { format!("{value:?}") }
    };
    let (hidden, not_set) = (Reason::Sensitive.to_string(), format!("{:?}", Value::Null));
    for (value, expected) in
        [(json!("arn:aws:kms:eu-central-1:123456789012:key/k"), hidden), (json!(""), not_set.clone()), (json!(null), not_set)]
    {
        let attributes = json!({"identifier": "one", "engine": "postgres", "storage_encrypted": false, "kms_key_id": value});
        let marks = json!({"kms_key_id": true});
        let made = json!({"actions": ["create"], "before": null, "after": attributes, "after_unknown": {}, "after_sensitive": marks});
        assert_eq!(key(&read(&plan_of("aws_db_instance", "aws", made))), expected, "planned {value}");

        let provider = "provider[\"registry.terraform.io/hashicorp/aws\"]";
        let instance = json!({"attributes": attributes, "sensitive_attributes": [[{"type": "get_attr", "value": "kms_key_id"}]]});
        let file = json!({"version": 4, "resources": [{"mode": "managed", "type": "aws_db_instance", "name": "one", "provider": provider,
            "instances": [instance]}]});
        let shown = json!({"format_version": "1.0", "values": {"root_module": {"resources": [{"address": "aws_db_instance.one",
            "mode": "managed", "type": "aws_db_instance", "values": attributes, "sensitive_values": marks}]}}});
        for state in [file, shown] {
            let reading = states(&[("state".to_owned(), state.to_string().into_bytes())], &Assumed::default(), &registry).unwrap();
            assert_eq!(key(&build(reading, time)), expected, "{state}");
        }
    }
}
