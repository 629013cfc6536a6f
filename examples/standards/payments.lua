-- The payments team's cluster: what is theirs to decide, and nothing else.
local acme = require "acme"
local eksrun = require "eksrun"

local p = eksrun.params {
  stage = { "test", "which one", choices = { "test", "prod" } },
}

local eks = acme.cluster { team = "payments", stage = p.stage }
eks:pool { name = "api", size = "small", max = 10 }
if p.stage == "prod" then eks:pool { name = "ledger", size = "large", min = 3 } end

return { cluster = eks.name, endpoint = eks.endpoint }
