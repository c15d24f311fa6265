variable "change" {
  description = "Makes the second plan differ from the first."
  type        = bool
  default     = false
}

variable "database_password" {
  description = "Master password of the databases."
  type        = string
  sensitive   = true
  default     = "example-not-a-secret"
}

variable "retention" {
  description = "Days that backups of databases are kept."
  type        = number
  default     = 35
}

locals {
  zones = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
}

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}
