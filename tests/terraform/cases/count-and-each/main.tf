# Instances that refer to those of their own number or key.
provider "aws" {
  region = "eu-central-1"
}

resource "aws_kms_key" "numbered" {
  count       = 3
  description = "key ${count.index}"
}

resource "aws_ebs_volume" "numbered" {
  count             = 3
  availability_zone = "eu-central-1a"
  size              = 10 + count.index
  encrypted         = true
  kms_key_id        = aws_kms_key.numbered[count.index].arn
}

resource "aws_kms_key" "keyed" {
  for_each            = toset(["north", "south"])
  enable_key_rotation = each.key == "north"
}

resource "aws_efs_file_system" "keyed" {
  for_each   = toset(["north", "south"])
  encrypted  = true
  kms_key_id = aws_kms_key.keyed[each.key].arn
}

resource "aws_efs_file_system" "fixed" {
  encrypted  = true
  kms_key_id = aws_kms_key.keyed["south"].arn
}
