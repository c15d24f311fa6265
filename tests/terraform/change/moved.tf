moved {
  from = aws_s3_bucket.exports
  to   = aws_s3_bucket.reports
}

resource "aws_s3_bucket" "reports" {
  bucket = "example-clinic-exports"
}
