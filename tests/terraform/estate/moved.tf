# The second plan gives this bucket another address.
resource "aws_s3_bucket" "exports" {
  bucket = "example-clinic-exports"
}
