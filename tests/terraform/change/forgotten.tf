removed {
  from = aws_s3_bucket.handed_over
  lifecycle {
    destroy = false
  }
}
