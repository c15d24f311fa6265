# A secret in a tag, in a description and where it belongs.
provider "aws" {
  region = "eu-central-1"
}

variable "secret" {
  type      = string
  sensitive = true
  default   = "example-hunter2"
}

resource "aws_ebs_volume" "tagged" {
  availability_zone = "eu-central-1a"
  size              = 10
  tags              = { Name = "tagged", Token = var.secret }
}

resource "aws_security_group" "described" {
  name        = "described"
  description = "token ${var.secret}"
  vpc_id      = "vpc-0123456789abcdef0"
}

resource "aws_db_instance" "calendar" {
  identifier              = "calendar"
  engine                  = "postgres"
  instance_class          = "db.t4g.small"
  allocated_storage       = 20
  username                = "calendar"
  password                = var.secret
  backup_retention_period = 7
}

output "secret" {
  value     = var.secret
  sensitive = true
}
