variable "label" {
  type = string
}

variable "size" {
  type = number
}

resource "aws_ebs_volume" "this" {
  count             = var.size > 20 ? 1 : 0
  availability_zone = "eu-central-1a"
  size              = var.size
  encrypted         = true
  tags              = { Clinic = var.label }
}

resource "aws_vpc" "this" {
  for_each   = var.size > 20 ? toset([]) : toset(["module.x.y[\"z\"]"])
  cidr_block = "10.0.0.0/16"
  tags       = { Clinic = var.label }
}
