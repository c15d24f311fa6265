# What is in before/ is applied first.
provider "aws" {
  region            = "eu-central-1"
  s3_use_path_style = true
}

resource "aws_s3_bucket" "kept" {
  bucket = "example-clinic-kept"
}

removed {
  from = aws_s3_bucket.forgotten
  lifecycle {
    destroy = false
  }
}
