//! What can be wrong with the estate: each fault with exactly what must be found of it, and how it is mended.

use std::future::Future;

use aws_sdk_ec2::types::{Filter, OperationType, ResourceType, SnapshotAttributeName, Tag};
use futures::future::BoxFuture;

use super::cloud::{ec2_tags, rds_tag};
use super::{Cloud, Environment, HOME, Seed};

/// A verdict that a fault leads to: policy, id of the resource, region.
pub(crate) type Expected = (&'static str, String, &'static str);

/// How a fault is mended.
type Mend = Box<dyn FnOnce(Cloud) -> BoxFuture<'static, ()> + Send>;

/// A fault in an estate.
pub(crate) struct Broken {
    /// Every deviation it leads to.
    pub(crate) expected: Vec<Expected>,
    mend: Mend,
}

impl Broken {
    fn new<F, Future_>(expected: Vec<Expected>, mend: F) -> Self
    where
        F: FnOnce(Cloud) -> Future_ + Send + 'static,
        Future_: Future<Output = ()> + Send + 'static,
    {
        Self { expected, mend: Box::new(move |cloud| Box::pin(mend(cloud))) }
    }

    /// Mends it.
    pub(crate) async fn mend(self, cloud: &Cloud) {
        (self.mend)(cloud.clone()).await;
    }
}

/// Declares the faults: name => what does it.
macro_rules! faults {
    ($($name:ident => $apply:ident),+ $(,)?) => {
        /// A fault, by name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Fault {
            $($name),+
        }

        impl Fault {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Does it.
            pub(crate) async fn apply(self, cloud: &Cloud, seed: &Seed) -> Broken {
                match self {
                    $(Self::$name => $apply(cloud, seed).await),+
                }
            }
        }
    };
}

faults! {
    UnencryptedVolume => unencrypted_volume,
    VolumeWithoutSnapshot => volume_without_snapshot,
    VolumeAbroad => volume_abroad,
    PublicVolumeSnapshot => public_volume_snapshot,
    SharedImage => shared_image,
    EncryptionByDefaultOff => encryption_by_default_off,
    UnencryptedDatabase => unencrypted_database,
    SingleZoneDatabase => single_zone_database,
    NoBackups => no_backups,
    NoRecentSnapshot => no_recent_snapshot,
    SharedDatabaseSnapshot => shared_database_snapshot,
    SharedClusterSnapshot => shared_cluster_snapshot,
    UnencryptedCluster => unencrypted_cluster,
    SingleZoneCluster => single_zone_cluster,
    ClusterKeptTooShort => cluster_kept_too_short,
    ClusterWithoutRecentSnapshot => cluster_without_recent_snapshot,
    ReplicaInOtherEnvironment => replica_in_other_environment,
    ClusterReplicatedAbroad => cluster_replicated_abroad,
    UnencryptedBucket => unencrypted_bucket,
    UntaggedBucket => untagged_bucket,
    BucketAbroad => bucket_abroad,
    BucketReplicatedAbroad => bucket_replicated_abroad,
    BucketReplicatedToOtherEnvironment => bucket_replicated_to_other_environment,
    BucketOpenToOtherAccount => bucket_open_to_other_account,
    Peering => peering,
    TransitGateway => transit_gateway,
    OtherGroupAdmitted => other_group_admitted,
    OtherAddressesAdmitted => other_addresses_admitted,
    OtherTargets => other_targets,
    SingleZoneLoadBalancer => single_zone_load_balancer,
    SingleZoneServers => single_zone_servers,
    SingleZoneScalingGroup => single_zone_scaling_group,
    VpcOfTwoEnvironments => vpc_of_two_environments,
    SharedKey => shared_key,
    KeyNotRotated => key_not_rotated,
    KeyDisabled => key_disabled,
    KeyOpenToOtherAccount => key_open_to_other_account,
    SharedKeyPair => shared_key_pair,
    RoleTrustsOtherEnvironment => role_trusts_other_environment,
    TableWithoutOwnKey => table_without_own_key,
    TableWithoutRecovery => table_without_recovery,
    FileSystemWithoutBackup => file_system_without_backup,
    SingleZoneFileSystem => single_zone_file_system,
    UnencryptedFileSystem => unencrypted_file_system,
}

/// An account that nobody knows.
const STRANGER: &str = "999999999999";

/// The id of a resource from its ARN.
fn id_of(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or_default().to_owned()
}

async fn volume(cloud: &Cloud, environment: &str, key: Option<&str>) -> String {
    let request = cloud.ec2().create_volume().availability_zone(format!("{}a", cloud.region())).size(8);
    let request = match key {
        Some(key) => request.encrypted(true).kms_key_id(key),
        None => request.encrypted(false),
    };
    let request = request.tag_specifications(ec2_tags(ResourceType::Volume, environment));
    request.send().await.expect("CreateVolume").volume_id.expect("the id of the volume")
}

/// The tag by which `tests/moto/launch.py` knows until when a database can be restored.
const RESTORABLE_UNTIL: &str = "moto:restorable-until";

#[allow(clippy::disallowed_methods, reason = "the emulator has the clock of the machine")]
fn three_days_ago() -> String {
    let then = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(72);
    then.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

/// Lets the time that a database or cluster can be restored to stay behind for three days, as if backups had failed.
pub(crate) async fn stop_backups(cloud: &Cloud, arn: &str) {
    let tag = aws_sdk_rds::types::Tag::builder().key(RESTORABLE_UNTIL).value(three_days_ago()).build();
    cloud.rds().add_tags_to_resource().resource_name(arn).tags(tag).send().await.expect("AddTagsToResource");
}

async fn resume_backups(cloud: &Cloud, arn: &str) {
    let request = cloud.rds().remove_tags_from_resource().resource_name(arn).tag_keys(RESTORABLE_UNTIL);
    request.send().await.expect("RemoveTagsFromResource");
}

/// The ARN of a database (`db`) or a cluster (`cluster`).
pub(crate) fn database_arn(cloud: &Cloud, kind: &str, id: &str) -> String {
    format!("arn:aws:rds:{HOME}:{}:{kind}:{id}", cloud.account_id())
}

async fn drop_volume(cloud: &Cloud, volume: &str, snapshot: Option<&str>) {
    if let Some(snapshot) = snapshot {
        cloud.ec2().delete_snapshot().snapshot_id(snapshot).send().await.expect("DeleteSnapshot");
    }
    cloud.ec2().delete_volume().volume_id(volume).send().await.expect("DeleteVolume");
}

async fn unencrypted_volume(cloud: &Cloud, _: &Seed) -> Broken {
    let volume = volume(cloud, "staging", None).await;
    let snapshot = super::volume_snapshot(cloud, "staging", &volume).await;
    let expected = vec![("ebs-volume-encrypted", volume.clone(), HOME), ("ebs-snapshot-encrypted", snapshot.clone(), HOME)];
    Broken::new(expected, async move |cloud| drop_volume(&cloud, &volume, Some(&snapshot)).await)
}

async fn volume_without_snapshot(cloud: &Cloud, seed: &Seed) -> Broken {
    let volume = seed.environment("demo").volumes[0].clone();
    let filter = Filter::builder().name("volume-id").values(&volume).build();
    let found = cloud.ec2().describe_snapshots().owner_ids("self").filters(filter).send().await.expect("DescribeSnapshots").snapshots;
    for snapshot in found.unwrap_or_default() {
        cloud.ec2().delete_snapshot().set_snapshot_id(snapshot.snapshot_id).send().await.expect("DeleteSnapshot");
    }
    Broken::new(vec![("ebs-volume-recent-snapshot", volume.clone(), HOME)], async move |cloud| {
        super::volume_snapshot(&cloud, "demo", &volume).await;
    })
}

async fn volume_abroad(cloud: &Cloud, _: &Seed) -> Broken {
    const ABROAD: &str = "eu-west-1";
    let volume = volume(&cloud.at(ABROAD), "test", None).await;
    let policies = ["every-resource-in-allowed-region", "ebs-volume-encrypted"];
    let expected = policies.into_iter().map(|policy| (policy, volume.clone(), ABROAD)).collect();
    Broken::new(expected, async move |cloud| drop_volume(&cloud.at(ABROAD), &volume, None).await)
}

async fn public_volume_snapshot(cloud: &Cloud, seed: &Seed) -> Broken {
    let snapshot = super::volume_snapshot(cloud, "production", &seed.environment("production").volumes[0]).await;
    let request = cloud.ec2().modify_snapshot_attribute().snapshot_id(&snapshot).attribute(SnapshotAttributeName::CreateVolumePermission);
    request.operation_type(OperationType::Add).group_names("all").send().await.expect("ModifySnapshotAttribute");
    Broken::new(vec![("ebs-snapshot-not-shared", snapshot.clone(), HOME)], async move |cloud| {
        cloud.ec2().delete_snapshot().snapshot_id(&snapshot).send().await.expect("DeleteSnapshot");
    })
}

async fn encryption_by_default_off(cloud: &Cloud, _: &Seed) -> Broken {
    cloud.ec2().disable_ebs_encryption_by_default().send().await.expect("DisableEbsEncryptionByDefault");
    Broken::new(vec![("ebs-encrypted-by-default", HOME.to_owned(), HOME)], async |cloud| {
        cloud.ec2().enable_ebs_encryption_by_default().send().await.expect("EnableEbsEncryptionByDefault");
    })
}

/// moto makes the image's snapshot unencrypted and without tags, whatever it is made of and asked for.
async fn shared_image(cloud: &Cloud, seed: &Seed) -> Broken {
    let request = cloud.ec2().create_image().instance_id(&seed.environment("production").instances[0]).name("production-web");
    let request = request.tag_specifications(ec2_tags(ResourceType::Image, "production"));
    let image = request.send().await.expect("CreateImage").image_id.expect("the id of the image");
    let request = cloud.ec2().modify_image_attribute().image_id(&image).attribute("launchPermission");
    let request = request.operation_type(OperationType::Add).user_ids(STRANGER);
    request.send().await.expect("ModifyImageAttribute");
    let images = cloud.ec2().describe_images().image_ids(&image).send().await.expect("DescribeImages").images.unwrap_or_default();
    let disks = images.into_iter().flat_map(|i| i.block_device_mappings.unwrap_or_default());
    let snapshot = disks.filter_map(|d| d.ebs?.snapshot_id).next().expect("the snapshot of the image");
    let request = cloud.ec2().create_tags().resources(&snapshot);
    request.tags(Tag::builder().key("Environment").value("production").build()).send().await.expect("CreateTags");
    let expected = vec![("image-not-shared", image.clone(), HOME), ("ebs-snapshot-encrypted", snapshot.clone(), HOME)];
    Broken::new(expected, async move |cloud| {
        cloud.ec2().deregister_image().image_id(&image).send().await.expect("DeregisterImage");
        cloud.ec2().delete_snapshot().snapshot_id(&snapshot).send().await.expect("DeleteSnapshot");
    })
}

/// The automated snapshot of a database: its id. moto takes one when the database is made.
async fn automated_snapshot(cloud: &Cloud, database: &str) -> String {
    let request = cloud.rds().describe_db_snapshots().db_instance_identifier(database).snapshot_type("automated");
    let found = request.send().await.expect("DescribeDBSnapshots").db_snapshots.unwrap_or_default();
    found.into_iter().find_map(|s| s.db_snapshot_identifier).expect("an automated snapshot")
}

async fn automated_cluster_snapshot(cloud: &Cloud, cluster: &str) -> String {
    let request = cloud.rds().describe_db_cluster_snapshots().db_cluster_identifier(cluster).snapshot_type("automated");
    let found = request.send().await.expect("DescribeDBClusterSnapshots").db_cluster_snapshots.unwrap_or_default();
    found.into_iter().find_map(|s| s.db_cluster_snapshot_identifier).expect("an automated snapshot")
}

async fn drop_database(cloud: &Cloud, id: &str) {
    cloud.rds().delete_db_instance().db_instance_identifier(id).skip_final_snapshot(true).send().await.expect("DeleteDBInstance");
}

async fn drop_cluster(cloud: &Cloud, id: &str) {
    for member in [1, 2] {
        drop_database(cloud, &format!("{id}-{member}")).await;
    }
    // moto keeps automated snapshots of clusters that are gone.
    let snapshot = automated_cluster_snapshot(cloud, id).await;
    cloud.rds().delete_db_cluster().db_cluster_identifier(id).skip_final_snapshot(true).send().await.expect("DeleteDBCluster");
    let request = cloud.rds().delete_db_cluster_snapshot().db_cluster_snapshot_identifier(snapshot);
    request.send().await.expect("DeleteDBClusterSnapshot");
}

async fn unencrypted_database(cloud: &Cloud, seed: &Seed) -> Broken {
    const ID: &str = "test-imports";
    let request = super::database(cloud, seed.environment("test"), ID).set_storage_encrypted(Some(false)).set_kms_key_id(None);
    let made = request.send().await.expect("CreateDBInstance").db_instance.and_then(|db| db.dbi_resource_id);
    let expected = vec![
        ("rds-instance-encrypted", ID.to_owned(), HOME),
        ("rds-snapshot-encrypted", automated_snapshot(cloud, ID).await, HOME),
        ("rds-automated-backup-encrypted", made.expect("the resource id"), HOME),
    ];
    Broken::new(expected, async |cloud| drop_database(&cloud, ID).await)
}

async fn single_zone_database(cloud: &Cloud, seed: &Seed) -> Broken {
    let database = seed.environment("production").databases[0].clone();
    let request = cloud.rds().modify_db_instance().db_instance_identifier(&database).multi_az(false).apply_immediately(true);
    request.send().await.expect("ModifyDBInstance");
    let expected = vec![("rds-instance-multi-az", database.clone(), HOME)];
    Broken::new(expected, async move |cloud| {
        let request = cloud.rds().modify_db_instance().db_instance_identifier(database).multi_az(true).apply_immediately(true);
        request.send().await.expect("ModifyDBInstance");
    })
}

async fn no_backups(cloud: &Cloud, seed: &Seed) -> Broken {
    const ID: &str = "demo-reports";
    let request = super::database(cloud, seed.environment("demo"), ID).backup_retention_period(0);
    request.send().await.expect("CreateDBInstance");
    let policies = ["rds-instance-backup-retention", "rds-instance-recent-snapshot"];
    let expected = policies.into_iter().map(|policy| (policy, ID.to_owned(), HOME)).collect();
    Broken::new(expected, async |cloud| {
        let request = cloud.rds().modify_db_instance().db_instance_identifier(ID).backup_retention_period(7).apply_immediately(true);
        request.send().await.expect("ModifyDBInstance");
    })
}

/// Backups that are configured and have failed for three days.
async fn no_recent_snapshot(cloud: &Cloud, seed: &Seed) -> Broken {
    let database = seed.environment("production").databases.last().cloned().expect("a database");
    let snapshot = automated_snapshot(cloud, &database).await;
    cloud.rds().delete_db_snapshot().db_snapshot_identifier(snapshot).send().await.expect("DeleteDBSnapshot");
    let arn = database_arn(cloud, "db", &database);
    stop_backups(cloud, &arn).await;
    Broken::new(vec![("rds-instance-recent-snapshot", database, HOME)], async move |cloud| resume_backups(&cloud, &arn).await)
}

async fn shared_database_snapshot(cloud: &Cloud, seed: &Seed) -> Broken {
    const ID: &str = "production-before-upgrade";
    let request = cloud.rds().create_db_snapshot().db_snapshot_identifier(ID).tags(rds_tag("production"));
    let request = request.db_instance_identifier(&seed.environment("production").databases[0]);
    request.send().await.expect("CreateDBSnapshot");
    let request = cloud.rds().modify_db_snapshot_attribute().db_snapshot_identifier(ID).attribute_name("restore");
    request.values_to_add(STRANGER).send().await.expect("ModifyDBSnapshotAttribute");
    Broken::new(vec![("rds-snapshot-not-shared", ID.to_owned(), HOME)], async |cloud| {
        cloud.rds().delete_db_snapshot().db_snapshot_identifier(ID).send().await.expect("DeleteDBSnapshot");
    })
}

async fn shared_cluster_snapshot(cloud: &Cloud, seed: &Seed) -> Broken {
    const ID: &str = "production-records-before-upgrade";
    let request = cloud.rds().create_db_cluster_snapshot().db_cluster_snapshot_identifier(ID).tags(rds_tag("production"));
    let request = request.db_cluster_identifier(&seed.environment("production").cluster);
    request.send().await.expect("CreateDBClusterSnapshot");
    let request = cloud.rds().modify_db_cluster_snapshot_attribute().db_cluster_snapshot_identifier(ID).attribute_name("restore");
    request.values_to_add("all").send().await.expect("ModifyDBClusterSnapshotAttribute");
    Broken::new(vec![("rds-cluster-snapshot-not-shared", ID.to_owned(), HOME)], async |cloud| {
        let request = cloud.rds().delete_db_cluster_snapshot().db_cluster_snapshot_identifier(ID);
        request.send().await.expect("DeleteDBClusterSnapshot");
    })
}

async fn unencrypted_cluster(cloud: &Cloud, seed: &Seed) -> Broken {
    const ID: &str = "test-archive";
    super::cluster(cloud, seed.environment("test"), ID, false, ["a", "b"]).await;
    let expected = vec![
        ("rds-cluster-encrypted", ID.to_owned(), HOME),
        ("rds-instance-encrypted", format!("{ID}-1"), HOME),
        ("rds-instance-encrypted", format!("{ID}-2"), HOME),
        ("rds-cluster-snapshot-encrypted", automated_cluster_snapshot(cloud, ID).await, HOME),
    ];
    Broken::new(expected, async |cloud| drop_cluster(&cloud, ID).await)
}

async fn single_zone_cluster(cloud: &Cloud, seed: &Seed) -> Broken {
    const ID: &str = "production-search";
    super::cluster(cloud, seed.environment("production"), ID, true, ["a", "a"]).await;
    Broken::new(vec![("rds-cluster-members-multi-az", ID.to_owned(), HOME)], async |cloud| drop_cluster(&cloud, ID).await)
}

async fn cluster_kept_too_short(cloud: &Cloud, seed: &Seed) -> Broken {
    let cluster = seed.environment("demo").cluster.clone();
    let request = cloud.rds().modify_db_cluster().db_cluster_identifier(&cluster).backup_retention_period(1);
    request.send().await.expect("ModifyDBCluster");
    Broken::new(vec![("rds-cluster-backup-retention", cluster.clone(), HOME)], async move |cloud| {
        let request = cloud.rds().modify_db_cluster().db_cluster_identifier(cluster).backup_retention_period(7);
        request.send().await.expect("ModifyDBCluster");
    })
}

async fn cluster_without_recent_snapshot(cloud: &Cloud, seed: &Seed) -> Broken {
    let cluster = seed.environment("staging").cluster.clone();
    let snapshot = automated_cluster_snapshot(cloud, &cluster).await;
    let request = cloud.rds().delete_db_cluster_snapshot().db_cluster_snapshot_identifier(snapshot);
    request.send().await.expect("DeleteDBClusterSnapshot");
    let arn = database_arn(cloud, "cluster", &cluster);
    stop_backups(cloud, &arn).await;
    Broken::new(vec![("rds-cluster-recent-snapshot", cluster, HOME)], async move |cloud| resume_backups(&cloud, &arn).await)
}

async fn replica_in_other_environment(cloud: &Cloud, seed: &Seed) -> Broken {
    const ID: &str = "staging-copy-of-production";
    let request = cloud.rds().create_db_instance_read_replica().db_instance_identifier(ID).publicly_accessible(false);
    let request = request.source_db_instance_identifier(&seed.environment("production").databases[0]);
    let request = request.db_subnet_group_name("staging-databases").tags(rds_tag("staging"));
    request.send().await.expect("CreateDBInstanceReadReplica");
    Broken::new(vec![("rds-replica-in-own-environment", ID.to_owned(), HOME)], async |cloud| drop_database(&cloud, ID).await)
}

async fn cluster_replicated_abroad(cloud: &Cloud, seed: &Seed) -> Broken {
    const ID: &str = "test-records-copy";
    const ABROAD: &str = "eu-west-1";
    let source = seed.environment("test").cluster.clone();
    let there = cloud.at(ABROAD);
    let request = there.rds().create_db_cluster().db_cluster_identifier(ID).engine("aurora-postgresql").engine_version("16.3");
    let request = request.replication_source_identifier(database_arn(cloud, "cluster", &source)).storage_encrypted(true);
    let request = request.master_username("keeper").master_user_password("not-a-secret").backup_retention_period(7);
    request.tags(rds_tag("test")).send().await.expect("CreateDBCluster");
    let snapshot = automated_cluster_snapshot(&there, ID).await;
    let expected = vec![
        ("rds-cluster-replicas-in-allowed-region", source, HOME),
        ("every-resource-in-allowed-region", ID.to_owned(), ABROAD),
        ("every-resource-in-allowed-region", snapshot.clone(), ABROAD),
    ];
    Broken::new(expected, async move |cloud| {
        let there = cloud.at(ABROAD);
        let request = there.rds().promote_read_replica_db_cluster().db_cluster_identifier(ID);
        request.send().await.expect("PromoteReadReplicaDBCluster");
        there.rds().delete_db_cluster().db_cluster_identifier(ID).skip_final_snapshot(true).send().await.expect("DeleteDBCluster");
        let request = there.rds().delete_db_cluster_snapshot().db_cluster_snapshot_identifier(snapshot);
        request.send().await.expect("DeleteDBClusterSnapshot");
    })
}

async fn drop_bucket(cloud: &Cloud, name: &str) {
    cloud.s3().delete_bucket().bucket(name).send().await.expect("DeleteBucket");
}

async fn unencrypted_bucket(cloud: &Cloud, _: &Seed) -> Broken {
    const NAME: &str = "clinic-demo-brochures";
    super::bucket(cloud, Some("demo"), NAME, None).await;
    Broken::new(vec![("bucket-encrypted-by-default", NAME.to_owned(), HOME)], async |cloud| drop_bucket(&cloud, NAME).await)
}

async fn untagged_bucket(cloud: &Cloud, seed: &Seed) -> Broken {
    const NAME: &str = "clinic-somebodys";
    super::bucket(cloud, None, NAME, Some(&seed.environment("test").key)).await;
    Broken::new(vec![("resource-in-one-environment", NAME.to_owned(), HOME)], async |cloud| drop_bucket(&cloud, NAME).await)
}

const OVERSEAS: &str = "us-east-1";

fn overseas(name: &str) -> Vec<Expected> {
    ["bucket-in-allowed-region", "every-resource-in-allowed-region"].map(|policy| (policy, name.to_owned(), OVERSEAS)).to_vec()
}

async fn bucket_abroad(cloud: &Cloud, seed: &Seed) -> Broken {
    const NAME: &str = "clinic-production-exports";
    super::bucket(&cloud.at(OVERSEAS), Some("production"), NAME, Some(&seed.environment("production").key)).await;
    Broken::new(overseas(NAME), async |cloud| drop_bucket(&cloud, NAME).await)
}

async fn replicate(cloud: &Cloud, from: &str, to: &str) {
    use aws_sdk_s3::types::{
        DeleteMarkerReplication, DeleteMarkerReplicationStatus, Destination, ReplicationConfiguration, ReplicationRule,
        ReplicationRuleFilter, ReplicationRuleStatus,
    };
    let destination = Destination::builder().bucket(format!("arn:aws:s3:::{to}")).build().expect("a destination");
    let kept = DeleteMarkerReplication::builder().status(DeleteMarkerReplicationStatus::Disabled).build();
    let rule = ReplicationRule::builder().id("all").priority(1).status(ReplicationRuleStatus::Enabled).destination(destination);
    let rule = rule.filter(ReplicationRuleFilter::builder().prefix("").build()).delete_marker_replication(kept).build().expect("a rule");
    let role = format!("arn:aws:iam::{}:role/replicator", cloud.account_id());
    let rules = ReplicationConfiguration::builder().role(role).rules(rule).build().expect("a configuration");
    cloud.s3().put_bucket_replication().bucket(from).replication_configuration(rules).send().await.expect("PutBucketReplication");
}

async fn bucket_replicated_abroad(cloud: &Cloud, seed: &Seed) -> Broken {
    const COPY: &str = "clinic-demo-copies";
    let demo = seed.environment("demo");
    let from = demo.buckets[1].clone();
    super::bucket(&cloud.at(OVERSEAS), Some("demo"), COPY, Some(&demo.key)).await;
    replicate(cloud, &from, COPY).await;
    let mut expected = overseas(COPY);
    expected.push(("bucket-replicas-in-allowed-region", from.clone(), HOME));
    Broken::new(expected, async move |cloud| {
        cloud.s3().delete_bucket_replication().bucket(from).send().await.expect("DeleteBucketReplication");
        drop_bucket(&cloud, COPY).await;
    })
}

async fn bucket_replicated_to_other_environment(cloud: &Cloud, seed: &Seed) -> Broken {
    let from = seed.environment("production").buckets[1].clone();
    replicate(cloud, &from, &seed.environment("staging").buckets[1]).await;
    Broken::new(vec![("bucket-replicates-within-environment", from.clone(), HOME)], async move |cloud| {
        cloud.s3().delete_bucket_replication().bucket(from).send().await.expect("DeleteBucketReplication");
    })
}

async fn bucket_open_to_other_account(cloud: &Cloud, seed: &Seed) -> Broken {
    let bucket = seed.environment("staging").buckets[1].clone();
    let principal = format!(r#"{{"AWS":"arn:aws:iam::{STRANGER}:root"}}"#);
    let resource = format!("arn:aws:s3:::{bucket}/*");
    let statement = format!(r#"{{"Effect":"Allow","Principal":{principal},"Action":"s3:GetObject","Resource":"{resource}"}}"#);
    let policy = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
    cloud.s3().put_bucket_policy().bucket(&bucket).policy(policy).send().await.expect("PutBucketPolicy");
    Broken::new(vec![("bucket-policy-stays-in-account", bucket.clone(), HOME)], async move |cloud| {
        cloud.s3().delete_bucket_policy().bucket(bucket).send().await.expect("DeleteBucketPolicy");
    })
}

async fn peering(cloud: &Cloud, seed: &Seed) -> Broken {
    let (from, to) = (&seed.environment("staging").vpc, &seed.environment("production").vpc);
    let request = cloud.ec2().create_vpc_peering_connection().vpc_id(from).peer_vpc_id(to);
    let request = request.tag_specifications(ec2_tags(ResourceType::VpcPeeringConnection, "staging"));
    let made = request.send().await.expect("CreateVpcPeeringConnection").vpc_peering_connection;
    let id = made.and_then(|p| p.vpc_peering_connection_id).expect("the id of the connection");
    let request = cloud.ec2().accept_vpc_peering_connection().vpc_peering_connection_id(&id);
    request.send().await.expect("AcceptVpcPeeringConnection");
    Broken::new(vec![("no-peering-between-environments", id.clone(), HOME)], async move |cloud| {
        let request = cloud.ec2().delete_vpc_peering_connection().vpc_peering_connection_id(id);
        request.send().await.expect("DeleteVpcPeeringConnection");
    })
}

async fn transit_gateway(cloud: &Cloud, seed: &Seed) -> Broken {
    let made = cloud.ec2().create_transit_gateway().send().await.expect("CreateTransitGateway").transit_gateway;
    let gateway = made.and_then(|g| g.transit_gateway_id).expect("the id of the gateway");
    let mut attachments = Vec::new();
    for environment in [seed.environment("test"), seed.environment("demo")] {
        let request = cloud.ec2().create_transit_gateway_vpc_attachment().transit_gateway_id(&gateway).vpc_id(&environment.vpc);
        let request = request.subnet_ids(&environment.subnets[0]);
        let request = request.tag_specifications(ec2_tags(ResourceType::TransitGatewayAttachment, environment.name));
        let made = request.send().await.expect("CreateTransitGatewayVpcAttachment").transit_gateway_vpc_attachment;
        attachments.push(made.and_then(|a| a.transit_gateway_attachment_id).expect("the id of the attachment"));
    }
    let expected = attachments.iter().map(|id| ("no-transit-gateway-between-environments", id.clone(), HOME)).collect();
    Broken::new(expected, async move |cloud| {
        for id in attachments {
            let request = cloud.ec2().delete_transit_gateway_vpc_attachment().transit_gateway_attachment_id(id);
            request.send().await.expect("DeleteTransitGatewayVpcAttachment");
        }
    })
}

/// Admits something to the databases of production.
async fn admitted(cloud: &Cloud, seed: &Seed, policy: &'static str, port: i32, cidr: Option<String>, group: Option<String>) -> Broken {
    let databases = seed.environment("production").database_group.clone();
    let rule = super::ingress(port, cidr.as_deref(), group.as_deref());
    let request = cloud.ec2().authorize_security_group_ingress().group_id(&databases).ip_permissions(rule.clone());
    request.send().await.expect("AuthorizeSecurityGroupIngress");
    Broken::new(vec![(policy, databases.clone(), HOME)], async move |cloud| {
        let request = cloud.ec2().revoke_security_group_ingress().group_id(databases).ip_permissions(rule);
        request.send().await.expect("RevokeSecurityGroupIngress");
    })
}

async fn other_group_admitted(cloud: &Cloud, seed: &Seed) -> Broken {
    let staging = seed.environment("staging").web_group.clone();
    admitted(cloud, seed, "security-group-admits-own-environment", 5433, None, Some(staging)).await
}

async fn other_addresses_admitted(cloud: &Cloud, seed: &Seed) -> Broken {
    let staging = seed.environment("staging").cidr.clone();
    admitted(cloud, seed, "security-group-admits-own-addresses", 5434, Some(staging), None).await
}

async fn other_targets(cloud: &Cloud, seed: &Seed) -> Broken {
    let targets = &seed.environment("staging").instances[..1];
    let arn = super::target_group(cloud, seed.environment("production"), "production-preview", targets).await;
    Broken::new(vec![("load-balancer-targets-own-environment", "production-preview".to_owned(), HOME)], async move |cloud| {
        cloud.elb().delete_target_group().target_group_arn(arn).send().await.expect("DeleteTargetGroup");
    })
}

async fn single_zone_load_balancer(cloud: &Cloud, seed: &Seed) -> Broken {
    let production = seed.environment("production");
    let arn = super::load_balancer(cloud, production, "production-admin", &production.subnets[..1]).await;
    Broken::new(vec![("load-balancer-multi-az", "production-admin".to_owned(), HOME)], async move |cloud| {
        cloud.elb().delete_load_balancer().load_balancer_arn(arn).send().await.expect("DeleteLoadBalancer");
    })
}

async fn single_zone_servers(cloud: &Cloud, seed: &Seed) -> Broken {
    const NAME: &str = "production-api";
    let production = seed.environment("production");
    // The first server stands in the first zone.
    let group = super::target_group(cloud, production, NAME, &production.instances[..1]).await;
    let listener = super::listener(cloud, &production.load_balancer, &group, 8080).await;
    Broken::new(vec![("web-servers-multi-az", NAME.to_owned(), HOME)], async move |cloud| {
        cloud.elb().delete_listener().listener_arn(listener).send().await.expect("DeleteListener");
        cloud.elb().delete_target_group().target_group_arn(group).send().await.expect("DeleteTargetGroup");
    })
}

/// Servers with a snapshot of each volume.
async fn servers(cloud: &Cloud, environment: &Environment, subnet: &str, key_pair: &str, count: i32) -> Vec<String> {
    let instances = super::run(cloud, environment, subnet, key_pair, count).await;
    for volume in super::volumes_of(cloud, &instances).await {
        super::volume_snapshot(cloud, environment.name, &volume).await;
    }
    instances
}

async fn terminate(cloud: &Cloud, instances: Vec<String>) {
    cloud.ec2().terminate_instances().set_instance_ids(Some(instances)).send().await.expect("TerminateInstances");
}

async fn single_zone_scaling_group(cloud: &Cloud, seed: &Seed) -> Broken {
    const NAME: &str = "production-workers";
    let production = seed.environment("production");
    let instances = servers(cloud, production, &production.subnets[0], &production.key_pair, 2).await;
    super::scaling_group(cloud, production, NAME, &production.subnets[..2]).await;
    super::attach(cloud, NAME, &instances).await;
    Broken::new(vec![("auto-scaling-group-multi-az", NAME.to_owned(), HOME)], async |cloud| {
        let request = cloud.autoscaling().delete_auto_scaling_group().auto_scaling_group_name(NAME).force_delete(true);
        request.send().await.expect("DeleteAutoScalingGroup");
    })
}

async fn vpc_of_two_environments(cloud: &Cloud, seed: &Seed) -> Broken {
    let test = seed.environment("test");
    // Everything of demo but the place.
    let guest = Environment { web_group: test.web_group.clone(), ..seed.environment("demo").clone() };
    let instances = servers(cloud, &guest, &test.subnets[0], &guest.key_pair, 1).await;
    Broken::new(vec![("vpc-in-one-environment", test.vpc.clone(), HOME)], async move |cloud| terminate(&cloud, instances).await)
}

async fn shared_key(cloud: &Cloud, seed: &Seed) -> Broken {
    let production = seed.environment("production");
    let volume = volume(cloud, "staging", Some(&production.key)).await;
    let snapshot = super::volume_snapshot(cloud, "staging", &volume).await;
    Broken::new(vec![("kms-key-in-one-environment", production.key_id(), HOME)], async move |cloud| {
        drop_volume(&cloud, &volume, Some(&snapshot)).await;
    })
}

async fn key_not_rotated(cloud: &Cloud, seed: &Seed) -> Broken {
    let key = seed.environment("staging").key.clone();
    cloud.kms().disable_key_rotation().key_id(&key).send().await.expect("DisableKeyRotation");
    Broken::new(vec![("kms-key-rotated", id_of(&key), HOME)], async move |cloud| {
        cloud.kms().enable_key_rotation().key_id(key).send().await.expect("EnableKeyRotation");
    })
}

async fn key_disabled(cloud: &Cloud, seed: &Seed) -> Broken {
    // moto wants the id here, not the ARN.
    let key = seed.environment("demo").key_id();
    cloud.kms().disable_key().key_id(&key).send().await.expect("DisableKey");
    Broken::new(vec![("kms-key-usable", key.clone(), HOME)], async move |cloud| {
        cloud.kms().enable_key().key_id(key).send().await.expect("EnableKey");
    })
}

async fn key_open_to_other_account(cloud: &Cloud, seed: &Seed) -> Broken {
    let key = seed.environment("test").key.clone();
    let policy = |account: &str| {
        let principal = format!(r#"{{"AWS":"arn:aws:iam::{account}:root"}}"#);
        let statement = format!(r#"{{"Effect":"Allow","Principal":{principal},"Action":"kms:*","Resource":"*"}}"#);
        format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#)
    };
    let (open, own) = (policy(STRANGER), policy(cloud.account_id()));
    cloud.kms().put_key_policy().key_id(&key).policy_name("default").policy(open).send().await.expect("PutKeyPolicy");
    Broken::new(vec![("kms-key-policy-stays-in-account", id_of(&key), HOME)], async move |cloud| {
        cloud.kms().put_key_policy().key_id(key).policy_name("default").policy(own).send().await.expect("PutKeyPolicy");
    })
}

async fn shared_key_pair(cloud: &Cloud, seed: &Seed) -> Broken {
    const PAIR: &str = "everybody";
    cloud.ec2().create_key_pair().key_name(PAIR).send().await.expect("CreateKeyPair");
    let mut instances = Vec::new();
    for environment in [seed.environment("test"), seed.environment("staging")] {
        instances.extend(servers(cloud, environment, &environment.subnets[0], PAIR, 1).await);
    }
    let expected = instances.iter().map(|id| ("key-pair-in-one-environment", id.clone(), HOME)).collect();
    Broken::new(expected, async move |cloud| terminate(&cloud, instances).await)
}

async fn role_trusts_other_environment(cloud: &Cloud, seed: &Seed) -> Broken {
    const NAME: &str = "production-deploy";
    let other = format!(r#"{{"AWS":"arn:aws:iam::{}:role/{}"}}"#, cloud.account_id(), seed.environment("staging").role);
    super::role_with_trust(cloud, "production", NAME, &other).await;
    Broken::new(vec![("role-trust-stays-in-environment", NAME.to_owned(), "global")], async |cloud| {
        cloud.iam().delete_role().role_name(NAME).send().await.expect("DeleteRole");
    })
}

/// Tests ask for keys of its own in production.
async fn table_without_own_key(cloud: &Cloud, seed: &Seed) -> Broken {
    const NAME: &str = "production-locks";
    super::table(cloud, seed.environment("production"), NAME, false, true).await;
    Broken::new(vec![("dynamodb-table-encrypted", NAME.to_owned(), HOME)], async |cloud| {
        cloud.dynamodb().delete_table().table_name(NAME).send().await.expect("DeleteTable");
    })
}

async fn table_without_recovery(cloud: &Cloud, seed: &Seed) -> Broken {
    const NAME: &str = "staging-imports";
    super::table(cloud, seed.environment("staging"), NAME, true, false).await;
    let policies = ["dynamodb-point-in-time-recovery", "dynamodb-recent-restorable-time"];
    let expected = policies.into_iter().map(|policy| (policy, NAME.to_owned(), HOME)).collect();
    Broken::new(expected, async |cloud| super::recover(&cloud, NAME).await)
}

async fn drop_file_system(cloud: &Cloud, id: &str) {
    let targets = cloud.efs().describe_mount_targets().file_system_id(id).send().await.expect("DescribeMountTargets").mount_targets;
    for target in targets.unwrap_or_default() {
        cloud.efs().delete_mount_target().mount_target_id(target.mount_target_id).send().await.expect("DeleteMountTarget");
    }
    cloud.efs().delete_file_system().file_system_id(id).send().await.expect("DeleteFileSystem");
}

async fn file_system_without_backup(cloud: &Cloud, seed: &Seed) -> Broken {
    let id = super::file_system(cloud, seed.environment("staging"), false, None).await;
    Broken::new(vec![("efs-backup-policy", id.clone(), HOME)], async move |cloud| drop_file_system(&cloud, &id).await)
}

async fn single_zone_file_system(cloud: &Cloud, seed: &Seed) -> Broken {
    let id = super::file_system(cloud, seed.environment("production"), true, Some("a")).await;
    Broken::new(vec![("efs-multi-az", id.clone(), HOME)], async move |cloud| drop_file_system(&cloud, &id).await)
}

async fn unencrypted_file_system(cloud: &Cloud, _: &Seed) -> Broken {
    use aws_sdk_efs::types::Tag;
    let tag = Tag::builder().key("Environment").value("test").build().expect("a tag");
    let request = cloud.efs().create_file_system().creation_token("plain").encrypted(false).backup(true).tags(tag);
    let id = request.send().await.expect("CreateFileSystem").file_system_id;
    Broken::new(vec![("efs-encrypted", id.clone(), HOME)], async move |cloud| drop_file_system(&cloud, &id).await)
}

/// A key with a replica in another region. It takes AWS, and moto, a week to delete a key: nothing mends this.
pub(crate) async fn key_replicated_abroad(cloud: &Cloud) -> Vec<Expected> {
    use aws_sdk_kms::types::{KeyUsageType, Tag};
    let tag = || Tag::builder().tag_key("Environment").tag_value("production").build().expect("a tag");
    let request = cloud.kms().create_key().description("worldwide").key_usage(KeyUsageType::EncryptDecrypt).multi_region(true).tags(tag());
    let made = request.send().await.expect("CreateKey").key_metadata.expect("the key");
    let id = made.key_id;
    cloud.kms().replicate_key().key_id(&id).replica_region(OVERSEAS).send().await.expect("ReplicateKey");
    // moto would not tag the replica on the way.
    cloud.at(OVERSEAS).kms().tag_resource().key_id(&id).tags(tag()).send().await.expect("TagResource");
    for place in [cloud.clone(), cloud.at(OVERSEAS)] {
        place.kms().enable_key_rotation().key_id(&id).send().await.expect("EnableKeyRotation");
    }
    vec![
        ("key-replicas-in-allowed-region", id.clone(), HOME),
        ("key-replicas-in-allowed-region", id.clone(), OVERSEAS),
        ("every-resource-in-allowed-region", id, OVERSEAS),
    ]
}
