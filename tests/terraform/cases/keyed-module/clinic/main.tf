variable "label" {
  type = string
}

module "ward" {
  source   = "./ward"
  for_each = { "a.b" = 20, "c[0]" = 30 }
  size     = each.value
  label    = var.label
}
