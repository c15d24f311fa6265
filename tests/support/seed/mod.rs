//! The estate of a clinic calendar, made through the AWS SDK on an emulator: four environments in eu-central-1, each with
//! a network, web servers, databases and storage of its own, all of them as they should be. What is wrong is added by
//! [`faults`]. The emulators have habits that the calls work around; each has its reason beside it.

pub(crate) mod cloud;
pub(crate) mod faults;

use aws_sdk_autoscaling::types::LaunchTemplateSpecification;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, PointInTimeRecoverySpecification, ScalarAttributeType, SseSpecification,
    SseType,
};
use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, Filter, FlowLogsResourceType, IamInstanceProfileSpecification, InstanceType, IpPermission, IpRange,
    LogDestinationType, RequestLaunchTemplateData, ResourceType, TrafficType, UserIdGroupPair,
};
use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, ProtocolEnum, TargetDescription, TargetTypeEnum};
use aws_sdk_rds::operation::create_db_instance::builders::CreateDBInstanceFluentBuilder;

pub(crate) use cloud::{ACCOUNT, Cloud, HOME};

/// Names of the environments, and the second number of their addresses.
pub(crate) const ENVIRONMENTS: [(&str, u8); 4] = [("test", 10), ("staging", 20), ("production", 30), ("demo", 40)];

/// Image of every server. Emulators start any, and do not know it.
const IMAGE: &str = "ami-12345678";

/// One environment.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    pub(crate) name: &'static str,
    pub(crate) cidr: String,
    pub(crate) vpc: String,
    /// In the zones a and b, and c in production.
    pub(crate) subnets: Vec<String>,
    pub(crate) web_group: String,
    pub(crate) database_group: String,
    /// ARN of the KMS key.
    pub(crate) key: String,
    pub(crate) key_pair: String,
    pub(crate) profile: String,
    pub(crate) role: String,
    pub(crate) instances: Vec<String>,
    pub(crate) volumes: Vec<String>,
    pub(crate) load_balancer: String,
    pub(crate) target_group: String,
    pub(crate) scaling_group: String,
    pub(crate) databases: Vec<String>,
    pub(crate) cluster: String,
    pub(crate) buckets: Vec<String>,
    pub(crate) tables: Vec<String>,
    pub(crate) file_system: String,
}

impl Environment {
    /// The id of its KMS key.
    pub(crate) fn key_id(&self) -> String {
        self.key.rsplit('/').next().unwrap_or_default().to_owned()
    }
}

/// Everything that was made.
#[derive(Debug, Clone)]
pub(crate) struct Seed {
    environments: Vec<Environment>,
}

/// How much of everything there is in each environment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Web servers, each with a volume, a snapshot of it and a network interface.
    pub(crate) servers: u8,
    /// Single databases, beside one cluster of two members.
    pub(crate) databases: u8,
    /// Buckets, beside the one that takes flow logs.
    pub(crate) buckets: u8,
    /// Tables.
    pub(crate) tables: u8,
}

impl Size {
    /// As little as has everything that a fault needs.
    pub(crate) const SMALL: Self = Self { servers: 2, databases: 2, buckets: 1, tables: 1 };
    /// Hundreds of resources.
    pub(crate) const LARGE: Self = Self { servers: 8, databases: 4, buckets: 2, tables: 2 };
}

impl Seed {
    /// Makes the four environments. There is nothing wrong with them.
    pub(crate) async fn clean(cloud: &Cloud, size: Size) -> Self {
        Self::of(cloud, &ENVIRONMENTS.map(|(name, _)| name), size).await
    }

    /// Makes some of the environments.
    pub(crate) async fn of(cloud: &Cloud, names: &[&str], size: Size) -> Self {
        cloud.ec2().enable_ebs_encryption_by_default().send().await.expect("EnableEbsEncryptionByDefault");
        let mut environments = Vec::new();
        for (name, number) in ENVIRONMENTS.into_iter().filter(|(name, _)| names.contains(name)) {
            environments.push(environment(cloud, name, number, size).await);
        }
        Self { environments }
    }

    /// One of the four.
    pub(crate) fn environment(&self, name: &str) -> &Environment {
        self.environments.iter().find(|e| e.name == name).expect("one of the four environments")
    }

    /// All four.
    pub(crate) fn environments(&self) -> &[Environment] {
        &self.environments
    }

    /// A vault for each environment. AWS Backup has an emulator of its own.
    pub(crate) async fn vaults(&self, backup: &Cloud) {
        for environment in &self.environments {
            vault(backup, environment, &format!("{}-daily", environment.name), true).await;
        }
    }
}

/// A vault.
pub(crate) async fn vault(backup: &Cloud, environment: &Environment, name: &str, with_key: bool) {
    let vault = backup.backup().create_backup_vault().backup_vault_name(name);
    let vault = vault.set_encryption_key_arn(with_key.then(|| environment.key.clone()));
    vault.backup_vault_tags("Environment", environment.name).send().await.expect("CreateBackupVault");
}

async fn environment(cloud: &Cloud, name: &'static str, number: u8, size: Size) -> Environment {
    let key = key(cloud, name, &format!("data of {name}")).await;
    let (role, profile) = role(cloud, name).await;
    let key_pair = format!("{name}-operator");
    let pair = cloud.ec2().create_key_pair().key_name(&key_pair);
    pair.tag_specifications(cloud::ec2_tags(ResourceType::KeyPair, name)).send().await.expect("CreateKeyPair");
    let cidr = format!("10.{number}.0.0/16");
    let vpc = vpc(cloud, name, &cidr).await;
    let mut subnets = Vec::new();
    for (at, zone) in ["a", "b", "c"].into_iter().enumerate().take(if name == "production" { 3 } else { 2 }) {
        subnets.push(subnet(cloud, name, &vpc, &format!("10.{number}.{at}.0/24"), zone).await);
    }
    let web_group = security_group(cloud, name, &vpc, "web").await;
    admit(cloud, &web_group, 443, Some("0.0.0.0/0"), None).await;
    let database_group = security_group(cloud, name, &vpc, "database").await;
    admit(cloud, &database_group, 5432, None, Some(&web_group)).await;
    let mut environment = Environment {
        name,
        cidr,
        vpc,
        subnets,
        web_group,
        database_group,
        key,
        key_pair,
        profile,
        role,
        instances: Vec::new(),
        volumes: Vec::new(),
        load_balancer: String::new(),
        target_group: String::new(),
        scaling_group: format!("{name}-web"),
        databases: Vec::new(),
        cluster: format!("{name}-records"),
        buckets: Vec::new(),
        tables: Vec::new(),
        file_system: String::new(),
    };
    servers(cloud, &mut environment, size.servers).await;
    front(cloud, &mut environment).await;
    scaling(cloud, &environment).await;
    databases(cloud, &mut environment, size.databases).await;
    buckets(cloud, &mut environment, size.buckets).await;
    flow_log(cloud, &environment).await;
    tables(cloud, &mut environment, size.tables).await;
    environment.file_system = file_system(cloud, &environment, true, None).await;
    environment
}

/// A key that rotates. Without `KeyUsage` moto leaves the member out of its description.
pub(crate) async fn key(cloud: &Cloud, environment: &str, description: &str) -> String {
    use aws_sdk_kms::types::{KeyUsageType, Tag};
    let tag = Tag::builder().tag_key("Environment").tag_value(environment).build().expect("a tag");
    let key = cloud.kms().create_key().description(description).key_usage(KeyUsageType::EncryptDecrypt).multi_region(false).tags(tag);
    let arn = key.send().await.expect("CreateKey").key_metadata.and_then(|k| k.arn).expect("the ARN of the key");
    cloud.kms().enable_key_rotation().key_id(&arn).send().await.expect("EnableKeyRotation");
    arn
}

/// A role that the servers of an environment run as, and its instance profile.
async fn role(cloud: &Cloud, environment: &str) -> (String, String) {
    let role = format!("{environment}-web");
    role_with_trust(cloud, environment, &role, r#"{"Service":"ec2.amazonaws.com"}"#).await;
    let iam = cloud.iam();
    iam.create_instance_profile().instance_profile_name(&role).send().await.expect("CreateInstanceProfile");
    iam.add_role_to_instance_profile().instance_profile_name(&role).role_name(&role).send().await.expect("AddRoleToInstanceProfile");
    (role.clone(), role)
}

/// A role that a principal may assume.
pub(crate) async fn role_with_trust(cloud: &Cloud, environment: &str, role: &str, principal: &str) {
    use aws_sdk_iam::types::Tag;
    let statement = format!(r#"{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}"#);
    let trust = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
    let tag = Tag::builder().key("Environment").value(environment).build().expect("a tag");
    cloud.iam().create_role().role_name(role).assume_role_policy_document(trust).tags(tag).send().await.expect("CreateRole");
}

async fn vpc(cloud: &Cloud, environment: &str, cidr: &str) -> String {
    let vpc = cloud.ec2().create_vpc().cidr_block(cidr).tag_specifications(cloud::ec2_tags(ResourceType::Vpc, environment));
    vpc.send().await.expect("CreateVpc").vpc.and_then(|v| v.vpc_id).expect("the id of the VPC")
}

async fn subnet(cloud: &Cloud, environment: &str, vpc: &str, cidr: &str, zone: &str) -> String {
    let tags = cloud::ec2_tags(ResourceType::Subnet, environment);
    let subnet = cloud.ec2().create_subnet().vpc_id(vpc).cidr_block(cidr).availability_zone(format!("{HOME}{zone}"));
    let subnet = subnet.tag_specifications(tags).send().await.expect("CreateSubnet").subnet;
    subnet.and_then(|s| s.subnet_id).expect("the id of the subnet")
}

async fn security_group(cloud: &Cloud, environment: &str, vpc: &str, what: &str) -> String {
    let group = cloud.ec2().create_security_group().group_name(format!("{environment}-{what}")).description(what).vpc_id(vpc);
    let group = group.tag_specifications(cloud::ec2_tags(ResourceType::SecurityGroup, environment));
    group.send().await.expect("CreateSecurityGroup").group_id.expect("the id of the group")
}

/// One ingress rule.
pub(crate) fn ingress(port: i32, cidr: Option<&str>, group: Option<&str>) -> IpPermission {
    let mut rule = IpPermission::builder().ip_protocol("tcp").from_port(port).to_port(port);
    if let Some(cidr) = cidr {
        rule = rule.ip_ranges(IpRange::builder().cidr_ip(cidr).build());
    }
    if let Some(group) = group {
        rule = rule.user_id_group_pairs(UserIdGroupPair::builder().group_id(group).user_id(ACCOUNT).build());
    }
    rule.build()
}

async fn admit(cloud: &Cloud, group: &str, port: i32, cidr: Option<&str>, from: Option<&str>) {
    let rule = cloud.ec2().authorize_security_group_ingress().group_id(group).ip_permissions(ingress(port, cidr, from));
    rule.send().await.expect("AuthorizeSecurityGroupIngress");
}

/// The disk of a server. EBS encryption by default has no effect in moto, and a key that is not named is made up.
pub(crate) fn disk(key: Option<&str>) -> BlockDeviceMapping {
    let mut ebs = EbsBlockDevice::builder().volume_size(8);
    if let Some(key) = key {
        ebs = ebs.encrypted(true).kms_key_id(key);
    }
    BlockDeviceMapping::builder().device_name("/dev/sda1").ebs(ebs.build()).build()
}

/// Servers in one subnet: their ids.
pub(crate) async fn run(cloud: &Cloud, environment: &Environment, subnet: &str, key_pair: &str, count: i32) -> Vec<String> {
    let profile = IamInstanceProfileSpecification::builder().name(&environment.profile).build();
    let request = cloud.ec2().run_instances().image_id(IMAGE).instance_type(InstanceType::M7gLarge).min_count(count).max_count(count);
    let request = request.subnet_id(subnet).security_group_ids(&environment.web_group).key_name(key_pair).iam_instance_profile(profile);
    let request = request.block_device_mappings(disk(Some(&environment.key)));
    let request = request.tag_specifications(cloud::ec2_tags(ResourceType::Instance, environment.name));
    let request = request.tag_specifications(cloud::ec2_tags(ResourceType::Volume, environment.name));
    let instances = request.send().await.expect("RunInstances").instances.unwrap_or_default();
    instances.into_iter().map(|i| i.instance_id.expect("the id of the instance")).collect()
}

/// Servers, half of them in each of two zones, with a snapshot of every volume.
async fn servers(cloud: &Cloud, environment: &mut Environment, count: u8) {
    let first = i32::from(count.div_ceil(2));
    for (subnet, count) in [(0, first), (1, i32::from(count) - first)] {
        let subnet = environment.subnets[subnet].clone();
        let pair = environment.key_pair.clone();
        let instances = run(cloud, environment, &subnet, &pair, count).await;
        environment.instances.extend(instances);
    }
    environment.volumes = volumes_of(cloud, &environment.instances).await;
    for volume in &environment.volumes {
        volume_snapshot(cloud, environment.name, volume).await;
    }
}

/// The volumes of instances.
pub(crate) async fn volumes_of(cloud: &Cloud, instances: &[String]) -> Vec<String> {
    let filter = Filter::builder().name("attachment.instance-id").set_values(Some(instances.to_vec())).build();
    let volumes = cloud.ec2().describe_volumes().filters(filter).send().await.expect("DescribeVolumes").volumes;
    volumes.unwrap_or_default().into_iter().filter_map(|v| v.volume_id).collect()
}

/// A snapshot of a volume: its id.
pub(crate) async fn volume_snapshot(cloud: &Cloud, environment: &str, volume: &str) -> String {
    let snapshot = cloud.ec2().create_snapshot().volume_id(volume).description("daily");
    let snapshot = snapshot.tag_specifications(cloud::ec2_tags(ResourceType::Snapshot, environment));
    snapshot.send().await.expect("CreateSnapshot").snapshot_id.expect("the id of the snapshot")
}

/// A load balancer in two zones, and the servers behind it.
async fn front(cloud: &Cloud, environment: &mut Environment) {
    let name = format!("{}-web", environment.name);
    environment.load_balancer = load_balancer(cloud, environment, &name, &environment.subnets[..2]).await;
    environment.target_group = target_group(cloud, environment, &name, &environment.instances).await;
    listener(cloud, &environment.load_balancer, &environment.target_group, 80).await;
}

/// A load balancer: its ARN.
pub(crate) async fn load_balancer(cloud: &Cloud, environment: &Environment, name: &str, subnets: &[String]) -> String {
    let request = cloud.elb().create_load_balancer().name(name).set_subnets(Some(subnets.to_vec()));
    let request = request.security_groups(&environment.web_group).tags(cloud::elb_tag(environment.name));
    let made = request.send().await.expect("CreateLoadBalancer").load_balancers.unwrap_or_default();
    made.into_iter().next().and_then(|lb| lb.load_balancer_arn).expect("the ARN of the load balancer")
}

/// A target group with instances: its ARN.
pub(crate) async fn target_group(cloud: &Cloud, environment: &Environment, name: &str, instances: &[String]) -> String {
    let request = cloud.elb().create_target_group().name(name).protocol(ProtocolEnum::Http).port(80).vpc_id(&environment.vpc);
    let request = request.target_type(TargetTypeEnum::Instance).tags(cloud::elb_tag(environment.name));
    let made = request.send().await.expect("CreateTargetGroup").target_groups.unwrap_or_default();
    let arn = made.into_iter().next().and_then(|g| g.target_group_arn).expect("the ARN of the target group");
    let targets = instances.iter().map(|id| TargetDescription::builder().id(id).build()).collect();
    cloud.elb().register_targets().target_group_arn(&arn).set_targets(Some(targets)).send().await.expect("RegisterTargets");
    arn
}

/// A listener that forwards: its ARN. Only then the target group names its load balancer.
pub(crate) async fn listener(cloud: &Cloud, load_balancer: &str, target_group: &str, port: i32) -> String {
    let action = Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(target_group).build();
    let request = cloud.elb().create_listener().load_balancer_arn(load_balancer).protocol(ProtocolEnum::Http).port(port);
    let made = request.default_actions(action).send().await.expect("CreateListener").listeners.unwrap_or_default();
    made.into_iter().next().and_then(|l| l.listener_arn).expect("the ARN of the listener")
}

/// A group that holds the servers. What moto starts for a group is all in one zone and has a second, unencrypted volume:
/// the group is made empty, and gets the servers that run already.
async fn scaling(cloud: &Cloud, environment: &Environment) {
    let name = &environment.scaling_group;
    scaling_group(cloud, environment, name, &environment.subnets[..2]).await;
    attach(cloud, name, &environment.instances).await;
}

/// An empty group.
pub(crate) async fn scaling_group(cloud: &Cloud, environment: &Environment, name: &str, subnets: &[String]) {
    use aws_sdk_autoscaling::types::Tag;
    let data = RequestLaunchTemplateData::builder().image_id(IMAGE).instance_type(InstanceType::M7gLarge);
    let data = data.security_group_ids(&environment.web_group).build();
    let template = cloud.ec2().create_launch_template().launch_template_name(name).launch_template_data(data);
    template.send().await.expect("CreateLaunchTemplate");
    let template = LaunchTemplateSpecification::builder().launch_template_name(name).version("1").build();
    let tag = Tag::builder().resource_id(name).resource_type("auto-scaling-group").key("Environment").value(environment.name);
    let request = cloud.autoscaling().create_auto_scaling_group().auto_scaling_group_name(name).launch_template(template);
    let request = request.min_size(0).max_size(100).desired_capacity(0).vpc_zone_identifier(subnets.join(","));
    request.tags(tag.propagate_at_launch(true).build()).send().await.expect("CreateAutoScalingGroup");
}

/// Puts instances into a group, twenty at a time as AWS wants it.
pub(crate) async fn attach(cloud: &Cloud, group: &str, instances: &[String]) {
    for some in instances.chunks(20) {
        let request = cloud.autoscaling().attach_instances().auto_scaling_group_name(group).set_instance_ids(Some(some.to_vec()));
        request.send().await.expect("AttachInstances");
    }
}

/// A database with a standby, and seven days of backups.
pub(crate) fn database(cloud: &Cloud, environment: &Environment, id: &str) -> CreateDBInstanceFluentBuilder {
    let request = cloud.rds().create_db_instance().db_instance_identifier(id).db_instance_class("db.m7g.large").engine("postgres");
    let request = request.engine_version("16.3").master_username("keeper").master_user_password("not-a-secret").allocated_storage(20);
    let request = request.storage_encrypted(true).kms_key_id(&environment.key).multi_az(true).backup_retention_period(7);
    let request = request.publicly_accessible(false).auto_minor_version_upgrade(true).copy_tags_to_snapshot(true);
    let request = request.db_subnet_group_name(format!("{}-databases", environment.name));
    request.vpc_security_group_ids(&environment.database_group).tags(cloud::rds_tag(environment.name))
}

/// Databases, and a cluster with a member in each of two zones.
async fn databases(cloud: &Cloud, environment: &mut Environment, count: u8) {
    let name = environment.name;
    let group = cloud.rds().create_db_subnet_group().db_subnet_group_name(format!("{name}-databases"));
    let group = group.db_subnet_group_description("private").set_subnet_ids(Some(environment.subnets.clone()));
    group.tags(cloud::rds_tag(name)).send().await.expect("CreateDBSubnetGroup");
    for at in 1..=count {
        let id = format!("{name}-calendar-{at}");
        database(cloud, environment, &id).send().await.expect("CreateDBInstance");
        environment.databases.push(id);
    }
    cluster(cloud, environment, &environment.cluster, true, ["a", "b"]).await;
}

/// An Aurora cluster of two members.
pub(crate) async fn cluster(cloud: &Cloud, environment: &Environment, id: &str, encrypted: bool, zones: [&str; 2]) {
    let request = cloud.rds().create_db_cluster().db_cluster_identifier(id).engine("aurora-postgresql").engine_version("16.3");
    let mut request = request.master_username("keeper").master_user_password("not-a-secret").backup_retention_period(7);
    if encrypted {
        request = request.storage_encrypted(true).kms_key_id(&environment.key);
    }
    let request = request.db_subnet_group_name(format!("{}-databases", environment.name)).tags(cloud::rds_tag(environment.name));
    request.vpc_security_group_ids(&environment.database_group).send().await.expect("CreateDBCluster");
    for (at, zone) in zones.into_iter().enumerate() {
        let member = cloud.rds().create_db_instance().db_instance_identifier(format!("{id}-{}", at + 1)).db_cluster_identifier(id);
        let member = member.db_instance_class("db.r7g.large").engine("aurora-postgresql").availability_zone(format!("{HOME}{zone}"));
        let mut member = member.publicly_accessible(false).tags(cloud::rds_tag(environment.name));
        if encrypted {
            member = member.storage_encrypted(true).kms_key_id(&environment.key);
        }
        member.send().await.expect("CreateDBInstance");
    }
}

/// Buckets, the first of them for flow logs.
async fn buckets(cloud: &Cloud, environment: &mut Environment, count: u8) {
    for at in 0..=count {
        let what = if at == 0 { "flow-logs".to_owned() } else { format!("documents-{at}") };
        // Names are shared by all accounts, and the emulator of one test may hold the estates of two.
        let name = format!("clinic-{}-{}-{what}", cloud.account_id(), environment.name);
        bucket(cloud, Some(environment.name), &name, Some(&environment.key)).await;
        environment.buckets.push(name);
    }
}

/// A bucket, closed and versioned, encrypted if there is a key and tagged if there is an environment. moto knows no
/// encryption that a bucket has by itself.
pub(crate) async fn bucket(cloud: &Cloud, environment: Option<&str>, name: &str, key: Option<&str>) {
    use aws_sdk_s3::types::{
        BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, PublicAccessBlockConfiguration, ServerSideEncryption,
        ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag, Tagging, VersioningConfiguration,
    };
    let s3 = cloud.s3();
    let mut request = s3.create_bucket().bucket(name);
    if cloud.region() != "us-east-1" {
        let place = BucketLocationConstraint::from(cloud.region());
        request = request.create_bucket_configuration(CreateBucketConfiguration::builder().location_constraint(place).build());
    }
    request.send().await.expect("CreateBucket");
    if let Some(key) = key {
        let default = ServerSideEncryptionByDefault::builder().sse_algorithm(ServerSideEncryption::AwsKms).kms_master_key_id(key);
        let default = default.build().expect("a default");
        let rule = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(default).bucket_key_enabled(true).build();
        let rules = ServerSideEncryptionConfiguration::builder().rules(rule).build().expect("a configuration");
        s3.put_bucket_encryption().bucket(name).server_side_encryption_configuration(rules).send().await.expect("PutBucketEncryption");
    }
    let closed = PublicAccessBlockConfiguration::builder().block_public_acls(true).ignore_public_acls(true);
    let closed = closed.block_public_policy(true).restrict_public_buckets(true).build();
    s3.put_public_access_block().bucket(name).public_access_block_configuration(closed).send().await.expect("PutPublicAccessBlock");
    let versions = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    s3.put_bucket_versioning().bucket(name).versioning_configuration(versions).send().await.expect("PutBucketVersioning");
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"TlsOnly","Effect":"Deny","Principal":"*","Action":"s3:*",
        "Resource":["arn:aws:s3:::{name}","arn:aws:s3:::{name}/*"],"Condition":{{"Bool":{{"aws:SecureTransport":"false"}}}}}}]}}"#
    );
    s3.put_bucket_policy().bucket(name).policy(policy).send().await.expect("PutBucketPolicy");
    if let Some(environment) = environment {
        let tag = Tag::builder().key("Environment").value(environment).build().expect("a tag");
        let tags = Tagging::builder().tag_set(tag).build().expect("tags");
        s3.put_bucket_tagging().bucket(name).tagging(tags).send().await.expect("PutBucketTagging");
    }
}

/// Flow logs of the VPC. The call succeeds even if it does nothing.
async fn flow_log(cloud: &Cloud, environment: &Environment) {
    let request = cloud.ec2().create_flow_logs().resource_ids(&environment.vpc).resource_type(FlowLogsResourceType::Vpc);
    let request = request.traffic_type(TrafficType::All).log_destination_type(LogDestinationType::S3);
    let request = request.log_destination(format!("arn:aws:s3:::{}", environment.buckets[0]));
    let request = request.tag_specifications(cloud::ec2_tags(ResourceType::VpcFlowLog, environment.name));
    let answer = request.send().await.expect("CreateFlowLogs");
    assert!(answer.unsuccessful.unwrap_or_default().is_empty(), "CreateFlowLogs for {}", environment.name);
}

async fn tables(cloud: &Cloud, environment: &mut Environment, count: u8) {
    for at in 1..=count {
        let name = format!("{}-sessions-{at}", environment.name);
        table(cloud, environment, &name, true, true).await;
        environment.tables.push(name);
    }
}

/// A table, encrypted with the key of its environment or by AWS.
pub(crate) async fn table(cloud: &Cloud, environment: &Environment, name: &str, own_key: bool, recovery: bool) {
    use aws_sdk_dynamodb::types::Tag;
    let id = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S).build().expect("an attribute");
    let hash = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build().expect("a key");
    let sse = SseSpecification::builder().enabled(true).sse_type(SseType::Kms).kms_master_key_id(&environment.key).build();
    let tag = Tag::builder().key("Environment").value(environment.name).build().expect("a tag");
    let request = cloud.dynamodb().create_table().table_name(name).attribute_definitions(id).key_schema(hash);
    let request = request.billing_mode(BillingMode::PayPerRequest).deletion_protection_enabled(false).tags(tag);
    request.set_sse_specification(own_key.then_some(sse)).send().await.expect("CreateTable");
    if recovery {
        recover(cloud, name).await;
    }
}

/// Switches point-in-time recovery of a table on.
pub(crate) async fn recover(cloud: &Cloud, table: &str) {
    let on = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build().expect("a specification");
    let request = cloud.dynamodb().update_continuous_backups().table_name(table).point_in_time_recovery_specification(on);
    request.send().await.expect("UpdateContinuousBackups");
}

/// A file system: its id. moto sets the backup policy at creation only.
pub(crate) async fn file_system(cloud: &Cloud, environment: &Environment, backup: bool, one_zone: Option<&str>) -> String {
    use aws_sdk_efs::types::Tag;
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build().expect("a tag");
    let token = format!("{}-{backup}-{}", environment.name, one_zone.unwrap_or("all"));
    let request = cloud.efs().create_file_system().creation_token(&token).encrypted(true).kms_key_id(&environment.key).backup(backup);
    let request = request.tags(tag("Environment", environment.name)).tags(tag("Name", &format!("{}-uploads", environment.name)));
    let made = request.set_availability_zone_name(one_zone.map(|z| format!("{HOME}{z}"))).send().await.expect("CreateFileSystem");
    let id = made.file_system_id;
    let subnets = if one_zone.is_some() { &environment.subnets[..1] } else { &environment.subnets[..2] };
    for subnet in subnets {
        cloud.efs().create_mount_target().file_system_id(&id).subnet_id(subnet).send().await.expect("CreateMountTarget");
    }
    id
}
