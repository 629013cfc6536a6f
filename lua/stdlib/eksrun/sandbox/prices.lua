--- What AWS asks for, on demand and for Linux: list prices in US dollars.
local M = {
  region = "us-east-1",
  date = "2026-06",

  --- An hour's price.
  hourly = {
    ["eks.cluster"] = 0.10,
    --- A version that has left standard support.
    ["eks.cluster.extended"] = 0.60,
    ["ec2.nat_gateway"] = 0.045,
    --- In each of its zones.
    ["ec2.vpc_endpoint.interface"] = 0.01,
    --- A public address, in use or not.
    ["ec2.address"] = 0.005,
  },

  --- A month's price.
  monthly = {
    ["kms.key"] = 1.00,
    --- A gigabyte of gp3, the kind that nodes have.
    ["ec2.volume.gigabyte"] = 0.08,
  },
}

-- Of the size "large"; the other sizes of these families cost in proportion.
local families = {
  m5 = 0.096, m5a = 0.086, m6a = 0.0864, m6g = 0.077, m6i = 0.096, m7a = 0.11592, m7g = 0.0816, m7i = 0.1008,
  c5 = 0.085, c5a = 0.077, c6a = 0.0765, c6g = 0.068, c6i = 0.085, c7a = 0.10264, c7g = 0.0725, c7i = 0.08925,
  r5 = 0.126, r5a = 0.113, r6a = 0.1134, r6g = 0.1008, r6i = 0.126, r7a = 0.15215, r7g = 0.1071, r7i = 0.1323,
  t3 = 0.0832, t3a = 0.0752, t4g = 0.0672,
}

local sizes = { nano = 1 / 16, micro = 1 / 8, small = 1 / 4, medium = 1 / 2, large = 1, xlarge = 2 }

--- @return string[] types of instances whose price is known
function M.types()
  local list = {}
  for family in pairs(families) do
    for size in pairs(sizes) do list[#list + 1] = ("%s.%s"):format(family, size) end
    for _, times in ipairs { 2, 4, 8, 12, 16, 24 } do
      list[#list + 1] = ("%s.%dxlarge"):format(family, times)
    end
  end
  table.sort(list)
  return list
end

--- An instance's price of an hour; nil if it is not known.
--- @param type string "m7g.large"
--- @return number?
function M.instance(type)
  local family, size = type:match "^(%w+)%.(%w+)$"
  if not family or not families[family] then return nil end
  local factor = sizes[size] or tonumber(size:match "^(%d+)xlarge$") and tonumber(size:match "^%d+") * 2
  return factor and families[family] * factor
end

return M
