-- 1e64c139: coroutines that close one another in a long chain overflow the C stack, repaired in
-- 5.4.5. A scope of tasks that is canceled would end the process.
local last
for _ = 1, 20000 do
  local previous = last
  last = coroutine.create(function()
    local link <close> = setmetatable({}, {
      __close = function()
        if previous then coroutine.close(previous) end
      end,
    })
    coroutine.yield(link)
  end)
  coroutine.resume(last)
end
coroutine.close(last)
