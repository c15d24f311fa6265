terraform {
  required_version = ">= 1.7"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {
  region            = "eu-central-1"
  s3_use_path_style = true

  default_tags {
    tags = {
      Environment = "production"
      Service     = "clinic-calendar"
      ManagedBy   = "terraform"
    }
  }
}

provider "aws" {
  alias             = "ireland"
  region            = "eu-west-1"
  s3_use_path_style = true

  default_tags {
    tags = {
      Environment = "production"
      Service     = "clinic-calendar"
      ManagedBy   = "terraform"
      Region      = "secondary"
    }
  }
}
