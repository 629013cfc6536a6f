--- S3: buckets that stand in the host's name.
local M = {}

--- A request with its bucket in the path, wherever it stood.
--- @param request eksrun.native.aws.Received
--- @return eksrun.native.aws.Received
function M.by_path(request)
  local host = ((request.headers or {}).host or ""):match "^[^:]+" or ""
  local bucket = host:match "^(.+)%.s3[.-]" or host:match "^(.+)%.s3$" or host:match "^(.+)%.localhost$"
  if not bucket then return request end
  local own = {}
  for name, value in pairs(request) do own[name] = value end
  own.path = "/" .. bucket .. request.path
  return own
end

return M
