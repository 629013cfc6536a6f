--- What services need beyond their models: hooks of the stages of a call (aws/call.lua), by service
--- and operation.
---
--- The table below is all there is of it: what no API model states and every SDK does. Traits of the
--- models that concern bodies (checksums, compression) are hooks too, for any service that has them.
local M = {}

--- @class eksrun.aws.Hook functions of the call and its stage's value; see aws/call.lua
--- @field params? fun(call: table, params: table): table|nil, table|nil
--- @field request? fun(call: table, request: table): table|nil, table|nil
--- @field sign? fun(call: table, out: table): table|nil, table|nil
--- @field response? fun(call: table, response: table): table|nil, table|nil
--- @field output? fun(call: table, output: table): table|nil, table|nil
--- @field mend? fun(call: table, err: table, response: table|nil): boolean

-- By service: operation (or `*`: all of them), "file.function" of aws/customize/, its arguments. They
-- are text so that only the lines of an operation that is called become anything else.
local rules = {
  autoscaling = [[
CreateLaunchConfiguration  values.encode_base64 UserData
]],
  cloudformation = [[
GetTemplate  values.read_json TemplateBody
]],
  -- Some call Filter what all the others call Filters.
  ec2 = [[
CopySnapshot                      values.presign_source
DescribeFlowLogs                  values.alias Filter Filters
DescribeHostReservationOfferings  values.alias Filter Filters
DescribeHostReservations          values.alias Filter Filters
DescribeHosts                     values.alias Filter Filters
DescribeNatGateways               values.alias Filter Filters
GetConsoleOutput                  values.decode_base64 Output
RunInstances                      values.encode_base64 UserData
]],
  iam = [[
*  values.read_policies policyDocumentType
]],
  logs = [[
CreateExportTask  values.alias from fromTime
]],
  -- "/hostedzone/Z1" of one answer is what the next request calls "Z1".
  route53 = [[
*  values.last_segment ResourceId DelegationSetId ChangeId
]],
  s3 = [[
*                        s3.check_bucket
*                        redirect.hook
*                        s3.expires
*                        s3.error_in_success
CompleteMultipartUpload  s3.customer_key SSECustomer
CopyObject               s3.copy_source
CopyObject               s3.ascii_metadata
CopyObject               s3.customer_key SSECustomer
CopyObject               s3.customer_key CopySourceSSECustomer
CreateMultipartUpload    s3.ascii_metadata
CreateMultipartUpload    s3.customer_key SSECustomer
GetBucketLocation        s3.bucket_location
GetObject                s3.customer_key SSECustomer
HeadObject               s3.customer_key SSECustomer
ListObjectVersions       s3.decode_keys KeyMarker NextKeyMarker Prefix Delimiter Versions.Key
ListObjectVersions       s3.decode_keys DeleteMarkers.Key CommonPrefixes.Prefix
ListObjects              s3.decode_keys Delimiter Marker NextMarker Contents.Key CommonPrefixes.Prefix
ListObjectsV2            s3.decode_keys Delimiter Prefix StartAfter Contents.Key CommonPrefixes.Prefix
PutObject                s3.ascii_metadata
PutObject                s3.customer_key SSECustomer
SelectObjectContent      s3.customer_key SSECustomer
UploadPart               s3.customer_key SSECustomer
UploadPartCopy           s3.copy_source
UploadPartCopy           s3.customer_key SSECustomer
UploadPartCopy           s3.customer_key CopySourceSSECustomer
]],
  signin = [[
CreateOAuth2Token  dpop.proof
]],
  ["sso-oidc"] = [[
*  values.oauth_errors
]],
}

local function add(hooks, service, name, operation)
  for whose, file, maker, rest in (rules[service] or ""):gmatch "(%S+) +(%w+)%.([%w_]+)([^\n]*)\n" do
    if whose == name or whose == "*" then
      local arguments = {}
      for word in rest:gmatch "%S+" do arguments[#arguments + 1] = word end
      -- nil: the rule does not concern this operation, by its model.
      local make = require("eksrun.aws.customize." .. file)[maker]
      hooks[#hooks + 1] = make(operation, table.unpack(arguments))
    end
  end
end

local function make(service, name, operation, traits)
  local hooks = {}
  if traits.stream_input then
    hooks[1] = require("eksrun.aws.customize.stream").upload(traits)
  end
  add(hooks, service, name, operation)
  if traits.requestcompression then
    hooks[#hooks + 1] = require("eksrun.aws.customize.compression").hook(traits)
  end
  if traits.httpChecksum or traits.checksum then
    hooks[#hooks + 1] = require("eksrun.aws.customize.checksum").hook(traits)
  end
  if traits.unsigned_payload or traits.stream_input then
    hooks[#hooks + 1] = require("eksrun.aws.customize.payload").hook(traits)
  end
  return hooks
end

local by_operation = setmetatable({}, { __mode = "k" })

--- The hooks of an operation, in the order in which they are called.
--- @param service string "s3"
--- @param name string "PutObject"
--- @param operation eksrun.native.aws.Operation
--- @return eksrun.aws.Hook[]
--- @return eksrun.native.aws.OperationInfo what the model says of the operation
function M.hooks(service, name, operation)
  local known = by_operation[operation]
  if not known then
    local traits = operation:info()
    known = { hooks = make(service, name, operation, traits), traits = traits }
    by_operation[operation] = known
  end
  return known.hooks, known.traits
end

return M
