# Types that no collector reads.
resource "aws_sqs_queue" "reminders" {
  name                    = "reminders"
  sqs_managed_sse_enabled = true
}

resource "aws_sns_topic" "alarms" {
  name = "alarms"
}
