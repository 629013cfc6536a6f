---@meta eksrun.native.endpoint
-- AWS's endpoint rules, evaluated: from parameters to a URL and how to sign for it.
-- `eksrun.aws.endpoint` binds the parameters of calls.

---@class eksrun.native.endpoint
local endpoint = {}

--- The rule set of a service, as it is in the program.
---@param service string "eks"
---@return eksrun.native.endpoint.Rules? rules nil: there is none of that name
function endpoint.rules(service) end

--- The image of a Smithy endpoint rule set, version 1. Raises { code = "syntax" } or
--- { code = "invalid" }, naming the rule at fault.
---@param json string a file of models/endpoints/, or botocore's endpoint-rule-set-1.json
---@return string image
function endpoint.compile(json) end

--- The rule set of an image. Raises { code = "invalid" } for anything else.
---@param image string
---@return eksrun.native.endpoint.Rules
function endpoint.open(image) end

--- The image of a partitions.json. Raises as compile does.
---@param json string
---@return string image
function endpoint.compile_partitions(json) end

--- Raises { code = "invalid" } for what is no such image.
---@param image string
---@return eksrun.native.endpoint.Partitions
function endpoint.open_partitions(image) end

---@class eksrun.native.endpoint.Partition
---@field name string "aws", "aws-cn", ...
---@field dnsSuffix string "amazonaws.com"
---@field dualStackDnsSuffix string "api.aws"
---@field implicitGlobalRegion string the region that global services sign for
---@field supportsFIPS boolean
---@field supportsDualStack boolean

--- The partition that a region belongs to: by its list, else by the form of its name, else aws.
---@param region string
---@return eksrun.native.endpoint.Partition
function endpoint.partition(region) end

--- All partitions, as AWS lists them.
---@return eksrun.native.endpoint.Partition[]
function endpoint.partitions() end

--- The names of all regions that the partitions list, "aws-global" and its like among them, sorted.
---@return string[]
function endpoint.regions() end

---@class eksrun.native.endpoint.Partitions

---@class eksrun.native.endpoint.Rules
local Rules = {}

---@class eksrun.native.endpoint.Parameter
---@field name string "Region"
---@field type "string"|"boolean"|"list"
---@field built_in? string "AWS::Region": what a client knows without the call
---@field required boolean
---@field used boolean the rules look at it

--- What the rules may be given.
---@return eksrun.native.endpoint.Parameter[]
function Rules:parameters() end

---@class eksrun.native.endpoint.Resolved
---@field url string
---@field properties table authSchemes, ...
---@field headers table<string, string[]>

--- What the rules make of parameters; those that the rules do not have count for nothing.
---@param params table<string, string|boolean|string[]>
---@param partitions? eksrun.native.endpoint.Partitions instead of the program's
---@return eksrun.native.endpoint.Resolved?
---@return table? error object { code = "endpoint" } with the rules' message
function Rules:resolve(params, partitions) end

return endpoint
