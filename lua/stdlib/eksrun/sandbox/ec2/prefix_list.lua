--- EC2: prefix lists, AWS's own of its gateway services and those of the account.
local cidr = require "eksrun.cidr"
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.ec2.support"

local M = { operations = {} }
local operations = M.operations

local KIND = {
  kind = "ec2.prefix_list", prefix = "pl", id = "PrefixListId", tag = "prefix-list", list = "PrefixLists",
  missing = "InvalidPrefixListID.NotFound", missing_text = "The prefix list ID '%s' does not exist",
  malformed = "InvalidPrefixListId.Malformed",
  filters = filter.map("DescribeManagedPrefixLists", "owner-id prefix-list-id prefix-list-name"),
}
support.describe(KIND)

local SERVICES = { "s3", "dynamodb" }

--- The prefix list of a gateway service.
--- @param call eksrun.sandbox.Call
--- @param name string "s3"
--- @return string
function M.of_service(call, name) return "pl-" .. call.world:hash("pl", call.region, name):sub(1, 8) end

-- AWS's own lists, with their entries.
local function own(call)
  local list = {}
  for i, name in ipairs(SERVICES) do
    local digits = tonumber(call.world:hash("range", call.region, name):sub(1, 2), 16)
    list[i] = {
      PrefixListId = M.of_service(call, name), PrefixListName = ("com.amazonaws.%s.%s"):format(call.region,
        name),
      PrefixListArn = ("arn:%s:ec2:%s:aws:prefix-list/%s"):format(call.partition, call.region,
        M.of_service(call, name)),
      AddressFamily = "IPv4", State = "create-complete", OwnerId = "AWS", Tags = json.array {},
      _entries = { { Cidr = name == "s3" and ("3.5.%d.0/24"):format(digits)
        or ("52.94.%d.0/24"):format(digits) } },
    }
  end
  return list
end

local function find(call, id)
  for _, list in ipairs(own(call)) do
    if list.PrefixListId == id then return list end
  end
  return support.need(call, "ec2.prefix_list", id)
end

local function all(call)
  local list = own(call)
  for _, mine in ipairs(call:all "ec2.prefix_list") do list[#list + 1] = mine end
  return list
end

local function select(call, params, lists, filters)
  if params.PrefixListIds and params.PrefixListIds[1] then
    lists = {}
    for i, id in ipairs(params.PrefixListIds) do lists[i] = find(call, id) end
  end
  return filter.select(filters, lists, params.Filters)
end

function operations.DescribeManagedPrefixLists(call, params)
  return { PrefixLists = select(call, params, all(call), KIND.filters) }
end

local PREFIX_LIST = filter.map("DescribePrefixLists", "prefix-list-id prefix-list-name")

function operations.DescribePrefixLists(call, params)
  local list = json.array {}
  for i, found in ipairs(select(call, params, own(call), PREFIX_LIST)) do
    local ranges = json.array {}
    for j, entry in ipairs(found._entries) do ranges[j] = entry.Cidr end
    list[i] = { PrefixListId = found.PrefixListId, PrefixListName = found.PrefixListName, Cidrs = ranges }
  end
  return { PrefixLists = list }
end

function operations.GetManagedPrefixListEntries(call, params)
  return { Entries = json.array(find(call, params.PrefixListId)._entries) }
end

local function check_entries(list, entries)
  if #entries > list.MaxEntries then
    fault.raise("PrefixListMaxEntriesExceeded",
      "You've reached the maximum number of entries for the prefix list.")
  end
  for _, entry in ipairs(entries) do
    local block = cidr.try_parse(entry.Cidr)
    if not block or (block.family == 4) ~= (list.AddressFamily == "IPv4") then
      fault.raise("InvalidParameterValue", "The CIDR (%s) is not valid for the address family %s.",
        tostring(entry.Cidr), list.AddressFamily)
    end
  end
end

function operations.CreateManagedPrefixList(call, params)
  local id = call:id "pl"
  local list = {
    PrefixListId = id, PrefixListName = params.PrefixListName, AddressFamily = params.AddressFamily,
    PrefixListArn = call:arn("ec2", "prefix-list/" .. id), State = "create-complete", Version = 1,
    MaxEntries = params.MaxEntries, OwnerId = call.account, Tags = support.tags(params, "prefix-list"),
    _entries = {},
  }
  check_entries(list, params.Entries or {})
  for i, entry in ipairs(params.Entries or {}) do
    list._entries[i] = { Cidr = entry.Cidr, Description = entry.Description }
  end
  return { PrefixList = call:put("ec2.prefix_list", id, list) }
end

local function need_own(call, id)
  local list = find(call, id)
  if list.OwnerId ~= call.account then
    fault.raise("UnauthorizedOperation", "You are not authorized to perform this operation.")
  end
  return list
end

function operations.ModifyManagedPrefixList(call, params)
  local list = need_own(call, params.PrefixListId)
  local changes = params.AddEntries or params.RemoveEntries
  if changes and params.CurrentVersion ~= list.Version then
    fault.raise("PrefixListVersionMismatch",
      "The prefix list has the version %d, not %s.", list.Version, tostring(params.CurrentVersion))
  end
  local entries, gone = {}, {}
  for _, entry in ipairs(params.RemoveEntries or {}) do gone[entry.Cidr] = true end
  for _, entry in ipairs(params.AddEntries or {}) do gone[entry.Cidr] = true end
  for _, entry in ipairs(list._entries) do
    if not gone[entry.Cidr] then entries[#entries + 1] = entry end
  end
  for _, entry in ipairs(params.AddEntries or {}) do
    entries[#entries + 1] = { Cidr = entry.Cidr, Description = entry.Description }
  end
  list.MaxEntries = params.MaxEntries or list.MaxEntries
  check_entries(list, entries)
  list._entries, list.PrefixListName = entries, params.PrefixListName or list.PrefixListName
  if changes then list.Version = list.Version + 1 end
  list.State = "modify-complete"
  return { PrefixList = list }
end

function operations.DeleteManagedPrefixList(call, params)
  local list = need_own(call, params.PrefixListId)
  local used = call:find("ec2.security_group_rule",
    function(r) return r.PrefixListId == list.PrefixListId end)
    or call:find("ec2.route_table", function(t)
      for _, route in ipairs(t.Routes) do
        if route.DestinationPrefixListId == list.PrefixListId then return true end
      end
    end)
  if used then support.refuse_dependent("prefixList", list.PrefixListId) end
  call:remove("ec2.prefix_list", list.PrefixListId)
  return { PrefixList = list }
end

return M
