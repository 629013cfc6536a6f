-- 983bc433: a table that only a weak __newindex holds is freed while a field is being added to it,
-- when memory is short; repaired in 5.4.8. Under a memory limit four lines of Lua write to freed
-- memory.
for key = 1, 20 do
  local meta = setmetatable({}, { __mode = "v" })
  local proxy = setmetatable({}, meta)
  meta.__newindex = {}
  fail_allocation()
  proxy[key] = true
end
