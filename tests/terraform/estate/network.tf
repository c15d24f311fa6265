resource "aws_vpc" "main" {
  cidr_block           = "10.20.0.0/16"
  enable_dns_hostnames = true
  enable_dns_support   = true
  tags                 = { Name = "clinic-calendar" }
}

# Environment of its own: the resource's tag wins over the default.
resource "aws_vpc" "test" {
  cidr_block = "10.30.0.0/16"
  tags       = { Name = "clinic-calendar-test", Environment = "test" }
}

resource "aws_vpc" "ireland" {
  provider   = aws.ireland
  cidr_block = "10.40.0.0/16"
  tags       = { Name = "clinic-calendar-ireland" }
}

resource "aws_subnet" "public" {
  count                   = 2
  vpc_id                  = aws_vpc.main.id
  cidr_block              = cidrsubnet(aws_vpc.main.cidr_block, 8, count.index)
  availability_zone       = local.zones[count.index]
  map_public_ip_on_launch = true
  tags                    = { Name = "public-${count.index}" }
}

resource "aws_subnet" "private" {
  for_each          = { a = "eu-central-1a", b = "eu-central-1b", c = "eu-central-1c" }
  vpc_id            = aws_vpc.main.id
  cidr_block        = cidrsubnet(aws_vpc.main.cidr_block, 8, 10 + index(local.zones, each.value))
  availability_zone = each.value
  tags              = { Name = "private-${each.key}" }
}

resource "aws_subnet" "test" {
  vpc_id            = aws_vpc.test.id
  cidr_block        = "10.30.1.0/24"
  availability_zone = "eu-central-1a"
  tags              = { Name = "test", Environment = "test" }
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
  tags   = { Name = "clinic-calendar" }
}

# The route is in the table.
resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.main.id
  }

  tags = { Name = "public" }
}

resource "aws_route_table_association" "public" {
  count          = 2
  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public.id
}

# The route is a resource of its own.
resource "aws_route_table" "private" {
  vpc_id = aws_vpc.main.id
  tags   = { Name = "private" }
}

resource "aws_route" "transit" {
  route_table_id         = aws_route_table.private.id
  destination_cidr_block = "10.99.0.0/16"
  transit_gateway_id     = aws_ec2_transit_gateway.main.id
  depends_on             = [aws_ec2_transit_gateway_vpc_attachment.main]
}

resource "aws_route" "peering" {
  route_table_id            = aws_route_table.private.id
  destination_cidr_block    = aws_vpc.test.cidr_block
  vpc_peering_connection_id = aws_vpc_peering_connection.test.id
}

resource "aws_route_table_association" "private" {
  for_each       = aws_subnet.private
  subnet_id      = each.value.id
  route_table_id = aws_route_table.private.id
}

resource "aws_vpc_peering_connection" "test" {
  vpc_id      = aws_vpc.main.id
  peer_vpc_id = aws_vpc.test.id
  auto_accept = true
  tags        = { Name = "production-to-test" }
}

resource "aws_ec2_transit_gateway" "main" {
  description = "Example Clinic Calendar"
  tags        = { Name = "clinic-calendar" }
}

resource "aws_ec2_transit_gateway_vpc_attachment" "main" {
  transit_gateway_id = aws_ec2_transit_gateway.main.id
  vpc_id             = aws_vpc.main.id
  subnet_ids         = [for subnet in aws_subnet.private : subnet.id]
  tags               = { Name = "clinic-calendar" }
}

resource "aws_network_interface" "spare" {
  subnet_id       = aws_subnet.private["a"].id
  security_groups = [aws_security_group.web.id]
  description     = "Spare address of the calendar"
  tags            = { Name = "spare" }
}

resource "aws_cloudwatch_log_group" "flow" {
  name              = "/vpc/clinic-calendar"
  retention_in_days = 400
}

resource "aws_flow_log" "main" {
  vpc_id                   = aws_vpc.main.id
  traffic_type             = "ALL"
  log_destination_type     = "cloud-watch-logs"
  log_destination          = aws_cloudwatch_log_group.flow.arn
  iam_role_arn             = aws_iam_role.flow.arn
  max_aggregation_interval = 60
  tags                     = { Name = "clinic-calendar" }
}

resource "aws_flow_log" "rejected" {
  subnet_id            = aws_subnet.public[0].id
  traffic_type         = "REJECT"
  log_destination_type = "s3"
  log_destination      = aws_s3_bucket.logs.arn
}
