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

/// A plan of several changes: type, name, action, what is there and what will be.
fn plan_of_many(changes: &[(&str, &str, &str, Json, Json)]) -> Json {
    let of = |(kind, name, action, attributes, unknown): &(&str, &str, &str, Json, Json)| {
        let known = |when: bool| if when { attributes.clone() } else { Json::Null };
        json!({"address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name,
            "provider_name": "registry.terraform.io/hashicorp/aws",
            "change": {"actions": [action], "before": known(*action != "create"), "after": known(*action != "delete"), "after_unknown": unknown}})
    };
    let provider = json!({"aws": {"expressions": {"region": {"constant_value": "eu-central-1"}}}});
    let resource = |(kind, name, ..): &(&str, &str, &str, Json, Json)| {
        json!({"address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name, "provider_config_key": "aws",
            "expressions": {"security_group_id": {"references": ["local.ids"]}}})
    };
    json!({
        "format_version": "1.2",
        "resource_changes": changes.iter().map(of).collect::<Json>(),
        "planned_values": {"root_module": {}},
        "configuration": {"provider_config": provider, "root_module": {"resources": changes.iter().map(resource).collect::<Json>()}},
    })
}

#[test]
fn what_is_deleted_together_with_its_parts_does_not_come_back() {
    let arn = |name: &str| format!("arn:aws:iam::123456789012:role/{name}");
    let role = |name: &str| json!({"name": name, "id": name, "arn": arn(name), "assume_role_policy": "{}"});
    let attachment = |role: &str| json!({"role": role, "policy_arn": "arn:aws:iam::123456789012:policy/p", "id": "a"});
    let roles = |changes: &[(&str, &str, &str, Json, Json)]| -> Vec<String> {
        let estate = read(&plan_of_many(changes));
        estate.of_type("AWS::IAM::Role").map(|at| estate.resources[at].id.to_string()).collect()
    };
    let gone = |kind: &'static str, attributes: Json| (kind, "one", "delete", attributes, json!({}));
    // Global things have no account of their own that a part could tell: what names both is the region and the account of the run.
    let registry = crate::registry();
    let assumed = Assumed { account: Some("123456789012".to_owned()), ..Assumed::default() };
    let both = plan_of_many(&[gone("aws_iam_role", role("one")), gone("aws_iam_role_policy_attachment", attachment("one"))]);
    let estate =
        build(plan("p", both.to_string().as_bytes(), &assumed, None, &registry).unwrap().after, "2026-11-25T12:00:00Z".parse().unwrap());
    assert_eq!(estate.of_type("AWS::IAM::Role").count(), 0, "{:?}", estate.resources);
    // Of a role that is declared elsewhere, only a part goes.
    assert_eq!(roles(&[gone("aws_iam_role", role("one")), gone("aws_iam_role_policy_attachment", attachment("other"))]), ["other"]);
    assert_eq!(roles(&[gone("aws_iam_role_policy_attachment", attachment("one"))]), ["one"]);
}

/// Rules whose group nobody can tell may be of any group: each group says so once, however many rules there are.
#[test]
fn rules_without_a_group_leave_every_group_open_at_a_cost_that_grows_with_their_number() {
    let loose = |count: usize| {
        let changes: Vec<_> = (0..count)
            .flat_map(|n| {
                let group = json!({"name": format!("g{n}"), "description": "d", "vpc_id": "vpc-1", "tags": null});
                let rule = json!({"type": "ingress", "from_port": n, "to_port": n, "protocol": "tcp", "cidr_blocks": ["10.0.0.0/8"]});
                let names: &'static str = Box::leak(format!("n{n}").into_boxed_str());
                [
                    ("aws_security_group", names, "create", group, json!({"id": true, "arn": true, "ingress": true, "egress": true})),
                    ("aws_security_group_rule", names, "create", rule, json!({"id": true, "security_group_id": true})),
                ]
            })
            .collect();
        let plan = plan_of_many(&changes);
        let start = std::time::Instant::now();
        (read(&plan), start.elapsed())
    };
    let (estate, few) = loose(60);
    let groups = estate.of_type("AWS::EC2::SecurityGroup");
    // Each group, and for each rule the one that it is of.
    assert_eq!(groups.len(), 120);
    let mut open = 0;
    for group in groups.map(|at| &estate.resources[at]) {
        let Some(Value::List(rules)) = group.property("ip_permissions") else { panic!("{group:?}") };
        assert!(rules.len() <= 2, "{rules:?}");
        open += usize::from(matches!(&rules[..], [Value::Unknown(_)]));
    }
    assert_eq!(open, 60);
    let (_, many) = loose(480);
    // Eight times as many: a cost that grows with the cube would be five hundred times as high.
    assert!(many < few * 40 + std::time::Duration::from_secs(1), "{few:?}, {many:?}");
}
