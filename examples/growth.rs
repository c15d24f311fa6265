//! How the cost of each thing that users can make large grows: `growth KEUR [AXIS…]` makes inputs of one, two and four times a
//! size, runs the program over them, and prints the exponent of each axis. 1 is linear, 2 the square. For `ci/bench`.

#![allow(clippy::print_stdout, reason = "a tool for developers")]

#[path = "support/filled.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::{Map, Value as Json, json};
use support::filled;

type Failure = Box<dyn std::error::Error>;

/// One axis: its name, the smallest size, and what makes the inputs in a folder and gives the arguments of a run over them.
type Axis = (&'static str, usize, fn(&Path, usize) -> Result<Vec<String>, Failure>);

const AXES: &[Axis] = &[
    ("resources of an estate", 20_000, resources),
    ("instances of one key pair", 4_000, |folder, n| key_pair(folder, n, &["production"])),
    ("instances of one key pair, of two environments", 4_000, |folder, n| key_pair(folder, n, &["production", "staging"])),
    ("attachments of one transit gateway", 4_000, attachments),
    ("rules of one security group", 20_000, rules_of_one),
    ("rules of a plan that name their group", 8_000, |folder, n| rules(folder, n, true)),
    ("rules of a plan whose group nobody can tell", 8_000, |folder, n| rules(folder, n, false)),
    ("rules of a plan of one group", 8_000, rules_for_one),
    ("rules of one group that a plan takes away", 8_000, rules_taken_away),
    ("policies attached to one role", 8_000, attached),
    ("resources of one name in many accounts", 2_000, namesakes),
    ("resources of a template", 8_000, template),
    ("snapshots whose volume is not known, and volumes", 8_000, open_keys),
    ("exceptions and the findings they accept", 8_000, |folder, n| exceptions(folder, n, "vol-{n}")),
    ("exceptions with stars and the findings they accept", 8_000, |folder, n| exceptions(folder, n, "arn:*:volume/vol-{n}")),
    ("exceptions between stars and the findings they accept", 4_000, |folder, n| exceptions(folder, n, "*vol-{n}*")),
    ("mistakes in a file of exceptions", 2_000, mistaken_exceptions),
    ("mistakes in a folder of policies", 1_000, mistaken_policies),
    ("mistakes in one policy", 1_000, mistaken_tests),
    ("policies over an estate", 1_000, policies),
    ("environments and what they claim", 4_000, environments),
    ("accounts and regions that were listed", 40, places),
    ("tags of one resource", 8_000, tags),
    ("declared and seen, resource by resource", 8_000, |folder, n| drift(folder, n, 0)),
    ("accepted drift and the rules that accept it", 8_000, |folder, n| drift(folder, n, n)),
    ("declared and seen, rules of one group", 8_000, drift_of_one),
    ("one day and another", 10_000, diff),
];

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let keur = PathBuf::from(arguments.next().ok_or("usage: growth KEUR [AXIS…]")?);
    let wanted: Vec<String> = arguments.collect();
    let folder = std::env::temp_dir().join(format!("keur-growth-{}", std::process::id()));
    println!("{:<56} {:>9} {:>9} {:>9} {:>9} {:>9}", "axis", "n", "n s", "2n s", "4n s", "exponent");
    for (name, size, make) in AXES.iter().filter(|(name, ..)| wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str()))) {
        let mut times = Vec::new();
        for factor in [1, 2, 4] {
            fs::create_dir_all(&folder)?;
            let arguments = make(&folder, size * factor)?;
            // The better of two: something else may run beside it.
            let mut best = f64::INFINITY;
            for _ in 0..2 {
                let start = Instant::now();
                let ran = Command::new(&keur)
                    .args(&arguments)
                    .current_dir(&folder)
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status()?;
                if ran.code().is_none_or(|code| code > 3) {
                    return Err(format!("{name}: keur {} ended with {ran}", arguments.join(" ")).into());
                }
                best = best.min(start.elapsed().as_secs_f64());
            }
            times.push(best);
            fs::remove_dir_all(&folder)?;
        }
        let exponent = (times[2] / times[1]).log2();
        println!("{name:<56} {size:>9} {:>9.2} {:>9.2} {:>9.2} {exponent:>9.2}", times[0], times[1], times[2]);
    }
    Ok(())
}

const ACCOUNT: &str = "111111111111";

fn text(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn check(more: &[&str]) -> Vec<String> {
    text(&["check", "--format", "json=report.json"]).into_iter().chain(text(more)).collect()
}

/// A resource with every member; those that are given as they are.
fn resource(registry: &keur::estate::Registry, kind: &str, id: &str, environment: &str, given: Json) -> Json {
    let given: Map<String, Json> = given.as_object().cloned().unwrap_or_default();
    let properties = filled(&registry.get(kind).expect("a type").properties, given);
    json!({"type": kind, "arn": format!("arn:aws:x:eu-central-1:{ACCOUNT}:{id}"), "id": id, "name": id, "account": ACCOUNT,
        "region": "eu-central-1", "tags": {"Environment": environment}, "properties": properties, "responses": []})
}

/// Saves an estate, listed to the end.
fn estate(folder: &Path, name: &str, resources: Vec<Json>) -> Result<(), Failure> {
    let kinds: Vec<(String, bool)> = keur::aws::SERVICES
        .iter()
        .flat_map(|s| s.types.iter().map(move |kind| ((*kind).to_owned(), s.scope == keur::aws::Scope::Global)))
        .collect();
    let listings: Vec<Json> = kinds
        .iter()
        .map(|(kind, global)| json!({"type": kind, "account": ACCOUNT, "region": if *global { "global" } else { "eu-central-1" }, "listed": 0}))
        .collect();
    let run = json!({"started": "2026-01-15T12:00:00Z", "finished": "2026-01-15T12:01:00Z", "as_of": "2026-01-15T12:00:00Z", "source": "live",
        "tool": "growth", "identity": null, "accounts": [{"id": ACCOUNT, "name": null}], "regions": ["eu-central-1"], "calls": 0});
    let whole = json!({"schema": "keur/estate/1", "run": run, "resources": resources, "listings": listings});
    Ok(fs::write(folder.join(name), whole.to_string())?)
}

fn volume(registry: &keur::estate::Registry, n: usize, environment: &str, more: Json) -> Json {
    let id = format!("vol-{n}");
    let mut given = json!({"volume_id": id, "encrypted": true, "kms_key_id": null, "attachments": []});
    for (key, value) in more.as_object().into_iter().flatten() {
        given[key] = value.clone();
    }
    let mut volume = resource(registry, "AWS::EC2::Volume", &id, environment, given);
    volume["arn"] = json!(format!("arn:aws:ec2:eu-central-1:{ACCOUNT}:volume/{id}"));
    volume
}

fn volumes(n: usize, more: &Json) -> Vec<Json> {
    let registry = keur::registry();
    (0..n).map(|at| volume(&registry, at, "production", more.clone())).collect()
}

fn resources(folder: &Path, n: usize) -> Result<Vec<String>, Failure> {
    let registry = keur::registry();
    let all = (0..n).map(|at| match at % 2 {
        0 => volume(&registry, at, "production", json!({})),
        _ => resource(&registry, "AWS::RDS::DBInstance", &format!("db-{at}"), "test", json!({"dbi_resource_id": format!("db-{at}")})),
    });
    estate(folder, "estate.json", all.collect())?;
    Ok(check(&["--estate", "estate.json"]))
}

fn key_pair(folder: &Path, n: usize, environments: &[&str]) -> Result<Vec<String>, Failure> {
    let registry = keur::registry();
    let all = (0..n).map(|at| {
        let id = format!("i-{at}");
        let given = json!({"instance_id": id, "key_name": "admin", "vpc_id": null, "security_group_ids": [], "volume_ids": []});
        resource(&registry, "AWS::EC2::Instance", &id, environments[at % environments.len()], given)
    });
    estate(folder, "estate.json", all.collect())?;
    Ok(check(&["--estate", "estate.json", "--policy", "key-pair-in-one-environment"]))
}

fn attachments(folder: &Path, n: usize) -> Result<Vec<String>, Failure> {
    let registry = keur::registry();
    let all = (0..n).map(|at| {
        let id = format!("tgw-attach-{at}");
        let given = json!({"transit_gateway_attachment_id": id, "transit_gateway_id": "tgw-1", "transit_gateway_owner_id": ACCOUNT,
            "state": "available", "vpc_id": null});
        resource(&registry, "AWS::EC2::TransitGatewayAttachment", &id, ["production", "test"][at % 2], given)
    });
    estate(folder, "estate.json", all.collect())?;
    Ok(check(&["--estate", "estate.json", "--policy", "no-transit-gateway-between-environments"]))
}

fn permission(n: usize) -> Json {
    json!({"ip_protocol": "tcp", "from_port": n, "to_port": n, "cidr_ips": [format!("10.{}.{}.0/24", n / 250 % 250, n % 250)],
        "cidr_ipv6s": [], "prefix_list_ids": [], "user_id_group_pairs": []})
}

fn group(n: usize) -> Json {
    let rules: Json = (0..n).map(permission).collect();
    let given = json!({"group_id": "sg-1", "group_name": "web", "vpc_id": "vpc-1", "owner_id": ACCOUNT, "description": "web",
        "ip_permissions": rules, "ip_permissions_egress": []});
    let mut group = resource(&keur::registry(), "AWS::EC2::SecurityGroup", "sg-1", "production", given);
    group["arn"] = json!(format!("arn:aws:ec2:eu-central-1:{ACCOUNT}:security-group/sg-1"));
    group
}

fn rules_of_one(folder: &Path, n: usize) -> Result<Vec<String>, Failure> {
    estate(folder, "estate.json", vec![group(n)])?;
    Ok(check(&["--estate", "estate.json"]))
}

/// A change of a plan: type, address without it, before, after, what is unknown.
fn change(kind: &str, name: &str, action: &str, attributes: Json, unknown: Json) -> Json {
    let known = |when: bool| if when { attributes.clone() } else { Json::Null };
    json!({"address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name.split('[').next(),
        "provider_name": "registry.terraform.io/hashicorp/aws", "change": {"actions": [action], "before": known(action != "create"),
            "after": known(action != "delete"), "after_unknown": unknown, "before_sensitive": false, "after_sensitive": {}}})
}

/// Saves a plan; `expressions` are those of each type's configuration.
fn plan(folder: &Path, changes: Vec<Json>, expressions: &[(&str, &str, Json)]) -> Result<Vec<String>, Failure> {
    let configured = |(kind, name, expressions): &(&str, &str, Json)| {
        json!({"address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name, "provider_config_key": "aws",
            "expressions": expressions, "for_each_expression": {"references": ["local.all"]}})
    };
    let planned = |change: &Json| {
        json!({"address": change["address"], "mode": "managed", "type": change["type"], "name": change["name"],
            "provider_name": "registry.terraform.io/hashicorp/aws", "values": change["change"]["after"]})
    };
    let kept: Json = changes.iter().filter(|change| !change["change"]["after"].is_null()).map(planned).collect();
    let provider = json!({"aws": {"name": "aws", "expressions": {"region": {"constant_value": "eu-central-1"}}}});
    let whole = json!({"format_version": "1.2", "terraform_version": "1.11.4", "resource_changes": changes, "complete": true, "errored": false,
        "planned_values": {"root_module": {"resources": kept}},
        "configuration": {"provider_config": provider,
            "root_module": {"resources": expressions.iter().map(configured).collect::<Json>()}}});
    fs::write(folder.join("plan.json"), whole.to_string())?;
    Ok(check(&["--plan", "plan.json", "--account", ACCOUNT]))
}

fn rule(n: usize) -> Json {
    json!({"type": "ingress", "from_port": n, "to_port": n, "protocol": "tcp", "cidr_blocks": [format!("10.{}.{}.0/24", n / 250 % 250, n % 250)],
        "ipv6_cidr_blocks": null, "prefix_list_ids": null, "self": false, "description": null})
}

fn rules(folder: &Path, n: usize, named: bool) -> Result<Vec<String>, Failure> {
    let made = json!({"id": true, "arn": true, "owner_id": true, "ingress": true, "egress": true});
    let mut changes = Vec::new();
    for at in 0..n {
        let group = json!({"name": format!("g{at}"), "description": "d", "vpc_id": "vpc-1", "tags": {}, "tags_all": {}});
        changes.push(change("aws_security_group", &format!("g[\"{at}\"]"), "create", group, made.clone()));
        let waits = json!({"id": true, "security_group_id": true, "source_security_group_id": true});
        changes.push(change("aws_security_group_rule", &format!("r[\"{at}\"]"), "create", rule(at), waits));
    }
    let references = if named { json!(["aws_security_group.g", "each.key"]) } else { json!(["local.ids", "each.key"]) };
    let expressions = [
        ("aws_security_group", "g", json!({})),
        ("aws_security_group_rule", "r", json!({"security_group_id": {"references": references}})),
    ];
    plan(folder, changes, &expressions)
}

fn rules_for_one(folder: &Path, n: usize) -> Result<Vec<String>, Failure> {
    let group =
        json!({"id": "sg-1", "name": "g", "description": "d", "vpc_id": "vpc-1", "ingress": [], "egress": [], "tags": {}, "tags_all": {}});
    let mut changes = vec![change("aws_security_group", "g", "no-op", group, json!({}))];
    changes.extend((0..n).map(|at| {
        let mut rule = rule(at);
        rule["security_group_id"] = json!("sg-1");
        change("aws_security_group_rule", &format!("r[{at}]"), "create", rule, json!({"id": true}))
    }));
    plan(folder, changes, &[("aws_security_group", "g", json!({})), ("aws_security_group_rule", "r", json!({}))])
}

fn rules_taken_away(folder: &Path, n: usize) -> Result<Vec<String>, Failure> {
    let echo: Json = (0..n).map(rule).collect();
    let group = json!({"id": "sg-1", "name": "g", "description": "d", "vpc_id": "vpc-1", "ingress": echo, "egress": [], "tags": {}, "tags_all": {}});
    let mut changes = vec![change("aws_security_group", "g", "no-op", group, json!({}))];
    changes.extend((0..n).map(|at| {
        let mut rule = rule(at);
        rule["security_group_id"] = json!("sg-1");
        change("aws_security_group_rule", &format!("r[{at}]"), "delete", rule, json!({}))
    }));
    plan(folder, changes, &[("aws_security_group", "g", json!({}))])
}

fn attached(folder: &Path, n: usize) -> Result<Vec<String>, Failure> {
    let role = json!({"name": "role", "id": "role", "arn": format!("arn:aws:iam::{ACCOUNT}:role/role"), "managed_policy_arns": [],
        "assume_role_policy": "{\"Version\":\"2012-10-17\",\"Statement\":[]}", "path": "/", "tags": {}, "tags_all": {}});
    let mut changes = vec![change("aws_iam_role", "role", "no-op", role, json!({}))];
    changes.extend((0..n).map(|at| {
        let attachment = json!({"role": "role", "policy_arn": format!("arn:aws:iam::{ACCOUNT}:policy/p{at}")});
        change("aws_iam_role_policy_attachment", &format!("a[{at}]"), "create", attachment, json!({"id": true}))
    }));
    plan(folder, changes, &[("aws_iam_role", "role", json!({})), ("aws_iam_role_policy_attachment", "a", json!({}))])
}

/// One cluster and its member in each of many accounts, all of one name.
fn namesakes(folder: &Path, n: usize) -> Result<Vec<String>, Failure> {
    let (mut changes, mut configured, mut providers) = (Vec::new(), Vec::new(), Map::new());
    for at in 0..n {
        let account = format!("{:012}", 100_000_000_000_usize + at);
        let role = json!({"role_arn": {"constant_value": format!("arn:aws:iam::{account}:role/deploy")}});
        let expressions = json!({"region": {"constant_value": "eu-central-1"}, "assume_role": [role]});
        providers.insert(format!("aws.p{at}"), json!({"name": "aws", "alias": format!("p{at}"), "expressions": expressions}));
        let cluster =
            json!({"cluster_identifier": "main", "engine": "aurora-postgresql", "storage_encrypted": true, "tags": {}, "tags_all": {}});
        let member = json!({"cluster_identifier": "main", "identifier": "one", "engine": "aurora-postgresql", "tags": {}, "tags_all": {}});
        for (kind, attributes) in [("aws_rds_cluster", cluster), ("aws_rds_cluster_instance", member)] {
            let name = format!("n{at}");
            changes.push(change(kind, &name, "create", attributes, json!({"id": true, "arn": true})));
            configured.push(json!({"address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name,
                "provider_config_key": format!("aws.p{at}"), "expressions": {}}));
        }
    }
    let whole = json!({"format_version": "1.2", "terraform_version": "1.11.4", "resource_changes": changes, "complete": true, "errored": false,
        "planned_values": {"root_module": {}},
        "configuration": {"provider_config": providers, "root_module": {"resources": configured}}});
    fs::write(folder.join("plan.json"), whole.to_string())?;
    Ok(check(&["--plan", "plan.json"]))
}

fn template(folder: &Path, n: usize) -> Result<Vec<String>, Failure> {
    let mut resources = Map::new();
    for at in 0..n {
        resources.insert(
            format!("Volume{at}"),
            json!({"Type": "AWS::EC2::Volume", "Properties": {"Size": 8, "Encrypted": true,
            "AvailabilityZone": "eu-central-1a", "KmsKeyId": {"Ref": format!("Key{at}")}}}),
        );
        resources.insert(format!("Key{at}"), json!({"Type": "AWS::KMS::Key", "Properties": {"EnableKeyRotation": true}}));
    }
    fs::write(folder.join("template.json"), json!({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}).to_string())?;
    Ok(check(&["--template", "template.json", "--account", ACCOUNT, "--region", "eu-central-1"]))
}

fn open_keys(folder: &Path, n: usize) -> Result<Vec<String>, Failure> {
    let registry = keur::registry();
    let mut all = volumes(n, &json!({}));
    all.extend((0..n).map(|at| {
        let gap = json!({"$unknown": {"service": "ec2", "operation": "DescribeSnapshots", "account": ACCOUNT, "region": "eu-central-1",
            "reason": "unparsable", "subject": format!("snap-{at}")}});
        let given = json!({"snapshot_id": format!("snap-{at}"), "volume_id": gap, "state": "completed", "encrypted": true});
        resource(&registry, "AWS::EC2::Snapshot", &format!("snap-{at}"), "production", given)
    }));
    estate(folder, "estate.json", all)?;
    Ok(check(&["--estate", "estate.json"]))
}

fn exceptions(folder: &Path, n: usize, pattern: &str) -> Result<Vec<String>, Failure> {
    estate(folder, "estate.json", volumes(n, &json!({"encrypted": false})))?;
    let exception = |at: usize| {
        json!({"id": format!("e-{at}"), "policy": "ebs-volume-encrypted", "resources": [pattern.replace("{n}", &at.to_string())], "reason": "r",
            "risk": "R-1", "approver": "a", "approved": "2026-01-01", "expires": "2026-12-31"})
    };
    fs::write(folder.join("exceptions.yaml"), (0..n).map(exception).collect::<Json>().to_string())?;
    fs::write(folder.join("keur.yaml"), "exceptions: exceptions.yaml\n")?;
    Ok(check(&["--estate", "estate.json", "--policy", "ebs-volume-encrypted"]))
}

fn mistaken_exceptions(folder: &Path, n: usize) -> Result<Vec<String>, Failure> {
    estate(folder, "estate.json", Vec::new())?;
    let exception =
        |at: usize| format!("- {{id: e-{at}, policy: no-such-policy-{at}, resources: [\"*\"], reason: r, risk: R, aprover: x}}\n");
    fs::write(folder.join("exceptions.yaml"), (0..n).map(exception).collect::<String>())?;
    fs::write(folder.join("keur.yaml"), "exceptions: exceptions.yaml\n")?;
    Ok(check(&["--estate", "estate.json"]))
}

fn policy(at: usize, require: &str) -> String {
    format!(
        "id: p-{at}\ntitle: t\nstatement: change-control\nseverity: low\nresource: AWS::EC2::Volume\nrequire: {require}\ndeviation: '{{name}}'\n\
         remedy: r\ntests:\n  - {{name: a, given: {{encrypted: true}}, expect: pass}}\n  - {{name: b, given: {{encrypted: false}}, expect: deviation}}\n  \
         - {{name: c, given: {{encrypted: !unknown x}}, expect: unknown}}\n"
    )
}

fn mistaken_policies(folder: &Path, n: usize) -> Result<Vec<String>, Failure> {
    fs::create_dir_all(folder.join("policies"))?;
    for at in 0..n {
        fs::write(folder.join(format!("policies/p-{at}.yaml")), policy(at, "resource.encryptd && resource.sise > 'a' && nothing"))?;
    }
    Ok(text(&["policy", "check", "policies"]))
}

fn mistaken_tests(folder: &Path, n: usize) -> Result<Vec<String>, Failure> {
    fs::create_dir_all(folder.join("policies"))?;
    let tests: String = (0..n).map(|at| format!("  - {{name: t{at}, given: {{encryptd: true, sise: {at}}}, expect: pas}}\n")).collect();
    fs::write(folder.join("policies/p-0.yaml"), policy(0, "resource.encrypted") + &tests)?;
    Ok(text(&["policy", "check", "policies"]))
}

fn policies(folder: &Path, n: usize) -> Result<Vec<String>, Failure> {
    fs::create_dir_all(folder.join("policies"))?;
    for at in 0..n {
        fs::write(folder.join(format!("policies/p-{at}.yaml")), policy(at, "resource.encrypted"))?;
    }
    estate(folder, "estate.json", volumes(20, &json!({})))?;
    fs::write(folder.join("keur.yaml"), "policies: [policies]\n")?;
    Ok(check(&["--estate", "estate.json"]))
}

fn environments(folder: &Path, n: usize) -> Result<Vec<String>, Failure> {
    let registry = keur::registry();
    estate(folder, "estate.json", (0..n).map(|at| volume(&registry, at, &format!("env-{at}"), json!({}))).collect())?;
    let rule = |at: usize| format!("  env-{at}: {{tags: {{Environment: [env-{at}]}}, names: [\"service-{at}-*\"]}}\n");
    fs::write(folder.join("keur.yaml"), format!("environments:\n{}", (0..n).map(rule).collect::<String>()))?;
    Ok(check(&["--estate", "estate.json"]))
}

/// Every account with every region, some of which could not be listed.
fn places(folder: &Path, n: usize) -> Result<Vec<String>, Failure> {
    let regions = ["eu-central-1", "eu-west-1", "eu-west-2", "eu-west-3", "eu-north-1", "us-east-1", "us-east-2", "us-west-2"];
    let registry = keur::registry();
    let (mut resources, mut listings, mut accounts) = (Vec::new(), Vec::new(), Vec::new());
    for at in 0..n {
        let account = format!("{:012}", 100_000_000_000_usize + at);
        accounts.push(json!({"id": account, "name": null}));
        for region in regions {
            for own in 0..20 {
                let mut volume = volume(&registry, at * 1000 + own, "production", json!({}));
                (volume["account"], volume["region"]) = (json!(account), json!(region));
                volume["arn"] = json!(format!("arn:aws:ec2:{region}:{account}:volume/vol-{own}"));
                resources.push(volume);
            }
            let denied =
                json!({"service": "ec2", "operation": "DescribeSnapshots", "account": account, "region": region, "reason": "denied"});
            for service in keur::aws::SERVICES {
                for kind in service.types {
                    let gap = if *kind == "AWS::EC2::Snapshot" { denied.clone() } else { Json::Null };
                    let mut listing = json!({"type": kind, "account": account, "region": region, "listed": 20});
                    if !gap.is_null() {
                        listing["gap"] = gap;
                    }
                    listings.push(listing);
                }
            }
        }
    }
    let run = json!({"started": "2026-01-15T12:00:00Z", "finished": "2026-01-15T12:01:00Z", "as_of": "2026-01-15T12:00:00Z", "source": "live",
        "tool": "growth", "identity": null, "accounts": accounts, "regions": regions, "calls": 0});
    let whole = json!({"schema": "keur/estate/1", "run": run, "resources": resources, "listings": listings});
    fs::write(folder.join("estate.json"), whole.to_string())?;
    Ok(check(&["--estate", "estate.json"]))
}

fn tags(folder: &Path, n: usize) -> Result<Vec<String>, Failure> {
    let mut volume = volumes(1, &json!({})).remove(0);
    for at in 0..n {
        volume["tags"][format!("tag-{at}")] = json!("value");
    }
    estate(folder, "estate.json", vec![volume])?;
    Ok(check(&["--estate", "estate.json"]))
}

/// Saves a state.
fn state(folder: &Path, instances: &[(&str, Vec<Json>)]) -> Result<(), Failure> {
    let of = |(kind, all): &(&str, Vec<Json>)| {
        let instance = |(at, attributes): (usize, &Json)| json!({"index_key": at, "schema_version": 0, "attributes": attributes});
        json!({"mode": "managed", "type": kind, "name": "one", "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
            "instances": all.iter().enumerate().map(instance).collect::<Json>()})
    };
    let whole = json!({"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "l", "outputs": {},
        "resources": instances.iter().map(of).collect::<Json>()});
    Ok(fs::write(folder.join("terraform.tfstate"), whole.to_string())?)
}

fn drift(folder: &Path, n: usize, accepted: usize) -> Result<Vec<String>, Failure> {
    estate(folder, "estate.json", volumes(n, &json!({"size": 9})))?;
    let volume = |at: usize| {
        json!({"id": format!("vol-{at}"), "arn": format!("arn:aws:ec2:eu-central-1:{ACCOUNT}:volume/vol-{at}"), "availability_zone": "x",
            "encrypted": true, "kms_key_id": "", "multi_attach_enabled": true, "size": 8, "snapshot_id": "", "type": "x",
            "tags": {"Environment": "production"}, "tags_all": {"Environment": "production"}})
    };
    state(folder, &[("aws_ebs_volume", (0..n).map(volume).collect())])?;
    let rule =
        |at: usize| json!({"resources": [format!("*volume/vol-{at}")], "attributes": ["size"], "reason": "r", "expires": "2099-01-01"});
    fs::write(folder.join(".keurignore"), (0..accepted.max(1)).map(rule).collect::<Json>().to_string())?;
    Ok(text(&["drift", "--state", "terraform.tfstate", "--estate", "estate.json", "--format", "json=drift.json"]))
}

fn drift_of_one(folder: &Path, n: usize) -> Result<Vec<String>, Failure> {
    // Half of the rules are others.
    let seen: Json = (0..n).map(|at| if at % 2 == 0 { permission(at) } else { permission(at + n) }).collect();
    let mut seen_group = group(0);
    seen_group["properties"]["ip_permissions"] = seen;
    estate(folder, "estate.json", vec![seen_group])?;
    let ingress: Json = (0..n).map(rule).collect();
    let declared = json!({"id": "sg-1", "arn": format!("arn:aws:ec2:eu-central-1:{ACCOUNT}:security-group/sg-1"), "name": "web", "description": "web",
        "vpc_id": "vpc-1", "owner_id": ACCOUNT, "ingress": ingress, "egress": [], "tags": {}, "tags_all": {"Environment": "production"}});
    state(folder, &[("aws_security_group", vec![declared])])?;
    Ok(text(&["drift", "--state", "terraform.tfstate", "--estate", "estate.json", "--format", "json=drift.json"]))
}

fn diff(folder: &Path, n: usize) -> Result<Vec<String>, Failure> {
    estate(folder, "first.json", volumes(n, &json!({"size": 8})))?;
    estate(folder, "second.json", volumes(n, &json!({"size": 9})))?;
    Ok(text(&["diff", "first.json", "second.json", "--format", "json=diff.json"]))
}
