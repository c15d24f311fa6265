provider "aws" {
  region            = "eu-central-1"
  s3_use_path_style = true
}

resource "aws_s3_bucket" "as_it_is" {
  bucket = "example-clinic-as-it-is"
}

resource "aws_s3_bucket" "changed" {
  bucket = "example-clinic-changed"
}
