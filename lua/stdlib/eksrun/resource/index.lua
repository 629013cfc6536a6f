--- The resource types that come with eksrun: a line a type, the file is resource/<service>/<type>.lua.
return {
  "ec2.vpc",
  "iam.role",
}
