//! Writes a synthetic estate: `cargo run --example synthetic -- 100000 estate.json`. For `ci/bench`.

use std::fmt::Write as _;
use std::io::Write as _;

#[path = "support/filled.rs"]
mod support;

use serde_json::{Map, Value as Json};
use support::filled;

const TYPES: usize = 10;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let count: usize = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let path = arguments.next().unwrap_or_else(|| "estate.json".to_owned());
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    write!(
        out,
        r#"{{"schema":"keur/estate/1","run":{{"started":"2026-01-15T12:00:00Z","finished":"2026-01-15T12:01:00Z",
"as_of":"2026-01-15T12:00:00Z","source":"live","tool":"synthetic","identity":null,
"accounts":[{{"id":"111111111111","name":null}}],"regions":["eu-central-1"],"calls":0}},"resources":["#
    )?;
    let registry = keur::registry();
    let mut counts = [0_usize; TYPES];
    for n in 0..count {
        let (kind, arn, id, properties) = resource(n, &mut counts);
        let given: Map<String, Json> = serde_json::from_str(&format!("{{{properties}}}")).expect("an object");
        let declared = &registry.get(kind).expect("a type").properties;
        let properties = Json::Object(filled(declared, given));
        let environment = ["production", "staging", "test", "demo"][(n / TYPES) % 4];
        let comma = if n == 0 { "" } else { "," };
        write!(
            out,
            r#"{comma}
{{"type":"{kind}","arn":"{arn}","id":"{id}","name":"{id}","account":"111111111111","region":"eu-central-1",
"tags":{{"Environment":"{environment}","Owner":"web"}},"properties":{properties},"responses":[]}}"#
        )?;
    }
    write!(out, r#"],"listings":["#)?;
    let listings: Vec<String> = keur::aws::SERVICES
        .iter()
        .flat_map(|s| s.types.iter().map(move |kind| (s.scope, *kind)))
        .map(|(scope, kind)| {
            let global = scope == keur::aws::Scope::Global || kind == "AWS::EC2::Region";
            let region = if global { "global" } else { "eu-central-1" };
            let listed = KINDS.iter().position(|k| *k == kind).map_or(0, |at| counts[at]);
            format!(r#"{{"type":"{kind}","account":"111111111111","region":"{region}","listed":{listed}}}"#)
        })
        .collect();
    writeln!(out, "{}]}}", listings.join(",\n"))?;
    out.flush()
}

const KINDS: [&str; TYPES] = [
    "AWS::EC2::Instance",
    "AWS::EC2::Volume",
    "AWS::EC2::Snapshot",
    "AWS::EC2::NetworkInterface",
    "AWS::RDS::DBInstance",
    "AWS::RDS::DBSnapshot",
    "AWS::EC2::SecurityGroup",
    "AWS::S3::Bucket",
    "AWS::IAM::Role",
    "AWS::EC2::VPC",
];

/// A VPC for this many resources of the other types: an estate has few of them.
const PER_VPC: usize = 100;

fn resource(n: usize, counts: &mut [usize; TYPES]) -> (&'static str, String, String, String) {
    // Every tenth place would be a VPC; most of those become snapshots.
    let at = match n % TYPES {
        9 if !n.is_multiple_of(PER_VPC) && n % PER_VPC != 9 => 2,
        at => at,
    };
    let number = counts[at];
    counts[at] += 1;
    let group = n / PER_VPC;
    let kind = KINDS[at];
    let (prefix, properties) = match at {
        0 => (
            "i",
            format!(
                r#""instance_id":"i-{number}","state_name":"running","vpc_id":"vpc-{group}","subnet_id":"subnet-1","availability_zone":"eu-central-1a",
"security_group_ids":["sg-{number}"],"volume_ids":["vol-{number}"],"key_name":"key-{group}","network_interface_ids":["eni-{number}"]"#
            ),
        ),
        1 => (
            "vol",
            format!(
                r#""volume_id":"vol-{number}","encrypted":true,"kms_key_id":null,"state":"in-use","availability_zone":"eu-central-1a",
"attachments":[{{"instance_id":"i-{number}"}}]"#
            ),
        ),
        2 => (
            "snap",
            format!(
                r#""snapshot_id":"snap-{number}","volume_id":"vol-{}","state":"completed","start_time":"2026-01-15T03:00:00Z","encrypted":true,
"kms_key_id":null,"public":false,"create_volume_permissions":[]"#,
                number / 2
            ),
        ),
        3 => ("eni", format!(r#""network_interface_id":"eni-{number}","vpc_id":"vpc-{group}","group_ids":["sg-{number}"]"#)),
        4 => (
            "db",
            format!(
                r#""db_instance_identifier":"db-{number}","dbi_resource_id":"db-RES{number}","engine":"postgres","engine_family":"rds",
"multi_az":{},"storage_encrypted":true,"kms_key_id":null,"db_cluster_identifier":null,"backup_retention_period":7,
"latest_restorable_time":"2026-01-15T11:55:00Z","instance_create_time":"2025-01-01T00:00:00Z","db_instance_status":"available",
"read_replica_source_db_instance_identifier":null,"db_instance_automated_backups_replications":[],"vpc_id":"vpc-{group}",
"availability_zone":"eu-central-1a""#,
                !number.is_multiple_of(50)
            ),
        ),
        5 => (
            "rds",
            format!(
                r#""db_snapshot_identifier":"rds-{number}","dbi_resource_id":"db-RES{number}","status":"available","encrypted":true,"kms_key_id":null,
"snapshot_create_time":"2026-01-15T03:00:00Z","snapshot_type":"automated","source_region":null,"restore_accounts":null"#
            ),
        ),
        6 => {
            let mut rules = String::new();
            for port in [443, 8443, 5432] {
                let comma = if rules.is_empty() { "" } else { "," };
                write!(
                    rules,
                    r#"{comma}{{"ip_protocol":"tcp","from_port":{port},"to_port":{port},"cidr_ips":["10.{}.0.0/16"],"cidr_ipv6s":[],
"prefix_list_ids":[],"user_id_group_pairs":[{{"group_id":"sg-{number}","user_id":null,"vpc_id":null,"vpc_peering_connection_id":null,
"peering_status":null}}]}}"#,
                    group % 250
                )
                .expect("writing to a string cannot fail");
            }
            (
                "sg",
                format!(
                    r#""group_id":"sg-{number}","group_name":"web","vpc_id":"vpc-{group}","ip_permissions":[{rules}],"ip_permissions_egress":[]"#
                ),
            )
        }
        7 => (
            "bucket",
            r#""location":"eu-central-1","server_side_encryption":{"sse_algorithm":"AES256","kms_master_key_id":null,"kms_key_arn":null,
"bucket_key_enabled":null},"policy":null,"replication_rules":null"#
                .to_owned(),
        ),
        8 => (
            "role",
            format!(
                r#""role_name":"role-{number}","path":"/","assume_role_policy_document":{{"statements":[{{"sid":null,"effect":"Allow",
"principals":["Service:ec2.amazonaws.com"],"principal_accounts":[],"principal_arns":[],"not_principals":[],"actions":["sts:AssumeRole"],
"not_actions":[],"resources":[],"not_resources":[],"conditions":[]}}]}}"#
            ),
        ),
        _ => (
            "vpc",
            format!(
                r#""vpc_id":"vpc-{group}","owner_id":"111111111111","is_default":false,"cidr_block":"10.{0}.0.0/16","cidr_blocks":["10.{0}.0.0/16"],
"ipv6_cidr_blocks":[]"#,
                group % 250
            ),
        ),
    };
    let id = if at == 9 { format!("vpc-{group}") } else { format!("{prefix}-{number}") };
    (kind, format!("arn:aws:x:eu-central-1:111111111111:{id}"), id, properties)
}
