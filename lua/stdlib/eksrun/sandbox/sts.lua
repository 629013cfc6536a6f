--- STS: who somebody is.
local M = { operations = {} }

function M.operations.GetCallerIdentity(call)
  return {
    Account = call.account, Arn = call:arn("sts", "assumed-role/sandbox/eksrun"),
    UserId = "AROASANDBOX0000000000:eksrun",
  }
end

return M
