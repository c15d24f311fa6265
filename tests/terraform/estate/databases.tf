resource "aws_db_subnet_group" "main" {
  name       = "calendar"
  subnet_ids = [for subnet in aws_subnet.private : subnet.id]
}

resource "aws_db_parameter_group" "postgres" {
  name   = "calendar-postgres16"
  family = "postgres16"

  parameter {
    name         = "rds.force_ssl"
    value        = "1"
    apply_method = "pending-reboot"
  }
}

resource "aws_db_instance" "calendar" {
  identifier                            = "calendar"
  engine                                = "postgres"
  engine_version                        = "16.4"
  instance_class                        = "db.m6g.large"
  allocated_storage                     = 100
  max_allocated_storage                 = 500
  storage_type                          = "gp3"
  storage_encrypted                     = true
  kms_key_id                            = aws_kms_key.data.arn
  db_name                               = "calendar"
  username                              = "calendar"
  password                              = var.database_password
  port                                  = 5432
  multi_az                              = true
  publicly_accessible                   = false
  backup_retention_period               = var.change ? 0 : var.retention
  backup_window                         = "02:00-03:00"
  maintenance_window                    = "Sun:04:00-Sun:05:00"
  copy_tags_to_snapshot                 = true
  deletion_protection                   = true
  auto_minor_version_upgrade            = true
  iam_database_authentication_enabled   = true
  performance_insights_enabled          = true
  performance_insights_kms_key_id       = aws_kms_key.data.arn
  performance_insights_retention_period = 7
  monitoring_interval                   = 60
  monitoring_role_arn                   = aws_iam_role.monitoring.arn
  enabled_cloudwatch_logs_exports       = ["postgresql", "upgrade"]
  vpc_security_group_ids                = [aws_security_group.database.id]
  db_subnet_group_name                  = aws_db_subnet_group.main.name
  parameter_group_name                  = aws_db_parameter_group.postgres.name
  ca_cert_identifier                    = "rds-ca-rsa2048-g1"
  skip_final_snapshot                   = true
  tags                                  = { Name = "calendar", Owner = var.change ? "nobody" : "platform" }
}

# What is not set is left to AWS and the provider.
resource "aws_db_instance" "reports" {
  identifier          = var.change ? "reports-2" : "reports"
  engine              = "mysql"
  instance_class      = "db.t4g.small"
  allocated_storage   = 20
  username            = "reports"
  password            = var.database_password
  skip_final_snapshot = true
}

resource "aws_db_snapshot" "before_upgrade" {
  db_instance_identifier = aws_db_instance.calendar.identifier
  db_snapshot_identifier = "calendar-before-upgrade"
}

resource "aws_rds_cluster_parameter_group" "aurora" {
  name   = "calendar-aurora16"
  family = "aurora-postgresql16"

  parameter {
    name  = "log_statement"
    value = "ddl"
  }
}

resource "aws_rds_cluster" "bookings" {
  cluster_identifier              = "bookings"
  engine                          = "aurora-postgresql"
  engine_version                  = "16.4"
  database_name                   = "bookings"
  master_username                 = "bookings"
  master_password                 = var.database_password
  storage_encrypted               = true
  kms_key_id                      = aws_kms_key.data.arn
  backup_retention_period         = 14
  preferred_backup_window         = "01:00-02:00"
  copy_tags_to_snapshot           = true
  deletion_protection             = true
  db_subnet_group_name            = aws_db_subnet_group.main.name
  db_cluster_parameter_group_name = aws_rds_cluster_parameter_group.aurora.name
  vpc_security_group_ids          = [aws_security_group.database.id]
  enabled_cloudwatch_logs_exports = ["postgresql"]
  skip_final_snapshot             = true
}

resource "aws_rds_cluster_instance" "bookings" {
  count                = 2
  identifier           = "bookings-${count.index}"
  cluster_identifier   = aws_rds_cluster.bookings.id
  engine               = aws_rds_cluster.bookings.engine
  engine_version       = aws_rds_cluster.bookings.engine_version
  instance_class       = "db.r6g.large"
  availability_zone    = local.zones[count.index]
  db_subnet_group_name = aws_db_subnet_group.main.name
  promotion_tier       = count.index
}

# What is not set is left to AWS and the provider.
resource "aws_rds_cluster" "archive" {
  cluster_identifier  = "archive"
  engine              = "aurora-postgresql"
  master_username     = "archive"
  master_password     = var.database_password
  skip_final_snapshot = true
}

resource "aws_docdb_cluster" "documents" {
  cluster_identifier              = "documents"
  engine_version                  = "5.0.0"
  master_username                 = "documents"
  master_password                 = var.database_password
  storage_encrypted               = true
  kms_key_id                      = aws_kms_key.data.arn
  backup_retention_period         = 7
  preferred_backup_window         = "00:00-00:30"
  db_subnet_group_name            = aws_db_subnet_group.main.name
  vpc_security_group_ids          = [aws_security_group.database.id]
  enabled_cloudwatch_logs_exports = ["audit"]
  deletion_protection             = true
  skip_final_snapshot             = true
}

resource "aws_docdb_cluster_instance" "documents" {
  identifier         = "documents-0"
  cluster_identifier = aws_docdb_cluster.documents.id
  instance_class     = "db.r6g.large"
}

resource "aws_neptune_cluster" "graph" {
  cluster_identifier      = "graph"
  engine                  = "neptune"
  storage_encrypted       = true
  kms_key_arn             = aws_kms_key.data.arn
  backup_retention_period = 7
  vpc_security_group_ids  = [aws_security_group.database.id]
  skip_final_snapshot     = true
}

resource "aws_neptune_cluster_instance" "graph" {
  identifier         = "graph-0"
  cluster_identifier = aws_neptune_cluster.graph.id
  engine             = "neptune"
  instance_class     = "db.r6g.large"
}

resource "aws_dynamodb_table" "sessions" {
  name                        = "sessions"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "id"
  deletion_protection_enabled = true
  stream_enabled              = true
  stream_view_type            = "NEW_AND_OLD_IMAGES"

  attribute {
    name = "id"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.data.arn
  }

  ttl {
    enabled        = true
    attribute_name = "expires"
  }
}

resource "aws_dynamodb_table" "locks" {
  name           = "locks"
  hash_key       = "LockID"
  read_capacity  = 1
  write_capacity = 1

  attribute {
    name = "LockID"
    type = "S"
  }
}
