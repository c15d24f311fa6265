//! The regions of an account.

use schemars::JsonSchema;
use serde::Serialize;

use crate::estate::Required;

/// A region of AWS, as the account may use it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Region {
    /// Name: `eu-central-1`.
    pub region_name: Required<String>,
    /// Whether the account can use it: `opt-in-not-required`, `opted-in`, `not-opted-in`.
    pub opt_in_status: Option<String>,
}

#[cfg(feature = "ec2")]
pub(super) mod live {
    use aws_sdk_ec2::Client;

    use super::Region;
    use crate::aws::cx::{Cx, Items};
    use crate::aws::ec2::live::identified;
    use crate::estate::{Fetched, Listing, Required, Resource};

    /// Names of the regions that the account can use, sorted, and all regions as resources.
    pub(crate) async fn regions(cx: &Cx) -> (Vec<String>, Vec<Resource>, Listing) {
        const OP: &str = "DescribeRegions";
        let ec2 = Client::new(&cx.sdk());
        let mut from = Vec::new();
        let answer = cx.send(OP, ec2.describe_regions().all_regions(true).send()).await.required(&mut from);
        let items = match answer.and_then(|a| cx.need(OP, "Regions", a.regions)) {
            Required::Known(list) => Items { items: list.into_iter().map(|r| (r, from.clone())).collect(), gap: None },
            Required::Unknown(gap) => Items::none(gap),
        };
        let (items, listing) = identified::<Region, _>(cx, OP, items, "RegionName", |r| r.region_name.take());
        let mut enabled = Vec::new();
        let mut resources = Vec::with_capacity(items.len());
        for (name, region, from) in items {
            // A region whose status is missing is looked at rather than passed over.
            if region.opt_in_status.as_deref() != Some("not-opted-in") {
                enabled.push(name.clone());
            }
            let arn = cx.arn("ec2", &format!("region/{name}"));
            let properties = Region { region_name: Required::Known(name.clone()), opt_in_status: region.opt_in_status };
            resources.push(cx.new_resource(arn, name.clone(), name, Fetched::Absent, properties, from));
        }
        enabled.sort();
        (enabled, resources, listing)
    }
}
