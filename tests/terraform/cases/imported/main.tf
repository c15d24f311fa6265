# What is in before/ is applied first, and its state forgotten: one is imported as it is, one is changed at once.
provider "aws" {
  region            = "eu-central-1"
  s3_use_path_style = true
}

import {
  to = aws_s3_bucket.as_it_is
  id = "example-clinic-as-it-is"
}

import {
  to = aws_s3_bucket.changed
  id = "example-clinic-changed"
}

resource "aws_s3_bucket" "as_it_is" {
  bucket = "example-clinic-as-it-is"
}

resource "aws_s3_bucket" "changed" {
  bucket = "example-clinic-changed"
  tags   = { Environment = "production" }
}
