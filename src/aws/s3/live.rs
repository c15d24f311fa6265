//! Collecting buckets: the listing from one place, everything else from the region of the bucket.

use std::collections::BTreeMap;
use std::sync::Mutex;

use aws_sdk_s3::Client;
use aws_sdk_s3::config;
use aws_sdk_s3::operation::get_bucket_encryption::GetBucketEncryptionOutput;
use aws_sdk_s3::operation::get_bucket_lifecycle_configuration::GetBucketLifecycleConfigurationOutput;
use aws_sdk_s3::operation::get_bucket_replication::GetBucketReplicationOutput;
use aws_sdk_s3::operation::get_object_lock_configuration::GetObjectLockConfigurationOutput;
use aws_sdk_s3::operation::get_public_access_block::GetPublicAccessBlockOutput;
use aws_sdk_s3::types;

use super::{
    Bucket, LifecycleRule, NoncurrentVersionTransition, ObjectLock, PublicAccessBlock, ReplicationRule, ServerSideEncryption, Transition,
};
use crate::aws::PolicyDocument;
use crate::aws::cx::{Collected, Cx, Items, tags, time};
use crate::estate::{Fetched, Listing, NewResource, Reason, Required, Resource, ResponseId, partition_of};

const LIST: &str = "ListBuckets";
const LOCATION: &str = "GetBucketLocation";
const ENCRYPTION: &str = "GetBucketEncryption";
const PUBLIC_ACCESS: &str = "GetPublicAccessBlock";
const VERSIONING: &str = "GetBucketVersioning";
const POLICY: &str = "GetBucketPolicy";
const REPLICATION: &str = "GetBucketReplication";
const LIFECYCLE: &str = "GetBucketLifecycleConfiguration";
const LOGGING: &str = "GetBucketLogging";
const OBJECT_LOCK: &str = "GetObjectLockConfiguration";
const TAGGING: &str = "GetBucketTagging";

/// The region of a bucket whose location could not be read.
const SOMEWHERE: &str = "unknown";

pub(super) async fn collect(cx: Cx) -> Collected {
    let s3 = client(&cx);
    // BucketRegion comes in paged listings only: without a page size S3 leaves it out.
    let pages =
        cx.pages(LIST, s3.list_buckets().max_buckets(1000).into_paginator().send(), |page| page.continuation_token.as_deref()).await;
    // The paginator ends without a word when S3 repeats a token.
    let more = pages.pages.last().is_some_and(|(page, _)| page.continuation_token.as_ref().is_some_and(|t| !t.is_empty()));
    let Items { items, mut gap } = pages.items(&cx, LIST, |page| page.buckets);
    if more {
        gap = gap.or_else(|| Some(cx.gap(LIST, Reason::Unparsable, None, Some("the listing ends before its last page"))));
    }
    let mut named = Vec::with_capacity(items.len());
    let mut unreadable = 0;
    for (bucket, from) in items {
        let Some(name) = bucket.name.clone().filter(|name| !name.is_empty()) else {
            unreadable += 1;
            gap = gap.or_else(|| Some(cx.gap(LIST, Reason::Unparsable, None, Some("Name is missing"))));
            continue;
        };
        // Directory buckets have their own API and lie in one Availability Zone.
        if !name.ends_with("--x-s3") {
            named.push((name, bucket, from));
        }
    }
    let mut out = Collected::default();
    let listed = named.len() + usize::try_from(unreadable).unwrap_or(usize::MAX);
    out.listings.push(Listing { unreadable, ..cx.listing::<Bucket>(listed, gap) });
    let regions = Regions { home: cx.clone(), clients: Mutex::default() };
    out.resources = cx.each(named, |(name, bucket, from)| one(&regions, &s3, name, bucket, from)).await;
    out
}

fn client(cx: &Cx) -> Client {
    let config = config::Builder::from(&cx.sdk());
    // Emulators and gateways rarely have a host name for each bucket.
    let config = if cx.custom_endpoint() { config.force_path_style(true) } else { config };
    Client::from_conf(config.build())
}

/// One client per region, made for the first bucket there.
struct Regions {
    home: Cx,
    clients: Mutex<BTreeMap<String, (Cx, Client)>>,
}

impl Regions {
    fn at(&self, region: &str) -> (Cx, Client) {
        let mut clients = self.clients.lock().expect("internal error: no panic while held");
        let make = || {
            let cx = self.home.in_region(region);
            let s3 = client(&cx);
            (cx, s3)
        };
        clients.entry(region.to_owned()).or_insert_with(make).clone()
    }
}

async fn one(regions: &Regions, home: &Client, name: String, bucket: types::Bucket, mut from: Vec<ResponseId>) -> Resource {
    let cx = &regions.home;
    let location = match bucket.bucket_region.as_deref().filter(|region| !region.is_empty()) {
        Some(region) => cx.need(LIST, "BucketRegion", region_of(region, &cx.sdk_region)),
        None => {
            let answer = cx.send(LOCATION, home.get_bucket_location().bucket(&name).send()).await.required(&mut from);
            answer.and_then(|a| {
                let constraint = a.location_constraint.as_ref().map_or("", |constraint| constraint.as_str());
                cx.need(LOCATION, "LocationConstraint", region_of(constraint, &cx.sdk_region))
            })
        }
    };
    let region = match location {
        Required::Known(region) => region,
        Required::Unknown(gap) => {
            return cx.resource::<Bucket>(NewResource {
                arn: arn(&cx.sdk_region, &name),
                id: name.clone(),
                name,
                account: cx.account().to_owned(),
                region: SOMEWHERE.to_owned(),
                tags: Fetched::Unknown(gap.clone()),
                properties: Required::Unknown(gap),
                responses: from,
            });
        }
    };
    let (cx, s3) = regions.at(&region);
    let cx = &cx;
    let (encryption, public_access, versioning, policy, replication, lifecycle, logging, lock, tagging) = futures::join!(
        cx.send(ENCRYPTION, s3.get_bucket_encryption().bucket(&name).send()),
        cx.send(PUBLIC_ACCESS, s3.get_public_access_block().bucket(&name).send()),
        cx.send(VERSIONING, s3.get_bucket_versioning().bucket(&name).send()),
        cx.send(POLICY, s3.get_bucket_policy().bucket(&name).send()),
        cx.send(REPLICATION, s3.get_bucket_replication().bucket(&name).send()),
        cx.send(LIFECYCLE, s3.get_bucket_lifecycle_configuration().bucket(&name).send()),
        cx.send(LOGGING, s3.get_bucket_logging().bucket(&name).send()),
        cx.send(OBJECT_LOCK, s3.get_object_lock_configuration().bucket(&name).send()),
        cx.send(TAGGING, s3.get_bucket_tagging().bucket(&name).send()),
    );
    let versioning = Fetched::from(versioning.required(&mut from));
    let properties = Bucket {
        creation_date: cx.need(LIST, "CreationDate", bucket.creation_date.and_then(time)),
        server_side_encryption: encryption
            .absent_if(&["ServerSideEncryptionConfigurationNotFoundError"], &mut from)
            .and_then(|answer| server_side_encryption(cx, answer).into()),
        public_access_block: public_access
            .absent_if(&["NoSuchPublicAccessBlockConfiguration"], &mut from)
            .and_then(|answer| public_access_block(cx, answer).into()),
        versioning_status: versioning.as_ref().and_then(|v| {
            cx.word_if_any(VERSIONING, "Status", v.status.as_ref().map(|s| s.as_str()), types::BucketVersioningStatus::values())
        }),
        mfa_delete: versioning.as_ref().and_then(|v| v.mfa_delete.as_ref().map(|s| s.as_str().to_owned()).into()),
        policy: policy.absent_if(&["NoSuchBucketPolicy"], &mut from).and_then(|answer| document(cx, answer.policy).into()),
        replication_rules: replication
            .absent_if(&["ReplicationConfigurationNotFoundError"], &mut from)
            .and_then(|answer| replication_rules(cx, answer).into()),
        lifecycle_rules: lifecycle
            .absent_if(&["NoSuchLifecycleConfiguration"], &mut from)
            .and_then(|answer| lifecycle_rules(cx, answer).into()),
        logging_target_bucket: Fetched::from(logging.required(&mut from))
            .and_then(|answer| Fetched::from(answer.logging_enabled))
            .and_then(|logging| cx.need(LOGGING, "TargetBucket", sent(&logging.target_bucket)).into()),
        object_lock: lock.absent_if(&["ObjectLockConfigurationNotFoundError"], &mut from).and_then(|answer| object_lock(cx, answer).into()),
        location: Required::Known(region.clone()),
    };
    let tags = match tagging.absent_if(&["NoSuchTagSet"], &mut from) {
        // NoSuchTagSet is how S3 says that there are none; the SDK gives an empty list when the member is missing.
        Fetched::Absent => Fetched::Known(BTreeMap::new()),
        Fetched::Known(answer) => {
            let list = Some(answer.tag_set).filter(|list| !list.is_empty());
            cx.need(TAGGING, "TagSet", list).and_then(|list| tags(cx, TAGGING, Some(list), tag)).into()
        }
        Fetched::Unknown(gap) => Fetched::Unknown(gap),
    };
    cx.new_resource(arn(&region, &name), name.clone(), name, tags, properties, from)
}

/// The ARN of a bucket names neither region nor account.
fn arn(region: &str, name: &str) -> String {
    format!("arn:{}:s3:::{name}", partition_of(region))
}

/// No constraint is how S3 says us-east-1, and `EU` is how it used to say eu-west-1: in the partition of these
/// regions only, which is that of the region that was asked.
pub(super) fn region_of(constraint: &str, asked: &str) -> Option<String> {
    let old = match constraint {
        "" => "us-east-1",
        "EU" => "eu-west-1",
        region => return Some(region.to_owned()),
    };
    (partition_of(asked) == partition_of(old)).then(|| old.to_owned())
}

/// Text of a member that AWS always sends. Where it did not, the SDK fills in nothing or this phrase.
fn sent(text: &str) -> Option<String> {
    (!text.is_empty() && text != "no value was set").then(|| text.to_owned())
}

fn tag(tag: types::Tag) -> (Option<String>, Option<String>) {
    (Some(tag.key), Some(tag.value))
}

fn document(cx: &Cx, text: Option<String>) -> Required<PolicyDocument> {
    cx.need(POLICY, "Policy", text).and_then(|text| match PolicyDocument::parse_of_resource(&text) {
        Some(document) => Required::Known(document),
        None => Required::Unknown(cx.gap(POLICY, Reason::Unparsable, None, Some("Policy is not a policy document"))),
    })
}

fn server_side_encryption(cx: &Cx, answer: GetBucketEncryptionOutput) -> Required<ServerSideEncryption> {
    // S3 keeps exactly one rule: from any other number nothing may be concluded.
    let rule = answer.server_side_encryption_configuration.and_then(|c| <[_; 1]>::try_from(c.rules).ok());
    let default = cx.need(ENCRYPTION, "the one Rule", rule).and_then(|[rule]| {
        let default = cx.need(ENCRYPTION, "ApplyServerSideEncryptionByDefault", rule.apply_server_side_encryption_by_default);
        default.map(|default| (default, rule.bucket_key_enabled))
    });
    default.map(|(default, bucket_key_enabled)| {
        let key = default.kms_master_key_id.filter(|key| !key.is_empty());
        ServerSideEncryption {
            sse_algorithm: cx.word(ENCRYPTION, "SSEAlgorithm", Some(default.sse_algorithm.as_str()), types::ServerSideEncryption::values()),
            kms_key_arn: key.as_deref().map(|key| key_arn(cx, key)),
            kms_master_key_id: key,
            bucket_key_enabled,
        }
    })
}

fn key_arn(cx: &Cx, key: &str) -> String {
    if key.starts_with("arn:") {
        key.to_owned()
    } else if key.starts_with("alias/") {
        cx.arn("kms", key)
    } else {
        cx.arn("kms", &format!("key/{key}"))
    }
}

fn public_access_block(cx: &Cx, answer: GetPublicAccessBlockOutput) -> Required<PublicAccessBlock> {
    let block = cx.need(PUBLIC_ACCESS, "PublicAccessBlockConfiguration", answer.public_access_block_configuration);
    block.map(|block| PublicAccessBlock {
        block_public_acls: cx.need(PUBLIC_ACCESS, "BlockPublicAcls", block.block_public_acls),
        ignore_public_acls: cx.need(PUBLIC_ACCESS, "IgnorePublicAcls", block.ignore_public_acls),
        block_public_policy: cx.need(PUBLIC_ACCESS, "BlockPublicPolicy", block.block_public_policy),
        restrict_public_buckets: cx.need(PUBLIC_ACCESS, "RestrictPublicBuckets", block.restrict_public_buckets),
    })
}

fn replication_rules(cx: &Cx, answer: GetBucketReplicationOutput) -> Required<Vec<ReplicationRule>> {
    let rules = answer.replication_configuration.map(|c| c.rules).filter(|rules| !rules.is_empty());
    cx.need(REPLICATION, "Rule", rules).map(|rules| rules.into_iter().map(|rule| replication_rule(cx, rule)).collect())
}

#[allow(deprecated, reason = "rules written before filters existed carry their prefix themselves")]
fn replication_rule(cx: &Cx, rule: types::ReplicationRule) -> ReplicationRule {
    let mut prefix = rule.prefix;
    let mut filter_tags = Vec::new();
    if let Some(filter) = rule.filter {
        let and = filter.and;
        prefix = prefix.or(filter.prefix).or_else(|| and.as_ref().and_then(|and| and.prefix.clone()));
        filter_tags.extend(filter.tag);
        filter_tags.extend(and.and_then(|and| and.tags).into_iter().flatten());
    }
    let destination = rule.destination;
    ReplicationRule {
        id: rule.id,
        status: cx.word(REPLICATION, "Status", Some(rule.status.as_str()), types::ReplicationRuleStatus::values()),
        priority: rule.priority.map(i64::from),
        prefix: prefix.filter(|prefix| !prefix.is_empty()),
        filter_tags: tags(cx, REPLICATION, Some(filter_tags), tag),
        destination_bucket: cx.need(REPLICATION, "Destination.Bucket", destination.as_ref().and_then(|d| sent(&d.bucket))),
        destination_account: destination.as_ref().and_then(|d| d.account.clone()),
        destination_storage_class: destination.as_ref().and_then(|d| d.storage_class.as_ref()).map(|c| c.as_str().to_owned()),
        replica_kms_key_id: destination.and_then(|d| d.encryption_configuration).and_then(|e| e.replica_kms_key_id),
        delete_marker_replication: rule.delete_marker_replication.and_then(|d| d.status).map(|s| s.as_str().to_owned()),
    }
}

fn lifecycle_rules(cx: &Cx, answer: GetBucketLifecycleConfigurationOutput) -> Required<Vec<LifecycleRule>> {
    let rules = answer.rules.filter(|rules| !rules.is_empty());
    cx.need(LIFECYCLE, "Rule", rules).map(|rules| rules.into_iter().map(|rule| lifecycle_rule(cx, rule)).collect())
}

#[allow(deprecated, reason = "rules written before filters existed carry their prefix themselves")]
fn lifecycle_rule(cx: &Cx, rule: types::LifecycleRule) -> LifecycleRule {
    let mut prefix = rule.prefix;
    let mut filter_tags = Vec::new();
    let (mut greater, mut less) = (None, None);
    if let Some(filter) = rule.filter {
        prefix = prefix.or(filter.prefix);
        filter_tags.extend(filter.tag);
        (greater, less) = (filter.object_size_greater_than, filter.object_size_less_than);
        if let Some(and) = filter.and {
            prefix = prefix.or(and.prefix);
            filter_tags.extend(and.tags.into_iter().flatten());
            (greater, less) = (greater.or(and.object_size_greater_than), less.or(and.object_size_less_than));
        }
    }
    let expiration = rule.expiration;
    let noncurrent = rule.noncurrent_version_expiration;
    LifecycleRule {
        id: rule.id,
        status: cx.word(LIFECYCLE, "Status", Some(rule.status.as_str()), types::ExpirationStatus::values()),
        prefix: prefix.filter(|prefix| !prefix.is_empty()),
        filter_tags: tags(cx, LIFECYCLE, Some(filter_tags), tag),
        object_size_greater_than: greater,
        object_size_less_than: less,
        expiration_days: expiration.as_ref().and_then(|e| e.days).map(i64::from),
        expiration_date: expiration.as_ref().and_then(|e| e.date).and_then(time),
        expired_object_delete_marker: expiration.and_then(|e| e.expired_object_delete_marker),
        noncurrent_days: noncurrent.as_ref().and_then(|n| n.noncurrent_days).map(i64::from),
        newer_noncurrent_versions: noncurrent.and_then(|n| n.newer_noncurrent_versions).map(i64::from),
        abort_incomplete_multipart_upload_days: rule
            .abort_incomplete_multipart_upload
            .and_then(|abort| abort.days_after_initiation)
            .map(i64::from),
        transitions: rule.transitions.into_iter().flatten().map(transition).collect(),
        noncurrent_version_transitions: rule.noncurrent_version_transitions.into_iter().flatten().map(noncurrent_transition).collect(),
    }
}

fn transition(transition: types::Transition) -> Transition {
    Transition {
        days: transition.days.map(i64::from),
        date: transition.date.and_then(time),
        storage_class: transition.storage_class.map(|class| class.as_str().to_owned()),
    }
}

fn noncurrent_transition(transition: types::NoncurrentVersionTransition) -> NoncurrentVersionTransition {
    NoncurrentVersionTransition {
        noncurrent_days: transition.noncurrent_days.map(i64::from),
        newer_noncurrent_versions: transition.newer_noncurrent_versions.map(i64::from),
        storage_class: transition.storage_class.map(|class| class.as_str().to_owned()),
    }
}

fn object_lock(cx: &Cx, answer: GetObjectLockConfigurationOutput) -> Required<ObjectLock> {
    cx.need(OBJECT_LOCK, "ObjectLockConfiguration", answer.object_lock_configuration).map(|lock| {
        let retention = lock.rule.and_then(|rule| rule.default_retention);
        ObjectLock {
            object_lock_enabled: cx.need(OBJECT_LOCK, "ObjectLockEnabled", lock.object_lock_enabled.map(|e| e.as_str().to_owned())),
            mode: retention.as_ref().and_then(|r| r.mode.as_ref()).map(|mode| mode.as_str().to_owned()),
            days: retention.as_ref().and_then(|r| r.days).map(i64::from),
            years: retention.and_then(|r| r.years).map(i64::from),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{region_of, sent};

    #[test]
    fn old_names_of_regions_are_translated() {
        let of = |constraint| region_of(constraint, "eu-central-1");
        assert_eq!(of("").as_deref(), Some("us-east-1"));
        assert_eq!(of("EU").as_deref(), Some("eu-west-1"));
        assert_eq!(of("eu-central-1").as_deref(), Some("eu-central-1"));
        assert_eq!(region_of("", "eusc-de-east-1"), None, "no region of that partition is called so");
        assert_eq!(region_of("eusc-de-east-1", "eusc-de-east-1").as_deref(), Some("eusc-de-east-1"));
    }

    #[test]
    fn what_the_sdk_fills_in_was_not_sent() {
        assert_eq!(sent(""), None);
        assert_eq!(sent("no value was set"), None);
        assert_eq!(sent("Enabled").as_deref(), Some("Enabled"));
    }
}
