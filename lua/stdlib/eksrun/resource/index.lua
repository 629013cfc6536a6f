--- The resource types that come with eksrun: a line a type, the file is resource/<service>/<type>.lua.
return {
  "ec2.address",
  "ec2.internet_gateway",
  "ec2.nat_gateway",
  "ec2.route",
  "ec2.route_table",
  "ec2.route_table_association",
  "ec2.subnet",
  "ec2.vpc",
  "eks.cluster",
  "eks.nodegroup",
  "iam.role",
}
