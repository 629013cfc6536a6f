-- 997f11f5: `break` out of a `for` whose body has a captured local does not close the loop's
-- closing value, repaired in 5.4.5. A lock or a file that an iterator holds would stay open.
local closed = false
local closing = setmetatable({}, { __close = function() closed = true end })
for value in function() return 1 end, nil, nil, closing do
  local captured = value
  local _ = function() return captured end
  break
end
assert(closed, "break left the loop without closing its value")
