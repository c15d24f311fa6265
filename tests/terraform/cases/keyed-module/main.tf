# Keys of instances hold every character that addresses use themselves.
provider "aws" {
  region = "eu-central-1"
}

module "clinic" {
  source   = "./clinic"
  for_each = toset(["north.example.org", "south[2]", "the \"old\" one"])
  label    = each.key
}
