//! EC2: instances, volumes, network interfaces.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use serde_json::{Value as Json, json};

use super::{TAGS, account, each, either, flag, is_marked, is_set, key_arn, list, never, nothing, own};
use crate::declared::map::{Adds, Arn, Ctx, Got, Mapping, Part, Unset, at, call};
use crate::declared::{Object, reference};

/// What the instance does not say itself, its launch template may.
fn direct(ctx: &Ctx<'_>, path: &str, unset: Unset) -> Json {
    ctx.or(path, alone(ctx, unset))
}

fn alone(ctx: &Ctx<'_>, unset: Unset) -> Unset {
    if is_set(ctx, "LaunchTemplate") == Some(false) { unset } else { Unset::Output }
}

fn profile(ctx: &Ctx<'_>) -> Json {
    let path = "IamInstanceProfile";
    match direct(ctx, path, Unset::Null) {
        // The template knows the name, AWS gives the ARN, whose path is not known.
        Json::String(name) => match ctx.object.account.as_deref().zip(ctx.object.region.as_deref()) {
            Some((account, region)) => json!(format!("arn:{}:iam::{account}:instance-profile/{name}", crate::estate::partition_of(region))),
            None => ctx.missing("the account of the instance profile"),
        },
        other => other,
    }
}

fn image(ctx: &Ctx<'_>) -> Json {
    match ctx.or("ImageId", Unset::Output) {
        // The parameter in which the id is kept.
        Json::String(text) if text.starts_with("resolve:") => ctx.later("ImageId"),
        other => other,
    }
}

fn monitoring(ctx: &Ctx<'_>) -> Json {
    either(flag(ctx, "Monitoring", alone(ctx, Unset::False)), || json!("enabled"), || json!("disabled"))
}

/// Groups of all network interfaces.
fn groups(ctx: &Ctx<'_>) -> Json {
    let path = "SecurityGroupIds";
    if is_set(ctx, path) != Some(false) {
        return list(ctx, path, Unset::Output);
    }
    match each(ctx, "NetworkInterfaces", interface_groups) {
        Json::Array(interfaces) if interfaces.is_empty() => {
            // The default group of the VPC, unless groups are given by name.
            list(ctx, path, if is_set(ctx, "SecurityGroups") == Some(false) { alone(ctx, Unset::Decided) } else { Unset::Output })
        }
        Json::Array(interfaces) => {
            let mut all = Vec::new();
            for found in interfaces {
                match found {
                    Json::Array(groups) => all.extend(groups),
                    mark => all.push(mark),
                }
            }
            Json::Array(all)
        }
        mark => mark,
    }
}

fn interface_groups(interface: &Ctx<'_>) -> Json {
    match is_set(interface, "NetworkInterfaceId") {
        Some(false) => list(interface, "GroupSet", Unset::Decided),
        _ => interface.missing("the groups of a network interface"),
    }
}

/// The subnet of the primary network interface.
fn subnet(ctx: &Ctx<'_>) -> Json {
    let path = "SubnetId";
    if is_set(ctx, path) != Some(false) {
        return ctx.or(path, Unset::Output);
    }
    let interfaces = match ctx.blocks("NetworkInterfaces") {
        Ok(interfaces) => interfaces,
        Err(mark) => return mark,
    };
    let primary = interfaces.iter().find(|interface| {
        let index = ctx.within(interface).or("DeviceIndex", Unset::Output);
        !is_marked(interface) && (index.as_i64() == Some(0) || index.as_str() == Some("0"))
    });
    match primary {
        Some(interface) if is_set(&ctx.within(interface), "NetworkInterfaceId") == Some(false) => {
            ctx.within(interface).or(path, alone(ctx, Unset::Decided))
        }
        None if interfaces.is_empty() => direct(ctx, path, Unset::Decided),
        _ => ctx.missing("the subnet of the primary network interface"),
    }
}

pub(super) const INSTANCE: Mapping = Mapping {
    from: "AWS::EC2::Instance",
    kind: "AWS::EC2::Instance",
    id: &["InstanceId"],
    arn: Arn::Made("ec2", "instance/"),
    tags: TAGS,
    fields: &[
        call("auto_recovery", |ctx| ctx.or("no auto recovery", alone(ctx, Unset::Text("default")))),
        at("availability_zone", "AvailabilityZone", Unset::Output),
        call("host_id", |ctx| direct(ctx, "HostId", Unset::Null)),
        // The image and the account decide what nobody asks for.
        call("http_endpoint", |ctx| direct(ctx, "MetadataOptions.HttpEndpoint", Unset::Decided)),
        call("http_put_response_hop_limit", |ctx| direct(ctx, "MetadataOptions.HttpPutResponseHopLimit", Unset::Decided)),
        call("http_tokens", |ctx| direct(ctx, "MetadataOptions.HttpTokens", Unset::Decided)),
        call("iam_instance_profile_arn", profile),
        call("image_id", image),
        call("instance_id", own),
        call("instance_lifecycle", |ctx| ctx.or("no market options", alone(ctx, Unset::Null))),
        at("instance_type", "InstanceType", Unset::Output),
        call("key_name", |ctx| direct(ctx, "KeyName", Unset::Null)),
        call("monitoring_state", monitoring),
        call("operator_principal", nothing),
        at("private_ip_address", "PrivateIpAddress", Unset::Output),
        call("security_group_ids", groups),
        at("source_dest_check", "SourceDestCheck", Unset::True),
        call("subnet_id", subnet),
        at("tenancy", "Tenancy", Unset::Output),
        call("vpc_id", |ctx| ctx.later("VpcId")),
    ],
};

/// An interface that is attached brings its groups.
pub(super) const INTERFACE_OF_INSTANCE: Part = Part {
    from: "AWS::EC2::NetworkInterfaceAttachment",
    of: &["AWS::EC2::Instance"],
    key: "InstanceId",
    whole: &["InstanceId"],
    optional: false,
    adds: Adds::Items(&[("security_group_ids", |ctx| ctx.missing("the groups of the network interface"))]),
};

pub(super) const INTERFACE_ATTACHMENT: Part = Part {
    from: "AWS::EC2::NetworkInterfaceAttachment",
    of: &["AWS::EC2::NetworkInterface"],
    key: "NetworkInterfaceId",
    whole: &["Id"],
    optional: false,
    adds: Adds::Fields(&[at("attachment_instance_id", "InstanceId", Unset::Output)]),
};

fn volume_key(ctx: &Ctx<'_>) -> Json {
    match flag(ctx, "Encrypted", Unset::Decided) {
        Json::Bool(false) => Json::Null,
        _ => key_arn(ctx, "KmsKeyId", Unset::Decided),
    }
}

fn attachment(ctx: &Ctx<'_>) -> Json {
    json!({
        "instance_id": ctx.or("InstanceId", Unset::Output),
        "associated_resource": null,
        "device": ctx.or("Device", Unset::Output),
        "state": ctx.missing("state"),
        "delete_on_termination": ctx.missing("delete_on_termination"),
    })
}

pub(super) const VOLUME: Mapping = Mapping {
    from: "AWS::EC2::Volume",
    kind: "AWS::EC2::Volume",
    id: &["VolumeId"],
    arn: Arn::Made("ec2", "volume/"),
    tags: TAGS,
    fields: &[
        // An instance may name it among its volumes.
        call("attachments", |ctx| match ctx.get("attachments") {
            Got::Value(attachments) => attachments.clone(),
            _ => ctx.missing("instances that attach it themselves"),
        }),
        at("availability_zone", "AvailabilityZone", Unset::Output),
        call("encrypted", volume_encrypted),
        call("kms_key_id", volume_key),
        at("multi_attach_enabled", "MultiAttachEnabled", Unset::False),
        call("operator_principal", nothing),
        at("size", "Size", Unset::Output),
        at("snapshot_id", "SnapshotId", Unset::Null),
        at("source_volume_id", "SourceVolumeId", Unset::Null),
        call("volume_id", own),
        at("volume_type", "VolumeType", Unset::Text("gp2")),
    ],
};

/// What is made of a snapshot or of another volume is encrypted as that is, whatever is written.
fn volume_encrypted(ctx: &Ctx<'_>) -> Json {
    let encrypted = flag(ctx, "Encrypted", Unset::Decided);
    let copied = ["SnapshotId", "SourceVolumeId"].into_iter().any(|path| is_set(ctx, path) != Some(false));
    if encrypted == json!(false) && copied { ctx.later("Encrypted") } else { encrypted }
}

/// The disks that an instance is made with. Which of them is the root the image says; where none has one of
/// the usual names, there is one more.
pub(crate) fn disks_of(object: &Object) -> Vec<Object> {
    let ctx = Ctx::new(object);
    let disk = |name: &str, ebs: &Json| {
        let attachment = json!({
            "instance_id": reference(&object.address, &object.source_type),
            "associated_resource": null,
            "device": ctx.missing("device"),
            "state": ctx.missing("state"),
            "delete_on_termination": ctx.missing("delete_on_termination"),
        });
        let mut attributes = json!({"attachments": [attachment], "AvailabilityZone": ctx.missing("AvailabilityZone"), "Size": ctx.missing("Size"), "VolumeType": ctx.missing("VolumeType")});
        let passed_on = ctx.or("PropagateTagsToVolumeOnCreation", Unset::False);
        if let (Some(map), Some(ebs)) = (attributes.as_object_mut(), ebs.as_object()) {
            let own = ["Encrypted", "KmsKeyId", "SnapshotId"].iter().filter_map(|name| Some(((*name).to_owned(), ebs.get(*name)?.clone())));
            map.extend(own);
            if passed_on != json!(false) {
                let tags = if passed_on == json!(true) { ctx.or("Tags", Unset::Empty) } else { ctx.later("Tags") };
                map.insert("Tags".to_owned(), tags);
            }
        }
        super::super::ec2::part_of(object, "AWS::EC2::Volume", name, attributes)
    };
    let mappings = match ctx.blocks("BlockDeviceMappings") {
        Ok(mappings) => mappings,
        Err(mark) => return vec![disk("BlockDeviceMappings", &json!({"Encrypted": mark}))],
    };
    let mut all = Vec::new();
    let mut root = false;
    for (number, mapping) in mappings.into_iter().enumerate() {
        let name = format!("BlockDeviceMappings[{number}]");
        let within = ctx.within(mapping);
        root |= matches!(within.text("DeviceName"), Some("/dev/xvda" | "/dev/sda1"));
        match (is_marked(mapping), within.get("Ebs")) {
            (true, _) => all.push(disk(&name, &json!({"Encrypted": mapping}))),
            (false, Got::Value(ebs)) => all.push(disk(&name, ebs)),
            (false, Got::Unknown(mark)) => all.push(disk(&name, &json!({"Encrypted": mark}))),
            (false, Got::Unset | Got::Missing) => {}
        }
    }
    if !root {
        all.push(disk("RootDevice", &json!({})));
    }
    all
}

pub(super) const VOLUME_ATTACHMENT: Part = Part {
    from: "AWS::EC2::VolumeAttachment",
    of: &["AWS::EC2::Volume"],
    key: "VolumeId",
    whole: &["VolumeId"],
    optional: false,
    adds: Adds::Items(&[("attachments", attachment)]),
};

/// Addresses that are chosen. AWS chooses the primary one where none is, and as many more as are asked for.
fn addresses(ctx: &Ctx<'_>) -> Json {
    let mut all = match each(ctx, "PrivateIpAddresses", |address| address.or("PrivateIpAddress", Unset::Output)) {
        Json::Array(all) => all,
        mark => return mark,
    };
    match ctx.or("PrivateIpAddress", Unset::Null) {
        Json::Null => {}
        one => all.push(one),
    }
    if all.is_empty() || is_set(ctx, "SecondaryPrivateIpAddressCount") != Some(false) {
        all.push(ctx.later("PrivateIpAddresses"));
    }
    Json::Array(all)
}

fn ipv6_addresses(ctx: &Ctx<'_>) -> Json {
    match each(ctx, "Ipv6Addresses", |address| address.or("Ipv6Address", Unset::Output)) {
        // The subnet may have AWS choose some.
        Json::Array(all) if all.is_empty() => ctx.later("Ipv6Addresses"),
        other => other,
    }
}

pub(super) const NETWORK_INTERFACE: Mapping = Mapping {
    from: "AWS::EC2::NetworkInterface",
    kind: "AWS::EC2::NetworkInterface",
    id: &["Id"],
    arn: Arn::Made("ec2", "network-interface/"),
    tags: TAGS,
    fields: &[
        // An instance may name it among its interfaces.
        call("attachment_instance_id", |ctx| ctx.missing("instances that attach it themselves")),
        call("availability_zone", |ctx| ctx.later("AvailabilityZone")),
        at("description", "Description", Unset::Null),
        call("group_ids", |ctx| list(ctx, "GroupSet", Unset::Decided)),
        at("interface_type", "InterfaceType", Unset::Text("interface")),
        call("ipv6_addresses", ipv6_addresses),
        call("network_interface_id", own),
        call("operator_principal", nothing),
        call("owner_id", account),
        call("private_ip_addresses", addresses),
        call("requester_id", account),
        call("requester_managed", never),
        at("source_dest_check", "SourceDestCheck", Unset::True),
        at("subnet_id", "SubnetId", Unset::Output),
        call("vpc_id", |ctx| ctx.later("VpcId")),
    ],
};
