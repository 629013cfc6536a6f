-- c764ca71: in a function of many constants, a bit operation on a constant and an `or` is compiled
-- wrong, repaired in 5.4.5. In a long recipe 1 ~ (2 or 3) gives anything.
local constants = {}
for i = 1, 300 do constants[i] = ("%q"):format("constant " .. i) end
local source = "local _ = { " .. table.concat(constants, ", ") .. " }\nreturn 1 ~ (2 or 3)"
local result = assert(load(source))()
assert(result == 3, tostring(result))
