# Applied, one tainted, then planned again.
provider "aws" {
  region = "eu-central-1"
}

resource "aws_ebs_volume" "tainted" {
  availability_zone = "eu-central-1a"
  size              = 10
  encrypted         = true
}

resource "aws_ebs_volume" "sound" {
  availability_zone = "eu-central-1a"
  size              = 10
  encrypted         = true
}
