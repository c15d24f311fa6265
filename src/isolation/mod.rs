//! Environments: which one a resource belongs to, what AWS put there by itself, and which resources
//! of another environment a security group admits.

mod admitted;
mod connected;
mod environments;
mod glob;
mod provided;

use crate::estate::{Estate, Link, Source};

pub(crate) use environments::wholes;
pub use environments::{EnvironmentRule, Environments};
pub(crate) use glob::{Globs, glob};

/// The links that are worked out here.
pub const LINKS: &[Link] = &[
    Link {
        name: "admitted_vpcs",
        from: "AWS::EC2::SecurityGroup",
        doc: "Other VPCs with addresses that the group's ingress rules admit by range; ranges open to the whole world are not counted",
        source: Source::Computed { edges: admitted::edges, to: &["AWS::EC2::VPC"], needs: &["AWS::EC2::SecurityGroup"] },
    },
    Link {
        name: "admitted_groups",
        from: "AWS::EC2::SecurityGroup",
        doc: "Security groups that the group's ingress rules name and that still exist",
        source: Source::Computed { edges: connected::admitted_groups, to: &["AWS::EC2::SecurityGroup"], needs: &[] },
    },
    Link {
        name: "attachments_of_same_gateway",
        from: "AWS::EC2::TransitGatewayAttachment",
        doc: "All attachments to the same transit gateway, itself among them; open-ended unless its owner's are in the run",
        source: Source::Computed { edges: connected::attachments, to: &["AWS::EC2::TransitGatewayAttachment"], needs: &[] },
    },
];

/// Finds out for every resource whether AWS provided it, and which environment it belongs to.
pub fn assign(estate: &mut Estate, environments: &Environments) {
    provided::mark(estate);
    environments::assign(estate, environments);
}
