provider "aws" {
  region            = "eu-central-1"
  s3_use_path_style = true
}

resource "aws_s3_bucket" "kept" {
  bucket = "example-clinic-kept"
}

resource "aws_s3_bucket" "forgotten" {
  bucket = "example-clinic-forgotten"
}
