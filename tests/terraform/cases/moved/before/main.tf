provider "aws" {
  region = "eu-central-1"
}

resource "aws_ebs_volume" "old" {
  availability_zone = "eu-central-1a"
  size              = 10
}

resource "aws_ebs_volume" "many" {
  count             = 1
  availability_zone = "eu-central-1a"
  size              = 20
}
