//! What connects VPCs with each other and with other networks.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::estate::{Fetched, Required};

/// A peering connection between two VPCs; each side lists it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct VPCPeeringConnection {
    /// Id of the connection.
    pub vpc_peering_connection_id: Required<String>,
    /// State: traffic flows only when `active`; `pending-acceptance`, `deleted`, `rejected`, `expired`, `failed`.
    pub status_code: Required<String>,
    /// VPC that asked for the connection.
    pub requester_vpc_id: Required<String>,
    /// Account of the VPC that asked.
    pub requester_owner_id: Required<String>,
    /// Region of the VPC that asked.
    pub requester_region: Required<String>,
    /// IPv4 ranges of the VPC that asked; absent while the connection is not active.
    pub requester_cidr_blocks: Fetched<Vec<String>>,
    /// IPv6 ranges of the VPC that asked; absent when it has none or the connection is not active.
    pub requester_ipv6_cidr_blocks: Fetched<Vec<String>>,
    /// VPC that was asked.
    pub accepter_vpc_id: Required<String>,
    /// Account of the VPC that was asked.
    pub accepter_owner_id: Required<String>,
    /// Region of the VPC that was asked.
    pub accepter_region: Required<String>,
    /// IPv4 ranges of the VPC that was asked; absent while the connection is not active.
    pub accepter_cidr_blocks: Fetched<Vec<String>>,
    /// IPv6 ranges of the VPC that was asked; absent when it has none or the connection is not active.
    pub accepter_ipv6_cidr_blocks: Fetched<Vec<String>>,
    /// When an unanswered request expires.
    pub expiration_time: Option<Timestamp>,
}

/// Something attached to a transit gateway; the owners of both list it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TransitGatewayAttachment {
    /// Id of the attachment.
    pub transit_gateway_attachment_id: Required<String>,
    /// Transit gateway.
    pub transit_gateway_id: Required<String>,
    /// Account that owns the transit gateway.
    pub transit_gateway_owner_id: Required<String>,
    /// What is attached: `vpc`, `vpn`, `direct-connect-gateway`, `peering`, `connect`, `network-function`.
    pub resource_type: Required<String>,
    /// Id of what is attached, of the kind that `resource_type` says.
    pub resource_id: Required<String>,
    /// VPC that is attached: `resource_id` when `resource_type` is `vpc`, absent otherwise.
    pub vpc_id: Fetched<String>,
    /// Account that owns what is attached.
    pub resource_owner_id: Required<String>,
    /// Route table of the transit gateway that decides where its packets go; absent without an association.
    pub transit_gateway_route_table_id: Option<String>,
    /// State of the association with that route table: `associating`, `associated`, `disassociating`.
    pub association_state: Option<String>,
    /// State: traffic flows when `available`; `pendingAcceptance`, `deleted`, `failed`, `rejected`.
    pub state: Required<String>,
    /// When it was created.
    pub creation_time: Option<Timestamp>,
}

#[cfg(feature = "ec2")]
pub(super) mod live {
    use aws_sdk_ec2::Client;
    use aws_sdk_ec2::types::{self, VpcPeeringConnectionStateReasonCode};

    use super::{TransitGatewayAttachment, VPCPeeringConnection};
    use crate::aws::cx::{Collected, Cx, tags, time};
    use crate::aws::ec2::live::{PAGE, arn_of, each_of, identified, tag, text};
    use crate::estate::{Fetched, Required, Resource, ResponseId};

    pub(in crate::aws::ec2) async fn collect(cx: &Cx, ec2: &Client) -> Collected {
        let mut out = Collected::default();
        peering_connections(cx, ec2, &mut out).await;
        transit_gateway_attachments(cx, ec2, &mut out).await;
        out
    }

    async fn peering_connections(cx: &Cx, ec2: &Client, out: &mut Collected) {
        const OP: &str = "DescribeVpcPeeringConnections";
        let request = ec2.describe_vpc_peering_connections().into_paginator().page_size(PAGE);
        let items =
            cx.pages(OP, request.send(), |page| page.next_token.as_deref()).await.items(cx, OP, |page| page.vpc_peering_connections);
        let id = |p: &mut types::VpcPeeringConnection| p.vpc_peering_connection_id.take();
        let (items, listing) = identified::<VPCPeeringConnection, _>(cx, OP, items, "VpcPeeringConnectionId", id);
        out.listings.push(listing);
        out.resources.extend(items.into_iter().map(|(id, p, from)| peering_connection(cx, OP, id, p, from)));
    }

    fn peering_connection(cx: &Cx, op: &'static str, id: String, p: types::VpcPeeringConnection, from: Vec<ResponseId>) -> Resource {
        let arn = cx.arn("ec2", &format!("vpc-peering-connection/{id}"));
        let code = p.status.and_then(|s| s.code);
        let active = code == Some(VpcPeeringConnectionStateReasonCode::Active);
        let requester = side(cx, op, "RequesterVpcInfo", active, p.requester_vpc_info);
        let accepter = side(cx, op, "AccepterVpcInfo", active, p.accepter_vpc_info);
        let properties = VPCPeeringConnection {
            vpc_peering_connection_id: Required::Known(id.clone()),
            status_code: cx.word(
                op,
                "Status.Code",
                code.as_ref().map(|w| w.as_str()),
                types::VpcPeeringConnectionStateReasonCode::values(),
            ),
            requester_vpc_id: requester.vpc_id,
            requester_owner_id: requester.owner_id,
            requester_region: requester.region,
            requester_cidr_blocks: requester.cidr_blocks,
            requester_ipv6_cidr_blocks: requester.ipv6_cidr_blocks,
            accepter_vpc_id: accepter.vpc_id,
            accepter_owner_id: accepter.owner_id,
            accepter_region: accepter.region,
            accepter_cidr_blocks: accepter.cidr_blocks,
            accepter_ipv6_cidr_blocks: accepter.ipv6_cidr_blocks,
            expiration_time: p.expiration_time.and_then(time),
        };
        let tags = tags(cx, op, p.tags, tag).into();
        cx.new_resource(arn, id.clone(), id, tags, properties, from)
    }

    struct Side {
        vpc_id: Required<String>,
        owner_id: Required<String>,
        region: Required<String>,
        cidr_blocks: Fetched<Vec<String>>,
        ipv6_cidr_blocks: Fetched<Vec<String>>,
    }

    fn side(cx: &Cx, op: &'static str, member: &str, active: bool, info: Option<types::VpcPeeringConnectionVpcInfo>) -> Side {
        let (vpc_id, owner_id, region, v4, v6) = match info {
            Some(i) => (i.vpc_id, i.owner_id, i.region, i.cidr_block_set, i.ipv6_cidr_block_set),
            None => (None, None, None, None, None),
        };
        // AWS documents the ranges for active connections only.
        let cidr_blocks = if active || v4.is_some() {
            each_of(cx, op, &format!("{member}.CidrBlockSet"), v4, |b| b.cidr_block).into()
        } else {
            Fetched::Absent
        };
        let ipv6_cidr_blocks = match v6 {
            Some(v6) => each_of(cx, op, &format!("{member}.Ipv6CidrBlockSet"), Some(v6), |b| b.ipv6_cidr_block).into(),
            None => Fetched::Absent,
        };
        Side {
            vpc_id: cx.need(op, &format!("{member}.VpcId"), vpc_id),
            owner_id: cx.need(op, &format!("{member}.OwnerId"), owner_id),
            region: cx.need(op, &format!("{member}.Region"), region),
            cidr_blocks,
            ipv6_cidr_blocks,
        }
    }

    async fn transit_gateway_attachments(cx: &Cx, ec2: &Client, out: &mut Collected) {
        const OP: &str = "DescribeTransitGatewayAttachments";
        let request = ec2.describe_transit_gateway_attachments().into_paginator().page_size(PAGE);
        let items =
            cx.pages(OP, request.send(), |page| page.next_token.as_deref()).await.items(cx, OP, |page| page.transit_gateway_attachments);
        let id = |a: &mut types::TransitGatewayAttachment| a.transit_gateway_attachment_id.take();
        let (items, listing) = identified::<TransitGatewayAttachment, _>(cx, OP, items, "TransitGatewayAttachmentId", id);
        out.listings.push(listing);
        out.resources.extend(items.into_iter().map(|(id, a, from)| attachment(cx, OP, id, a, from)));
    }

    fn attachment(cx: &Cx, op: &'static str, id: String, a: types::TransitGatewayAttachment, from: Vec<ResponseId>) -> Resource {
        let arn = arn_of(cx, a.resource_owner_id.as_deref(), &format!("transit-gateway-attachment/{id}"));
        let resource_type = cx.word(
            op,
            "ResourceType",
            a.resource_type.as_ref().map(|w| w.as_str()),
            types::TransitGatewayAttachmentResourceType::values(),
        );
        let resource_id = cx.need(op, "ResourceId", a.resource_id);
        let vpc_id = match &resource_type {
            Required::Known(kind) if kind == "vpc" => resource_id.clone().into(),
            Required::Known(_) => Fetched::Absent,
            Required::Unknown(gap) => Fetched::Unknown(gap.clone()),
        };
        let (route_table, association_state) = match a.association {
            Some(association) => (association.transit_gateway_route_table_id, association.state.map(text)),
            None => (None, None),
        };
        let properties = TransitGatewayAttachment {
            transit_gateway_attachment_id: Required::Known(id.clone()),
            transit_gateway_id: cx.need(op, "TransitGatewayId", a.transit_gateway_id),
            transit_gateway_owner_id: cx.need(op, "TransitGatewayOwnerId", a.transit_gateway_owner_id),
            resource_type,
            resource_id,
            vpc_id,
            resource_owner_id: cx.need(op, "ResourceOwnerId", a.resource_owner_id),
            transit_gateway_route_table_id: route_table,
            association_state,
            state: cx.word(op, "State", a.state.as_ref().map(|w| w.as_str()), types::TransitGatewayAttachmentState::values()),
            creation_time: a.creation_time.and_then(time),
        };
        let tags = tags(cx, op, a.tags, tag).into();
        cx.new_resource(arn, id.clone(), id, tags, properties, from)
    }
}
