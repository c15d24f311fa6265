terraform {
  required_providers {
    aws = {
      source                = "hashicorp/aws"
      configuration_aliases = [aws.here, aws.there]
    }
  }
}

resource "aws_vpc" "here" {
  provider   = aws.here
  cidr_block = "10.0.0.0/16"
}

resource "aws_s3_bucket" "there" {
  provider = aws.there
  bucket   = "example-clinic-there"
}
