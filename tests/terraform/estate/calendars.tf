# Keys of instances may be any string.
module "calendar" {
  source   = "./modules/calendar"
  for_each = { "north.example.org" = 7, "south[2]" = 1 }
  name     = each.key
  days     = each.value
  vpc_id   = aws_vpc.main.id
}
