-- Requests that botocore made and answers that moto gave, for many operations of 31 services.
local json = require "eksrun.json"
local lfs = require "lfs"
local native = require "eksrun.native.aws"
local wire = require "tests.conformance.support.wire"

local sorted = wire.sorted

-- Set by the client, its signer or its policies, not by the model.
local of_client = {
  ["accept"] = true, ["content-encoding"] = true, ["content-md5"] = true, ["transfer-encoding"] = true,
  ["x-amz-content-sha256"] = true, ["x-amz-date"] = true, ["x-amz-decoded-content-length"] = true,
  ["x-amz-sdk-checksum-algorithm"] = true, ["x-amz-security-token"] = true, ["x-amz-trailer"] = true,
}

local function check_request(facts, request, case)
  local want = case.request
  if request.method ~= want.method then return "method " .. request.method end
  local path, query = want.url:match "^%w+://[^/]*([^?]*)%??(.*)$"
  local got = request.path
  if facts.service == "s3" then -- the bucket is part of the host there
    got = got:gsub("^/" .. (case.params.Bucket or "\0"):gsub("%p", "%%%0"), "")
    if got == "" then got = "/" end
  end
  if got ~= path then return "path " .. got end
  if sorted(request.query, "&") ~= sorted(query, "&") then return "query " .. request.query end
  local headers = {}
  for name, value in pairs(request.headers) do headers[name:lower()] = value end
  for name, value in pairs(want.headers) do
    if not of_client[name] and not name:find "^x%-amz%-checksum%-" and headers[name] ~= value then
      return ("header %s: %s"):format(name, headers[name])
    end
  end
  if want.body and wire.body_differs(facts.protocol, request.body, want.body) then
    return "body " .. request.body
  end
end

local function check_answer(operation, case)
  local headers = {}
  for name, value in pairs(case.response.headers or {}) do headers[name:lower()] = value end
  local output = operation:parse(case.response.status_code, headers, case.response.body or "")
  case.result.ResponseMetadata = nil
  if not wire.same(output, case.result) then return "result " .. json.encode(output) end
end

local function run_case(operation, facts, case)
  if case.response then return check_answer(operation, case) end
  local request = operation:build(case.params, { token = facts.idempotency_token })
  return check_request(facts, request, case)
end

-- What the client does to a request after the model, or a fact that the model of that day lacks.
local function beyond(facts, case, why)
  if case.customized_body or case.customized_path then return "a customisation of the client" end
  if facts.service ~= "s3" then return nil end
  if why:find "^query " then return "encoding-type, which the client adds" end
  if why:find "^path " then return "addressing of buckets, the client's" end
  if why:find "Expires must be a string" then return "Expires as a time: the SDKs' amendment" end
end

return function(dir)
  local totals = { passed = 0, total = 0, failures = {}, skipped = {} }
  local services = {}
  for _, side in ipairs { "input", "output" } do
    for file in lfs.dir(("%s/oracle/%s"):format(dir, side)) do
      local name = file:match "^([%w-]+)%.json$" -- cloudwatch.cbor and .query force other protocols
      if name then
        services[name] = services[name]
          or native.open(native.compile(wire.read(("%s/oracle/models/%s.json"):format(dir, name)), name))
        local facts = json.decode(wire.read(("%s/oracle/%s/%s"):format(dir, side, file)))
        for _, case in ipairs(facts.cases) do
          local ok, why = pcall(run_case, services[name]:operation(case.operation), facts, case)
          local skip = why and beyond(facts, case, tostring(why))
          if skip then
            totals.skipped[#totals.skipped + 1] = ("%s: %s"):format(case.id, skip)
          else
            totals.total = totals.total + 1
            if ok and not why then
              totals.passed = totals.passed + 1
            else
              totals.failures[#totals.failures + 1] = ("%s: %s"):format(case.id, tostring(why))
            end
          end
        end
      end
    end
  end
  return totals
end
