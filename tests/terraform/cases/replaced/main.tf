# What is in before/ is applied first.
provider "aws" {
  region = "eu-central-1"
}

resource "aws_ebs_volume" "delete_first" {
  availability_zone = "eu-central-1a"
  size              = 10
  encrypted         = false
}

resource "aws_ebs_volume" "create_first" {
  availability_zone = "eu-central-1b"
  size              = 10
  encrypted         = true
  lifecycle {
    create_before_destroy = true
  }
}
