# One group, two rules of their own, and another group that one of them opens to.
provider "aws" {
  region = "eu-central-1"
}

resource "aws_security_group" "database" {
  name   = "database"
  vpc_id = "vpc-0123456789abcdef0"
}

resource "aws_security_group" "application" {
  name   = "application"
  vpc_id = "vpc-0123456789abcdef0"
}

resource "aws_security_group_rule" "application" {
  type                     = "ingress"
  security_group_id        = aws_security_group.database.id
  source_security_group_id = aws_security_group.application.id
  protocol                 = "tcp"
  from_port                = 5432
  to_port                  = 5432
}

resource "aws_security_group_rule" "world" {
  type              = "ingress"
  security_group_id = aws_security_group.database.id
  cidr_blocks       = ["0.0.0.0/0"]
  protocol          = "tcp"
  from_port         = 5432
  to_port           = 5432
}
