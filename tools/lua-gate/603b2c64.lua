-- 603b2c64: `..` with a __concat that grows the stack reads freed memory, repaired in 5.4.5
-- (Debian 12's 5.4.4 has it through a security patch). A name that is built of several strings and
-- a ref comes out wrong: "vpc-" .. "subnet-" .. "x" .. ref
local function deep(n) return n == 0 and 0 or 1 + deep(n - 1) end
local ref = setmetatable({}, {
  __concat = function(left)
    deep(2000)
    return left .. "ref"
  end,
})
for _ = 1, 10 do
  local name = coroutine.wrap(function() return "vpc-" .. "subnet-" .. "x" .. ref end)()
  assert(name == "vpc-subnet-xref", tostring(name))
end
