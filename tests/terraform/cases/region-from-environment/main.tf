# Planned with AWS_REGION=eu-west-3, which the plan does not say.
provider "aws" {}

resource "aws_s3_bucket" "documents" {
  bucket = "example-clinic-documents"
}

resource "aws_kms_key" "data" {
  enable_key_rotation = true
}

resource "aws_ebs_volume" "zoned" {
  availability_zone = "eu-west-3a"
  size              = 10
  encrypted         = true
}
