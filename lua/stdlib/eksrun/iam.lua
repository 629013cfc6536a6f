-- The IAM kit: the resource types of IAM (`iam.role { ... }`), and what their inputs are made of.

local aws = require "eksrun.aws"
local resource = require "eksrun.resource"
local util = require "eksrun.util"

local M = setmetatable({}, { __index = resource.namespace "iam" })

--- The ARN of one of AWS's own policies, in the partition at hand; an ARN stays as it is.
--- @param name string "AmazonEKSClusterPolicy", "service-role/AmazonEBSCSIDriverPolicy"
--- @return string
function M.policy_arn(name)
  if name:find("^arn:") then return name end
  return ("arn:%s:iam::aws:policy/%s"):format(aws.partition(), name)
end

--- The ARNs of several of AWS's own policies.
--- @param names string[]
--- @return string[]
function M.policy_arns(names)
  local arns = {}
  for i, name in ipairs(names) do arns[i] = M.policy_arn(name) end
  return arns
end

--- The name by which a service assumes roles. EC2's ends as the partition's hosts do, all others are the same
--- everywhere.
--- @param service string "ec2", "eks", "pods.eks"
--- @return string
function M.service_principal(service)
  local suffix = "amazonaws.com"
  if service == "ec2" then suffix = require("eksrun.aws.endpoint").partition(aws.region()).dnsSuffix end
  return service .. "." .. suffix
end

--- The trust policy of a role that a service assumes.
--- @param service string as for service_principal
--- @param actions? string[] default { "sts:AssumeRole" }
--- @return table document
function M.trust(service, actions)
  if type(service) ~= "string" then
    util.raise_at_caller("iam.trust: a service such as 'ec2' expected, got %s", type(service))
  end
  return {
    Version = "2012-10-17",
    Statement = {
      {
        Effect = "Allow",
        Principal = { Service = M.service_principal(service) },
        Action = actions or { "sts:AssumeRole" },
      },
    },
  }
end

return M
