//! Amazon S3: buckets, each asked in the region it lies in.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Operation, PolicyDocument, Scope, Service, op};
use crate::estate::{Cardinality, Fetched, Link, Required, Within};

/// A general purpose bucket of S3.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Bucket {
    /// Region the bucket lies in.
    pub location: Required<String>,
    /// When it was created; S3 moves the date when some settings of the bucket change.
    pub creation_date: Required<Timestamp>,
    /// How new objects are encrypted by default; objects stored before this was set may not be.
    pub server_side_encryption: Fetched<ServerSideEncryption>,
    /// What the bucket itself blocks of public access; absent when nothing is set, whatever the account blocks.
    pub public_access_block: Fetched<PublicAccessBlock>,
    /// `Enabled` or `Suspended`; absent when versions were never kept.
    pub versioning_status: Fetched<String>,
    /// Whether a second factor is asked for deleting versions, `Enabled` or `Disabled`; absent when it was never set.
    pub mfa_delete: Fetched<String>,
    /// The bucket policy; absent when there is none.
    pub policy: Fetched<PolicyDocument>,
    /// What is copied to other buckets; absent when nothing is set.
    pub replication_rules: Fetched<Vec<ReplicationRule>>,
    /// What happens to objects with age; absent when nothing is set.
    pub lifecycle_rules: Fetched<Vec<LifecycleRule>>,
    /// Name of the bucket that receives the access logs; absent when access is not logged.
    pub logging_target_bucket: Fetched<String>,
    /// Object Lock; absent when the bucket does not have it.
    pub object_lock: Fetched<ObjectLock>,
}

/// How a bucket encrypts new objects.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ServerSideEncryption {
    /// Algorithm: `AES256` (keys of S3), `aws:kms` or `aws:kms:dsse`.
    pub sse_algorithm: Required<String>,
    /// KMS key as the bucket names it: an ARN, an id or an alias; absent for keys of S3 and for `aws/s3`.
    pub kms_master_key_id: Option<String>,
    /// The same as an ARN of a key or an alias; a bare id or alias is taken in the bucket's own account and region.
    pub kms_key_arn: Option<String>,
    /// Whether an S3 Bucket Key stands between the objects and the KMS key.
    pub bucket_key_enabled: Option<bool>,
}

/// What a bucket blocks of public access.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PublicAccessBlock {
    /// Whether new public ACLs are refused.
    pub block_public_acls: Required<bool>,
    /// Whether public ACLs that exist have no effect.
    pub ignore_public_acls: Required<bool>,
    /// Whether a public bucket policy is refused.
    pub block_public_policy: Required<bool>,
    /// Whether a public bucket policy serves AWS services and the own account only.
    pub restrict_public_buckets: Required<bool>,
}

/// One rule that copies objects to another bucket.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ReplicationRule {
    /// Id of the rule.
    pub id: Option<String>,
    /// `Enabled` or `Disabled`.
    pub status: Required<String>,
    /// Which rule wins where several apply; the higher number does.
    pub priority: Option<i64>,
    /// Only objects whose keys begin with this; absent for all.
    pub prefix: Option<String>,
    /// Only objects with all of these tags; empty for all.
    pub filter_tags: Required<BTreeMap<String, String>>,
    /// ARN of the bucket that receives the copies.
    pub destination_bucket: Required<String>,
    /// Account that owns the copies, where ownership passes to it.
    pub destination_account: Option<String>,
    /// Storage class of the copies; absent for that of the source.
    pub destination_storage_class: Option<String>,
    /// ARN of the KMS key, or of its alias, that encrypts the copies.
    pub replica_kms_key_id: Option<String>,
    /// Whether delete markers are copied: `Enabled` or `Disabled`.
    pub delete_marker_replication: Option<String>,
}

/// One rule of what happens to objects with age.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct LifecycleRule {
    /// Id of the rule.
    pub id: Option<String>,
    /// `Enabled` or `Disabled`.
    pub status: Required<String>,
    /// Only objects whose keys begin with this; absent for all.
    pub prefix: Option<String>,
    /// Only objects with all of these tags; empty for all.
    pub filter_tags: Required<BTreeMap<String, String>>,
    /// Only objects of more bytes than this.
    pub object_size_greater_than: Option<i64>,
    /// Only objects of fewer bytes than this.
    pub object_size_less_than: Option<i64>,
    /// Days after which current versions expire; absent when they do not, or expire on a date.
    pub expiration_days: Option<i64>,
    /// Date from which current versions expire.
    pub expiration_date: Option<Timestamp>,
    /// Whether delete markers without older versions are removed.
    pub expired_object_delete_marker: Option<bool>,
    /// Days after which versions that are no longer current are deleted.
    pub noncurrent_days: Option<i64>,
    /// How many versions that are no longer current are kept in any case.
    pub newer_noncurrent_versions: Option<i64>,
    /// Days after which parts of uploads that were never completed are deleted.
    pub abort_incomplete_multipart_upload_days: Option<i64>,
    /// Moves of current versions to other storage classes.
    pub transitions: Vec<Transition>,
    /// Moves of versions that are no longer current.
    pub noncurrent_version_transitions: Vec<NoncurrentVersionTransition>,
}

/// A move to another storage class.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Transition {
    /// Days after the object was stored.
    pub days: Option<i64>,
    /// Date of the move.
    pub date: Option<Timestamp>,
    /// The storage class: `GLACIER`, `STANDARD_IA`.
    pub storage_class: Option<String>,
}

/// A move of versions that are no longer current to another storage class.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct NoncurrentVersionTransition {
    /// Days after the version ceased to be current.
    pub noncurrent_days: Option<i64>,
    /// How many versions are left where they are.
    pub newer_noncurrent_versions: Option<i64>,
    /// The storage class: `GLACIER`, `STANDARD_IA`.
    pub storage_class: Option<String>,
}

/// Object Lock of a bucket, and how long new objects are locked by default.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ObjectLock {
    /// `Enabled`.
    pub object_lock_enabled: Required<String>,
    /// Default mode: `COMPLIANCE` (nobody can delete) or `GOVERNANCE` (with a permission); absent without a default.
    pub mode: Option<String>,
    /// Days that objects are locked by default; absent when years are set, or nothing.
    pub days: Option<i64>,
    /// Years that objects are locked by default; absent when days are set, or nothing.
    pub years: Option<i64>,
}

resource_types! {
    "s3":
    Bucket = "AWS::S3::Bucket",
}

const OPERATIONS: &[Operation] = &[
    op("ListBuckets", "s3:ListAllMyBuckets"),
    op("GetBucketLocation", "s3:GetBucketLocation"),
    op("GetBucketEncryption", "s3:GetEncryptionConfiguration"),
    op("GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock"),
    op("GetBucketVersioning", "s3:GetBucketVersioning"),
    op("GetBucketPolicy", "s3:GetBucketPolicy"),
    op("GetBucketReplication", "s3:GetReplicationConfiguration"),
    op("GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration"),
    op("GetBucketLogging", "s3:GetBucketLogging"),
    op("GetObjectLockConfiguration", "s3:GetBucketObjectLockConfiguration"),
    op("GetBucketTagging", "s3:GetBucketTagging"),
];

const LINKS: &[Link] = &[
    Link::keys(
        "replicates_to",
        ("AWS::S3::Bucket", "replication_rules[].destination_bucket"),
        &[("AWS::S3::Bucket", "arn")],
        Within::Run,
        Cardinality::Many,
        "Buckets that receive copies, by enabled and disabled rules alike",
    ),
    Link::keys(
        "encrypted_by",
        ("AWS::S3::Bucket", "server_side_encryption.kms_key_arn"),
        &[("AWS::KMS::Key", "arn"), ("AWS::KMS::Key", "alias_arns")],
        Within::Run,
        Cardinality::One,
        "The KMS key that encrypts new objects by default",
    ),
    // S3 takes a target in the same account and region only. The id is the name of the bucket; the
    // name of a resource may come from a tag.
    Link::keys(
        "logs_to",
        ("AWS::S3::Bucket", "logging_target_bucket"),
        &[("AWS::S3::Bucket", "id")],
        Within::Account,
        Cardinality::One,
        "The bucket that receives the access logs",
    ),
];

/// Amazon S3.
pub(super) static SERVICE: Service = Service {
    name: "s3",
    scope: Scope::Global,
    types: TYPES,
    operations: OPERATIONS,
    links: LINKS,
    per_second: 100,
    register,
    #[cfg(all(feature = "aws", feature = "s3"))]
    collect: Some(|cx| Box::pin(live::collect(cx))),
    #[cfg(all(feature = "aws", not(feature = "s3")))]
    collect: None,
};

#[cfg(feature = "s3")]
mod live;
#[cfg(feature = "s3")]
mod state;

#[cfg(feature = "s3")]
pub(crate) use state::client_of;
#[cfg(feature = "s3")]
pub use state::{StateError, state_object};
