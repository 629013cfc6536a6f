--- What the EC2 types share: EC2 tells its own servers about a new thing with a delay of seconds.
local M = {}

--- Waits until a new thing is seen and available.
--- @param ctx eksrun.Context
--- @param describe fun(): table? the thing as EC2 has it; may raise that there is none
function M.wait_available(ctx, describe)
  ctx:poll(function()
    local thing = ctx:found(describe)
    if thing and thing.State == "available" then return true end
    return nil, thing and thing.State or "not visible yet"
  end, { timeout = 300 })
end

--- The result of fn, tried again while EC2 does not find what was just made.
--- @generic T
--- @param ctx eksrun.Context
--- @param code string such as "InvalidVpcID.NotFound"
--- @param fn fun(): T
--- @return T
function M.when_visible(ctx, code, fn)
  return ctx:retry({ { code = code, seconds = 60 } }, fn)
end

return M
