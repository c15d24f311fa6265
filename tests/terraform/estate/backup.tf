resource "aws_backup_vault" "main" {
  name        = "calendar"
  kms_key_arn = aws_kms_key.data.arn
}

resource "aws_backup_vault_lock_configuration" "main" {
  backup_vault_name   = aws_backup_vault.main.name
  changeable_for_days = 3
  min_retention_days  = 7
  max_retention_days  = 400
}

# No key, no lock.
resource "aws_backup_vault" "open" {
  name = "calendar-open"
}

resource "aws_backup_plan" "main" {
  name = "calendar"

  rule {
    rule_name         = "daily"
    target_vault_name = aws_backup_vault.main.name
    schedule          = "cron(0 3 * * ? *)"
    lifecycle {
      delete_after = 35
    }
  }
}
