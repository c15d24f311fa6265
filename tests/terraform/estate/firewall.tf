# The rules are in the group.
resource "aws_security_group" "web" {
  name        = "calendar-web"
  description = "Load balancer of the calendar"
  vpc_id      = aws_vpc.main.id

  ingress {
    description      = "HTTPS from everywhere"
    from_port        = 443
    to_port          = 443
    protocol         = "tcp"
    cidr_blocks      = ["0.0.0.0/0"]
    ipv6_cidr_blocks = ["::/0"]
  }

  ingress {
    description = "Redirected to HTTPS"
    from_port   = 80
    to_port     = 80
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }

  ingress {
    from_port = 8080
    to_port   = 8081
    protocol  = "tcp"
    self      = true
  }

  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }

  tags = { Name = "calendar-web" }
}

# The rules are resources of the older kind.
resource "aws_security_group" "application" {
  name        = "calendar-application"
  description = "Application servers"
  vpc_id      = aws_vpc.main.id
  tags        = { Name = "calendar-application" }
}

resource "aws_security_group_rule" "application_web" {
  type                     = "ingress"
  description              = "Load balancer"
  security_group_id        = aws_security_group.application.id
  source_security_group_id = aws_security_group.web.id
  protocol                 = "tcp"
  from_port                = 8080
  to_port                  = 8080
}

resource "aws_security_group_rule" "application_ssh" {
  type              = "ingress"
  description       = "Administrators"
  security_group_id = aws_security_group.application.id
  cidr_blocks       = ["192.0.2.0/24", "198.51.100.7/32"]
  protocol          = "tcp"
  from_port         = 22
  to_port           = 22
}

resource "aws_security_group_rule" "application_out" {
  type              = "egress"
  security_group_id = aws_security_group.application.id
  cidr_blocks       = ["0.0.0.0/0"]
  protocol          = "-1"
  from_port         = 0
  to_port           = 0
}

# The rules are resources of the newer kind.
resource "aws_security_group" "database" {
  name_prefix = "calendar-database-"
  description = "Databases"
  vpc_id      = aws_vpc.main.id
  tags        = { Name = "calendar-database" }
}

resource "aws_vpc_security_group_ingress_rule" "database_application" {
  security_group_id            = aws_security_group.database.id
  description                  = "Application servers"
  referenced_security_group_id = aws_security_group.application.id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_vpc_security_group_ingress_rule" "database_test" {
  security_group_id = aws_security_group.database.id
  description       = "From the test environment"
  cidr_ipv4         = aws_vpc.test.cidr_block
  ip_protocol       = "tcp"
  from_port         = 5432
  to_port           = 5432
  tags              = { Name = "from-test" }
}

resource "aws_vpc_security_group_egress_rule" "database_out" {
  security_group_id = aws_security_group.database.id
  cidr_ipv4         = "10.20.0.0/16"
  ip_protocol       = "-1"
}

# No rules at all.
resource "aws_security_group" "empty" {
  name   = "calendar-empty"
  vpc_id = aws_vpc.main.id
}
