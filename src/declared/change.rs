//! The types that only code has: what a plan changes, and what is declared of types that no table reads.

use schemars::JsonSchema;
use serde::Serialize;

use crate::estate::{CODE, Properties, Registry};

/// What a plan does to one resource, whatever its type; one for each that the plan names, deposed leftovers too.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Change {
    /// Address in the code.
    pub(crate) address: String,
    /// The code's own name of the type: `aws_db_instance`.
    pub(crate) resource_type: String,
    /// What becomes of it: `no-op`, `create`, `update`, `replace`, `delete` or `forget` (it stays, and is no longer managed).
    pub(crate) action: String,
    /// Why the plan does so: `replace_because_cannot_update`, `delete_because_no_resource_config`; absent where the action speaks for itself.
    pub(crate) action_reason: Option<String>,
    /// Attributes that force the replacement, in dots; empty when nothing is replaced or something else forces it.
    pub(crate) replace_paths: Vec<String>,
    /// Address it had before, when it was moved.
    pub(crate) previous_address: Option<String>,
    /// Whether it is brought under management by this plan.
    pub(crate) imported: bool,
    /// Mark of a leftover of an earlier replacement; absent on everything else.
    pub(crate) deposed: Option<String>,
    /// What it holds, where losing it loses something: `database`, `bucket`, `key`, `vault`, `trail`, `backup`, `storage`; absent otherwise.
    pub(crate) holds: Option<String>,
    /// Whether AWS refuses to delete it, as it is before the plan; absent where it has no such setting or it is not known.
    pub(crate) deletion_protection: Option<bool>,
    /// Whether it is deleted without a last snapshot, as it is set before the plan; absent where it has no such setting.
    pub(crate) skip_final_snapshot: Option<bool>,
    /// Whether it is deleted although something is in it, as it is set before the plan; absent where it has no such setting.
    pub(crate) force_destroy: Option<bool>,
}

impl Properties for Change {
    const TYPE: &'static str = "Code::Change";
}

/// Something that code declares of a type that keur does not read further: only its place and tags count.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Other {
    /// Address in the code.
    pub(crate) address: String,
    /// The code's own name of the type: `aws_sqs_queue`.
    pub(crate) resource_type: String,
}

impl Properties for Other {
    const TYPE: &'static str = "Code::Resource";
}

/// Something that code declares, that keur does not read further and that has no tags: a setting, a permission, a piece of another thing.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Piece {
    /// Address in the code.
    pub(crate) address: String,
    /// The code's own name of the type: `aws_lambda_permission`.
    pub(crate) resource_type: String,
}

impl Properties for Piece {
    const TYPE: &'static str = "Code::Piece";
}

/// Declares the types.
pub(crate) fn register(registry: Registry) -> Registry {
    let mut names: Vec<_> = super::sources().into_iter().collect();
    // What becomes a thing of the type goes before what adds to one.
    names.sort_by_key(|(_, adds, _)| *adds);
    let registry = registry.called(names.into_iter().filter(|(kind, _, from)| kind != from).map(|(kind, _, from)| (from, kind)));
    registry.with::<Change>(CODE).with::<Other>(CODE).with::<Piece>(CODE)
}

/// What is lost with a thing of that type, if something is.
pub(crate) fn holds(resource_type: &str) -> Option<&'static str> {
    // Terraform's name, or AWS's own in a template.
    Some(match resource_type {
        "aws_db_instance"
        | "aws_rds_cluster"
        | "aws_rds_cluster_instance"
        | "aws_rds_global_cluster"
        | "aws_docdb_cluster"
        | "aws_docdb_cluster_instance"
        | "aws_docdbelastic_cluster"
        | "aws_neptune_cluster"
        | "aws_neptune_cluster_instance"
        | "aws_dynamodb_table"
        | "aws_dynamodb_global_table"
        | "aws_dynamodb_table_replica"
        | "aws_elasticache_cluster"
        | "aws_elasticache_replication_group"
        | "aws_elasticache_serverless_cache"
        | "aws_memorydb_cluster"
        | "aws_redshift_cluster"
        | "aws_redshiftserverless_namespace"
        | "aws_opensearch_domain"
        | "aws_elasticsearch_domain"
        | "aws_opensearchserverless_collection"
        | "aws_keyspaces_table"
        | "aws_keyspaces_keyspace"
        | "aws_timestreamwrite_table"
        | "aws_timestreamwrite_database"
        | "aws_timestreaminfluxdb_db_instance"
        | "aws_qldb_ledger"
        | "aws_dsql_cluster"
        | "AWS::RDS::DBInstance"
        | "AWS::RDS::DBCluster"
        | "AWS::DocDB::DBCluster"
        | "AWS::Neptune::DBCluster"
        | "AWS::DynamoDB::Table"
        | "AWS::DynamoDB::GlobalTable" => "database",
        "aws_s3_bucket"
        | "aws_s3_directory_bucket"
        | "aws_s3tables_table"
        | "aws_s3tables_table_bucket"
        | "aws_s3control_bucket"
        | "AWS::S3::Bucket" => "bucket",
        "aws_kms_key" | "aws_kms_replica_key" | "aws_kms_external_key" | "aws_kms_custom_key_store" | "AWS::KMS::Key" => "key",
        "aws_backup_vault"
        | "aws_backup_logically_air_gapped_vault"
        | "aws_backup_vault_lock_configuration"
        | "aws_glacier_vault"
        | "AWS::Backup::BackupVault" => "vault",
        "aws_cloudtrail"
        | "aws_cloudtrail_event_data_store"
        | "aws_config_configuration_recorder"
        | "aws_config_delivery_channel"
        | "AWS::CloudTrail::Trail" => "trail",
        "aws_db_snapshot"
        | "aws_db_snapshot_copy"
        | "aws_db_cluster_snapshot"
        | "aws_neptune_cluster_snapshot"
        | "aws_ebs_snapshot"
        | "aws_ebs_snapshot_copy"
        | "aws_ebs_snapshot_import"
        | "aws_backup_plan"
        | "aws_backup_selection"
        | "aws_efs_backup_policy"
        | "aws_fsx_backup"
        | "aws_db_instance_automated_backups_replication"
        | "aws_dlm_lifecycle_policy"
        | "aws_redshift_cluster_snapshot"
        | "aws_rds_cluster_snapshot_copy"
        | "aws_s3_bucket_replication_configuration"
        | "AWS::Backup::BackupPlan"
        | "AWS::Backup::BackupSelection" => "backup",
        "aws_ebs_volume"
        | "aws_efs_file_system"
        | "aws_fsx_lustre_file_system"
        | "aws_fsx_ontap_file_system"
        | "aws_fsx_ontap_volume"
        | "aws_fsx_openzfs_file_system"
        | "aws_fsx_openzfs_volume"
        | "aws_fsx_windows_file_system"
        | "aws_secretsmanager_secret"
        | "aws_ecr_repository"
        | "aws_cloudwatch_log_group"
        | "aws_cognito_user_pool"
        | "aws_kinesis_stream"
        | "AWS::EC2::Volume"
        | "AWS::EFS::FileSystem" => "storage",
        _ => return None,
    })
}
