# Tags that the provider sets, that a resource overrides, and that nobody knows yet.
provider "aws" {
  region = "eu-central-1"
  default_tags {
    tags = {
      Environment = "production"
      Owner       = var.owner
    }
  }
}

provider "aws" {
  alias  = "unknown"
  region = "eu-central-1"
  default_tags {
    tags = {
      Environment = "production"
      Network     = aws_vpc.plain.id
    }
  }
}

variable "owner" {
  type    = string
  default = "platform"
}

resource "aws_vpc" "plain" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_vpc" "overridden" {
  cidr_block = "10.1.0.0/16"
  tags       = { Environment = "test", Name = "overridden" }
}

resource "aws_vpc" "unknown_tag" {
  cidr_block = "10.2.0.0/16"
  tags       = { Name = "unknown", Peer = aws_vpc.plain.id }
}

resource "aws_vpc" "unknown_default" {
  provider   = aws.unknown
  cidr_block = "10.3.0.0/16"
  tags       = { Name = "unknown default" }
}

resource "aws_autoscaling_group" "untagged" {
  name               = "untagged"
  min_size           = 1
  max_size           = 2
  availability_zones = ["eu-central-1a"]
  launch_template {
    id = "lt-0123456789abcdef0"
  }
  tag {
    key                 = "Environment"
    value               = "staging"
    propagate_at_launch = true
  }
}
