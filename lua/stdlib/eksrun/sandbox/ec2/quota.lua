--- EC2: how much an account may have, as AWS grants a new one.
return {
  vpcs = 5, internet_gateways = 5, egress_only_internet_gateways = 5, addresses = 5,
  subnets_of_vpc = 200, route_tables_of_vpc = 200, routes_of_table = 500, ranges_of_vpc = 5,
  nat_gateways_of_zone = 5, network_acls_of_vpc = 200, entries_of_acl = 20,
  rules_of_group = 60, groups_of_interface = 5, interface_endpoints_of_vpc = 50, peerings_of_vpc = 50,
  -- vCPUs that run at once, by class of types and how they are bought.
  vcpus = { standard = 1152, g = 768, p = 768, inf = 768, trn = 768 },
  spot_vcpus = { standard = 1440, g = 768, p = 768, inf = 768, trn = 768 },
}
