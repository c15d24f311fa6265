# The region of a resource is that of the provider its module was given.
provider "aws" {
  region = "eu-central-1"
}

provider "aws" {
  alias  = "west"
  region = "eu-west-1"
}

provider "aws" {
  alias  = "variable"
  region = var.region
}

variable "region" {
  type    = string
  default = "eu-north-1"
}

module "central" {
  source = "./clinic"
  name   = "central"
}

module "west" {
  source    = "./clinic"
  providers = { aws = aws.west }
  name      = "west"
}

module "both" {
  source    = "./both"
  providers = { aws.here = aws.west, aws.there = aws.variable }
}

resource "aws_vpc" "root" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_vpc" "root_west" {
  provider   = aws.west
  cidr_block = "10.0.0.0/16"
}
