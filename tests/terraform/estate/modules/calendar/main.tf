variable "name" {
  type = string
}

variable "days" {
  type = number
}

variable "vpc_id" {
  type = string
}

resource "aws_dynamodb_table" "appointments" {
  name         = "appointments-${replace(var.name, "/[^a-z0-9]+/", "-")}"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }

  point_in_time_recovery {
    enabled = var.days > 1
  }
}

resource "aws_security_group" "this" {
  for_each = toset(["front.end", "back[end]"])
  name     = "${replace(var.name, "/[^a-z0-9]+/", "-")}-${replace(each.key, "/[^a-z0-9]+/", "-")}"
  vpc_id   = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each          = aws_security_group.this
  security_group_id = each.value.id
  cidr_ipv4         = "10.0.0.0/8"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

output "table" {
  value = aws_dynamodb_table.appointments.name
}
