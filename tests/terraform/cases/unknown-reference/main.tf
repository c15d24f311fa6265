# Unknown because of a reference, and unknown because nobody set it.
provider "aws" {
  region = "eu-central-1"
}

resource "aws_kms_key" "data" {
  enable_key_rotation = true
}

resource "aws_db_instance" "own_key" {
  identifier        = "own-key"
  engine            = "postgres"
  instance_class    = "db.t4g.small"
  allocated_storage = 20
  username          = "calendar"
  password          = "example-not-a-secret"
  storage_encrypted = true
  kms_key_id        = aws_kms_key.data.arn
}

resource "aws_db_instance" "no_key" {
  identifier              = "no-key"
  engine                  = "postgres"
  instance_class          = "db.t4g.small"
  allocated_storage       = 20
  username                = "calendar"
  password                = "example-not-a-secret"
  storage_encrypted       = true
  backup_retention_period = 7
}

resource "aws_ebs_volume" "unset" {
  availability_zone = "eu-central-1a"
  size              = 10
}

resource "aws_ebs_volume" "encrypted" {
  availability_zone = "eu-central-1a"
  size              = 10
  encrypted         = true
}
