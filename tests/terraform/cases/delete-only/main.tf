# Applied, then planned with -destroy.
provider "aws" {
  region            = "eu-central-1"
  s3_use_path_style = true
}

resource "aws_ebs_volume" "data" {
  availability_zone = "eu-central-1a"
  size              = 10
  encrypted         = true
}

resource "aws_s3_bucket" "documents" {
  bucket = "example-clinic-delete-only"
}
