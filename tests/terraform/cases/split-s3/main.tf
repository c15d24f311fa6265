# What belongs to a bucket is told by a reference, by a key, or by a name that no plan holds.
provider "aws" {
  region = "eu-central-1"
}

resource "aws_s3_bucket" "referenced" {
  bucket_prefix = "example-clinic-"
}

resource "aws_s3_bucket_versioning" "referenced" {
  bucket = aws_s3_bucket.referenced.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket" "keyed" {
  for_each      = toset(["reports", "scans.v2"])
  bucket_prefix = "example-clinic-"
}

resource "aws_s3_bucket_public_access_block" "keyed" {
  for_each                = toset(["reports", "scans.v2"])
  bucket                  = aws_s3_bucket.keyed[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = each.key == "reports"
}

resource "aws_s3_bucket" "named" {
  bucket = "example-clinic-named"
}

resource "aws_s3_bucket_logging" "named" {
  bucket        = "example-clinic-named"
  target_bucket = "example-clinic-elsewhere"
  target_prefix = "named/"
}

resource "aws_s3_bucket_versioning" "elsewhere" {
  bucket = "example-clinic-elsewhere"
  versioning_configuration {
    status = "Suspended"
  }
}
