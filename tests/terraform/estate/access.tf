locals {
  assumed_by = { for service in ["ec2", "monitoring.rds", "vpc-flow-logs", "s3", "backup"] : service => jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "${service}.amazonaws.com" }
    }]
  }) }
}

resource "aws_iam_role" "application" {
  name               = "calendar-application"
  assume_role_policy = local.assumed_by["ec2"]
}

resource "aws_iam_role_policy" "application" {
  name = "queue"
  role = aws_iam_role.application.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["sqs:SendMessage"], Resource = aws_sqs_queue.reminders.arn }]
  })
}

resource "aws_iam_policy" "documents" {
  name        = "calendar-documents"
  description = "Documents of the calendar"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject"], Resource = "${aws_s3_bucket.documents.arn}/*" }]
  })
}

resource "aws_iam_role_policy_attachment" "application_documents" {
  role       = aws_iam_role.application.name
  policy_arn = aws_iam_policy.documents.arn
}

resource "aws_iam_policy" "administrator" {
  name   = "calendar-administrator"
  path   = "/people/"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "*", Resource = "*" }] })
}

resource "aws_iam_instance_profile" "application" {
  name = "calendar-application"
  role = aws_iam_role.application.name
}

resource "aws_iam_role" "monitoring" {
  name               = "calendar-monitoring"
  assume_role_policy = local.assumed_by["monitoring.rds"]
}

resource "aws_iam_role" "flow" {
  name               = "calendar-flow"
  assume_role_policy = local.assumed_by["vpc-flow-logs"]
}

resource "aws_iam_role" "replication" {
  name_prefix        = "calendar-replication-"
  assume_role_policy = local.assumed_by["s3"]
}

resource "aws_iam_user" "deploy" {
  name = "deploy"
  path = "/machines/"
}

resource "aws_iam_group" "operators" {
  name = "operators"
}

resource "aws_iam_group_policy_attachment" "operators" {
  group      = aws_iam_group.operators.name
  policy_arn = aws_iam_policy.administrator.arn
}

resource "aws_iam_user_group_membership" "deploy" {
  user   = aws_iam_user.deploy.name
  groups = [aws_iam_group.operators.name]
}
