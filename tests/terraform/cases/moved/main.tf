# What is in before/ is applied first: one moves as it is, one moves and changes.
provider "aws" {
  region = "eu-central-1"
}

moved {
  from = aws_ebs_volume.old
  to   = aws_ebs_volume.new
}

moved {
  from = aws_ebs_volume.many[0]
  to   = aws_ebs_volume.many["a.b"]
}

resource "aws_ebs_volume" "new" {
  availability_zone = "eu-central-1a"
  size              = 10
}

resource "aws_ebs_volume" "many" {
  for_each          = toset(["a.b"])
  availability_zone = "eu-central-1a"
  size              = 30
}
