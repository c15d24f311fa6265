variable "name" {
  type = string
}

resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_s3_bucket" "this" {
  bucket = "example-clinic-${var.name}"
}

resource "aws_db_instance" "this" {
  identifier              = var.name
  engine                  = "postgres"
  instance_class          = "db.t4g.small"
  allocated_storage       = 20
  username                = "calendar"
  password                = "example-not-a-secret"
  backup_retention_period = 7
}
