--- Account Management: the account itself, and the regions that are open to it.
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local zones = require "eksrun.sandbox.ec2.zone"

local M = { operations = {} }
local operations = M.operations

function operations.GetAccountInformation(call)
  return { AccountId = call.account, AccountName = "sandbox", AccountCreatedDate = 1577836800 }
end

function operations.GetContactInformation()
  return {
    ContactInformation = {
      FullName = "Sandbox", AddressLine1 = "1 Example Street", City = "Seattle", StateOrRegion = "WA",
      PostalCode = "98101", CountryCode = "US", PhoneNumber = "+12065550100",
    },
  }
end

local function status(call, name)
  local own = call:get("account.region", name)
  return own and own.status or "ENABLED_BY_DEFAULT"
end

function operations.ListRegions(call, params)
  local list, wanted = json.array {}, {}
  for _, one in ipairs(params.RegionOptStatusContains or {}) do wanted[one] = true end
  for _, name in ipairs(zones.regions()) do
    local how = status(call, name)
    if not next(wanted) or wanted[how] then
      list[#list + 1] = { RegionName = name, RegionOptStatus = how }
    end
  end
  return { Regions = list }
end

function operations.GetRegionOptStatus(call, params)
  for _, name in ipairs(zones.regions()) do
    if name == params.RegionName then return { RegionName = name, RegionOptStatus = status(call, name) } end
  end
  fault.raise_with("ValidationException", "The provided RegionName is not valid.", { status = 400 })
end

return M
