//! EC2: instances, volumes, snapshots, images, network interfaces.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use serde_json::{Value as Json, json};

use super::super::map::{Adds, Arn, Ctx, Got, Mapping, Part, Take, Unset, at, call, same, take};
use super::super::undeclared::{Rule, Undeclared, nothing};
use super::super::{Object, PROVIDER_TAGS, is_marked, marked, reference};
use super::network::own_account;
use crate::estate::{Reason, Resource, Value};

const TAGS: &[&str] = &["tags_all", "tags"];

/// A volume is encrypted where the account says so for all new ones, or where what it is made of is, whatever is written.
fn volume_encrypted(ctx: &Ctx<'_>) -> Json {
    let encrypted = ctx.or("encrypted", Unset::Decided);
    let copied = |path: &str| match ctx.get(path) {
        Got::Value(Json::String(source)) => !source.is_empty(),
        Got::Unknown(mark) => marked(mark).is_some_and(|gap| !matches!(gap.reason, Reason::AwsDecides | Reason::NotInPlan)),
        _ => false,
    };
    if encrypted == json!(false) && ctx.is_made() && ["snapshot_id", "source_volume_id"].into_iter().any(copied) {
        return ctx.later("encrypted");
    }
    encrypted
}

fn volume_key(ctx: &Ctx<'_>) -> Json {
    match volume_encrypted(ctx) {
        Json::Bool(false) => Json::Null,
        _ => ctx.or("kms_key_id", Unset::Decided),
    }
}

fn attachment(ctx: &Ctx<'_>) -> Json {
    json!({
        "instance_id": ctx.or("instance_id", Unset::Output),
        "associated_resource": null,
        "device": ctx.or("device_name", Unset::Null),
        "state": ctx.missing("state"),
        "delete_on_termination": ctx.missing("delete_on_termination"),
    })
}

/// Groups of the primary interface; those of others are added where AWS lists them.
fn groups(ctx: &Ctx<'_>) -> Json {
    // An interface that is made by itself has its own.
    if ctx.blocks("network_interface").is_ok_and(|blocks| !blocks.is_empty()) {
        return ctx.missing("groups of its interfaces");
    }
    match ctx.or("vpc_security_group_ids", Unset::Output) {
        // Every instance has one: where none is named, that of its VPC.
        Json::Array(groups) if groups.is_empty() => ctx.missing("the group that AWS gives it"),
        Json::Array(mut groups) => {
            groups.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            let made = ctx.is_made();
            if !made {
                groups.push(ctx.missing("groups of other interfaces"));
            }
            Json::Array(groups)
        }
        mark => mark,
    }
}

fn profile(ctx: &Ctx<'_>) -> Json {
    match ctx.or("iam_instance_profile", Unset::Null) {
        Json::String(name) if name.is_empty() => Json::Null,
        Json::String(name) => {
            // Terraform knows the name, AWS gives the ARN, whose path is not known.
            match ctx.object.account.as_deref().zip(ctx.object.region.as_deref()) {
                Some((account, region)) if !name.contains('/') => {
                    json!(format!("arn:{}:iam::{account}:instance-profile/{name}", crate::estate::partition_of(region)))
                }
                _ => ctx.later("iam_instance_profile"),
            }
        }
        other => other,
    }
}

fn monitoring(ctx: &Ctx<'_>) -> Json {
    match ctx.or("monitoring", Unset::False) {
        Json::Bool(true) => json!("enabled"),
        Json::Bool(false) => json!("disabled"),
        mark => mark,
    }
}

/// IMDSv2 may be demanded by the image or the account where the instance does not say.
fn metadata(ctx: &Ctx<'_>, option: &str, unset: Unset) -> Json {
    let path = format!("metadata_options.{option}");
    match ctx.get("metadata_options") {
        Got::Value(Json::Array(blocks)) if blocks.is_empty() => ctx.or("no metadata_options", Unset::Decided),
        _ => ctx.or(&path, unset),
    }
}

fn http_tokens(ctx: &Ctx<'_>) -> Json {
    metadata(ctx, "http_tokens", Unset::Decided)
}

fn http_endpoint(ctx: &Ctx<'_>) -> Json {
    metadata(ctx, "http_endpoint", Unset::Decided)
}

fn hop_limit(ctx: &Ctx<'_>) -> Json {
    metadata(ctx, "http_put_response_hop_limit", Unset::Decided)
}

fn lifecycle(ctx: &Ctx<'_>) -> Json {
    match ctx.or("instance_lifecycle", Unset::Null) {
        Json::String(text) if text.is_empty() => Json::Null,
        other => other,
    }
}

fn disk(ctx: &Ctx<'_>) -> Json {
    json!({
        "device_name": ctx.or("device_name", Unset::Null),
        "ebs": {
            "delete_on_termination": ctx.or("delete_on_termination", Unset::True),
            "encrypted": volume_encrypted(ctx),
            "kms_key_id": null,
            "snapshot_id": ctx.or("snapshot_id", Unset::Null),
            "volume_size": ctx.or("volume_size", Unset::Output),
        },
    })
}

fn disks(ctx: &Ctx<'_>) -> Json {
    match ctx.blocks("ebs_block_device") {
        Ok(blocks) => blocks.into_iter().map(|block| disk(&ctx.within(block))).collect(),
        Err(mark) => mark,
    }
}

/// The disks that an instance is made with: volumes like any other, which no resource of their own declares.
pub(super) fn disks_of(object: &Object) -> Vec<Object> {
    let ctx = Ctx::new(object);
    let mut all = Vec::new();
    let mut add = |name: String, block: &Json| all.push(disk_of(&ctx, &name, block));
    match ctx.blocks("root_block_device") {
        Ok(blocks) if blocks.is_empty() && ctx.is_made() => add("root_block_device".to_owned(), &json!({"encrypted": null})),
        Ok(blocks) => blocks.into_iter().for_each(|block| add("root_block_device".to_owned(), block)),
        Err(mark) => add("root_block_device".to_owned(), &json!({"encrypted": mark})),
    }
    match ctx.blocks("ebs_block_device") {
        Ok(blocks) => blocks.into_iter().enumerate().for_each(|(n, block)| add(format!("ebs_block_device[{n}]"), block)),
        // Those of the image, if it has any: they are as the root is.
        Err(_) if ctx.configured("ebs_block_device").is_none() => {}
        Err(mark) => add("ebs_block_device".to_owned(), &json!({"encrypted": mark})),
    }
    all
}

/// The tags of the provider, which disks have as well: what the instance has beyond its own. Where it has one of
/// its own, nobody knows what the provider says.
fn of_provider(ctx: &Ctx<'_>) -> Json {
    if let Got::Value(tags) = ctx.get(PROVIDER_TAGS) {
        return tags.clone();
    }
    let (Got::Value(Json::Object(all)), own) = (ctx.get("tags_all"), ctx.get("tags")) else { return ctx.later("tags of its disks") };
    let own = match own {
        Got::Value(Json::Object(own)) => own.clone(),
        Got::Unset => serde_json::Map::new(),
        _ => return ctx.later("tags of its disks"),
    };
    let tag = |key: &String, value: &Json| if own.contains_key(key) { ctx.later("tags of its disks") } else { value.clone() };
    Json::Object(all.iter().map(|(key, value)| (key.clone(), tag(key, value))).collect())
}

fn disk_of(ctx: &Ctx<'_>, name: &str, block: &Json) -> Object {
    let instance = ctx.object;
    let block = if is_marked(block) { &json!({"encrypted": block}) } else { block };
    let get = |path: &str| block.get(path).filter(|value| !value.is_null());
    let tags = match (get("tags_all"), ctx.get("volume_tags")) {
        (Some(tags), _) if !is_marked(tags) => tags.clone(),
        (_, Got::Value(tags)) => tags.clone(),
        _ => ctx.configured("volume_tags").unwrap_or_else(|| match (of_provider(ctx), get("tags")) {
            (Json::Object(mut all), Some(Json::Object(own))) if !is_marked(&json!(own)) => {
                all.extend(own.clone());
                Json::Object(all)
            }
            (_, Some(mark)) => mark.clone(),
            (all, None) => all,
        }),
    };
    let mut attributes = json!({
        "attachments": [{
            "instance_id": ctx.text("id").map_or_else(|| reference(&instance.address, &instance.source_type), |id| json!(id)),
            "associated_resource": null,
            "device": get("device_name").cloned().unwrap_or_else(|| ctx.missing("device_name")),
            "state": ctx.missing("state"),
            "delete_on_termination": ctx.missing("delete_on_termination"),
        }],
        "encrypted": block.get("encrypted").cloned().unwrap_or_else(|| ctx.left_out("encrypted")),
        "kms_key_id": block.get("kms_key_id"),
        "multi_attach_enabled": false,
        "snapshot_id": get("snapshot_id").cloned().unwrap_or_else(|| ctx.missing("snapshot_id")),
        "tags": tags,
    });
    let rest = [("id", get("volume_id")), ("size", get("volume_size")), ("type", get("volume_type"))];
    let zone = ctx.text("availability_zone").map(|zone| json!(zone));
    if let Some(map) = attributes.as_object_mut() {
        map.extend(rest.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.clone()))));
        map.extend(zone.map(|zone| ("availability_zone".to_owned(), zone)));
    }
    part_of(instance, "aws_ebs_volume", name, attributes)
}

/// Something that stands within another thing, as a thing of its own.
pub(super) fn part_of(whole: &Object, source_type: &str, name: &str, attributes: Json) -> Object {
    Object {
        address: format!("{}.{name}", whole.address),
        source_type: source_type.to_owned(),
        file: whole.file,
        attributes,
        before: None,
        account: whole.account.clone(),
        region: whole.region.clone(),
        region_from: whole.region_from,
        provider: whole.provider.clone(),
        taken: Vec::new(),
        action: whole.action,
        place: whole.place.clone(),
        sparse: whole.sparse,
    }
}

fn region(ctx: &Ctx<'_>) -> Json {
    ctx.or("enabled", Unset::True)
}

fn launch_permission(ctx: &Ctx<'_>) -> Json {
    let first = |paths: [&str; 4]| paths.iter().map(|path| ctx.or(path, Unset::Null)).find(|value| !value.is_null()).unwrap_or(Json::Null);
    first(["account_id", "group", "organization_arn", "organizational_unit_arn"])
}

fn interface_attached(ctx: &Ctx<'_>) -> Json {
    match ctx.blocks("attachment") {
        Ok(blocks) => blocks.first().map_or(Json::Null, |block| ctx.within(block).or("instance", Unset::Null)),
        Err(mark) => mark,
    }
}

fn interface_type(ctx: &Ctx<'_>) -> Json {
    ctx.or("interface_type", Unset::Text("interface"))
}

/// The key that encrypts volumes where nobody chose another.
fn key_of_ebs(value: &Value, resource: &Resource) -> bool {
    nothing(value, resource) || matches!(value, Value::String(key) if &**key == "alias/aws/ebs")
}

/// Disks that an instance is made with go with it, unless that was changed; those that are attached later stay.
fn came_with_an_instance(_: &Value, volume: &Resource) -> bool {
    let device = |value: Value| matches!(&value, Value::String(name) if matches!(&**name, "/dev/sda1" | "/dev/xvda"));
    volume.values_at("attachments[].device").into_iter().all(device)
}

/// The first address: only that is among what AWS shows of the instance itself.
fn ipv6_address(ctx: &Ctx<'_>) -> Json {
    match ctx.or("ipv6_addresses", Unset::Output) {
        Json::Array(addresses) => addresses.into_iter().next().unwrap_or_default(),
        mark => mark,
    }
}

pub(super) const MAPPINGS: &[Mapping] = &[
    Mapping {
        from: "aws_ebs_volume",
        kind: "AWS::EC2::Volume",
        id: &["id"],
        arn: Arn::Made("ec2", "volume/"),
        tags: TAGS,
        fields: &[
            call("attachments", |ctx| match (ctx.get("attachments"), ctx.object.action) {
                (Got::Value(attachments), _) => attachments.clone(),
                // Nothing is attached to what is still to be made, but what the plan attaches.
                (_, Some(crate::estate::Action::Create | crate::estate::Action::Replace)) => json!([]),
                _ => ctx.missing("attachments"),
            }),
            same("availability_zone", Unset::Output),
            call("encrypted", volume_encrypted),
            call("kms_key_id", volume_key),
            same("multi_attach_enabled", Unset::False),
            call("operator_principal", |_| Json::Null),
            same("size", Unset::Output),
            same("snapshot_id", Unset::Null),
            at("volume_id", "id", Unset::Output),
            at("volume_type", "type", Unset::Text("gp2")),
        ],
    },
    Mapping {
        from: "aws_ebs_snapshot",
        kind: "AWS::EC2::Snapshot",
        id: &["id"],
        arn: Arn::WithoutAccount("ec2", "snapshot/"),
        tags: TAGS,
        fields: &[
            same("data_encryption_key_id", Unset::Output),
            same("description", Unset::Null),
            same("encrypted", Unset::Output),
            same("kms_key_id", Unset::Echo),
            at("owner_id", "owner_id", Unset::Worked(own_account)),
            at("snapshot_id", "id", Unset::Output),
            same("storage_tier", Unset::Text("standard")),
            same("volume_id", Unset::Output),
            same("volume_size", Unset::Output),
            call("public", |ctx| match ctx.object.action {
                Some(crate::estate::Action::Create | crate::estate::Action::Replace) => json!(false),
                _ => ctx.missing("public"),
            }),
            call("create_volume_permissions", |ctx| match ctx.object.action {
                Some(crate::estate::Action::Create | crate::estate::Action::Replace) => json!([]),
                _ => ctx.missing("create_volume_permissions"),
            }),
        ],
    },
    Mapping {
        from: "aws_ami",
        kind: "AWS::EC2::Image",
        id: &["id"],
        arn: Arn::WithoutAccount("ec2", "image/"),
        tags: TAGS,
        fields: &[
            same("architecture", Unset::Text("x86_64")),
            call("block_device_mappings", disks),
            same("deprecation_time", Unset::Null),
            same("description", Unset::Null),
            at("image_id", "id", Unset::Output),
            same("imds_support", Unset::Null),
            call("launch_permissions", |ctx| match ctx.object.action {
                Some(crate::estate::Action::Create | crate::estate::Action::Replace) => json!([]),
                _ => ctx.missing("launch_permissions"),
            }),
            at("owner_id", "owner_id", Unset::Worked(own_account)),
            call("public", |ctx| match ctx.object.action {
                Some(crate::estate::Action::Create | crate::estate::Action::Replace) => json!(false),
                _ => ctx.or("public", Unset::Output),
            }),
        ],
    },
    Mapping {
        from: "aws_ebs_encryption_by_default",
        kind: "AWS::EC2::EBSEncryptionByDefault",
        id: &[],
        arn: Arn::Setting("ec2", "ebs-encryption-by-default"),
        tags: &[],
        fields: &[call("ebs_encryption_by_default", region)],
    },
    Mapping {
        from: "aws_instance",
        kind: "AWS::EC2::Instance",
        id: &["id"],
        arn: Arn::Made("ec2", "instance/"),
        tags: TAGS,
        fields: &[
            at("auto_recovery", "maintenance_options.auto_recovery", Unset::Text("default")),
            same("availability_zone", Unset::Output),
            same("host_id", Unset::Null),
            call("http_endpoint", http_endpoint),
            call("http_put_response_hop_limit", hop_limit),
            call("http_tokens", http_tokens),
            call("iam_instance_profile_arn", profile),
            at("image_id", "ami", Unset::Output),
            at("instance_id", "id", Unset::Output),
            call("instance_lifecycle", lifecycle),
            same("instance_type", Unset::Output),
            same("key_name", Unset::Null),
            call("monitoring_state", monitoring),
            call("operator_principal", |_| Json::Null),
            call("ipv6_address", ipv6_address),
            at("private_ip_address", "private_ip", Unset::Output),
            at("public_ip_address", "public_ip", Unset::Null),
            call("security_group_ids", groups),
            same("source_dest_check", Unset::True),
            same("subnet_id", Unset::Output),
            same("tenancy", Unset::Output),
        ],
    },
    Mapping {
        from: "aws_network_interface",
        kind: "AWS::EC2::NetworkInterface",
        id: &["id"],
        arn: Arn::Made("ec2", "network-interface/"),
        tags: TAGS,
        fields: &[
            call("attachment_instance_id", interface_attached),
            same("description", Unset::Null),
            at("group_ids", "security_groups", Unset::Output),
            call("interface_type", interface_type),
            at("ipv6_addresses", "ipv6_addresses", Unset::Output),
            at("network_interface_id", "id", Unset::Output),
            call("operator_principal", |_| Json::Null),
            at("owner_id", "owner_id", Unset::Worked(own_account)),
            take("private_ip_addresses", Take::Path("private_ips"), Unset::Output),
            call("requester_managed", |_| json!(false)),
            same("source_dest_check", Unset::True),
            same("subnet_id", Unset::Output),
        ],
    },
];

pub(super) const PARTS: &[Part] = &[
    Part {
        from: "aws_volume_attachment",
        of: &["aws_ebs_volume"],
        key: "volume_id",
        whole: &["id"],
        optional: false,
        adds: Adds::Items(&[("attachments", attachment)]),
    },
    Part {
        from: "aws_ami_launch_permission",
        of: &["aws_ami"],
        key: "image_id",
        whole: &["id"],
        optional: false,
        adds: Adds::Items(&[("launch_permissions", launch_permission)]),
    },
    Part {
        from: "aws_snapshot_create_volume_permission",
        of: &["aws_ebs_snapshot"],
        key: "snapshot_id",
        whole: &["id"],
        optional: false,
        adds: Adds::Items(&[("create_volume_permissions", |ctx| ctx.or("account_id", Unset::Output))]),
    },
    Part {
        from: "aws_network_interface_sg_attachment",
        of: &["aws_network_interface"],
        key: "network_interface_id",
        whole: &["id"],
        optional: false,
        adds: Adds::Items(&[("group_ids", |ctx| ctx.or("security_group_id", Unset::Output))]),
    },
];

pub(super) const UNDECLARED: &[Undeclared] = &[
    Undeclared { kind: "AWS::EC2::EBSEncryptionByDefault", properties: &[("ebs_default_kms_key_id", Rule::Usual(key_of_ebs))] },
    Undeclared {
        kind: "AWS::EC2::Image",
        properties: &[
            ("launch_permissions", Rule::Nothing),
            ("creation_date", Rule::OfAws),
            ("platform", Rule::OfAws),
            ("platform_details", Rule::OfAws),
            ("source_image_id", Rule::OfAws),
            ("source_image_region", Rule::OfAws),
            ("source_instance_id", Rule::OfAws),
            ("state", Rule::OfAws),
        ],
    },
    Undeclared {
        kind: "AWS::EC2::Instance",
        properties: &[
            ("availability_zone_id", Rule::OfAws),
            ("launch_time", Rule::OfAws),
            ("network_interface_ids", Rule::OfAws),
            ("platform", Rule::OfAws),
            ("platform_details", Rule::OfAws),
            ("state_name", Rule::OfAws),
            ("volume_ids", Rule::OfAws),
            ("vpc_id", Rule::OfAws),
        ],
    },
    Undeclared {
        kind: "AWS::EC2::NetworkInterface",
        properties: &[
            ("public_ip", Rule::Usual(nothing)),
            ("public_ips", Rule::Usual(nothing)),
            ("attachment_instance_owner_id", Rule::OfAws),
            ("attachment_status", Rule::OfAws),
            ("availability_zone", Rule::OfAws),
            ("requester_id", Rule::OfAws),
            ("status", Rule::OfAws),
            ("vpc_id", Rule::OfAws),
        ],
    },
    Undeclared {
        kind: "AWS::EC2::Snapshot",
        properties: &[
            ("create_volume_permissions", Rule::Nothing),
            ("public", Rule::Nothing),
            ("completion_time", Rule::OfAws),
            ("progress", Rule::OfAws),
            ("start_time", Rule::OfAws),
            ("state", Rule::OfAws),
        ],
    },
    Undeclared {
        kind: "AWS::EC2::Volume",
        properties: &[
            ("attachments", Rule::Nothing),
            ("attachments[].delete_on_termination", Rule::NothingBut(came_with_an_instance)),
            ("attachments[].associated_resource", Rule::OfAws),
            ("attachments[].device", Rule::OfAws),
            ("attachments[].state", Rule::OfAws),
            ("create_time", Rule::OfAws),
            ("snapshot_id", Rule::OfAws),
            ("source_volume_id", Rule::OfAws),
            ("state", Rule::OfAws),
        ],
    },
];
