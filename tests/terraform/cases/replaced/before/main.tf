provider "aws" {
  region = "eu-central-1"
}

resource "aws_ebs_volume" "delete_first" {
  availability_zone = "eu-central-1a"
  size              = 10
  encrypted         = true
}

resource "aws_ebs_volume" "create_first" {
  availability_zone = "eu-central-1a"
  size              = 10
  encrypted         = true
}
