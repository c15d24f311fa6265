# The second plan leaves this bucket to others.
resource "aws_s3_bucket" "handed_over" {
  bucket = "example-clinic-handed-over"
}
