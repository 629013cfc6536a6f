-- 7923dbbf: an error at the end of a long chain of fields overflows the C stack, repaired in 5.4.7.
-- 100 KB of a generated recipe end the process instead of giving a message.
local node = {}
node.x = node
local call = assert(load("local node = ...; node" .. (".x"):rep(150000) .. "()"))
local ok, message = pcall(call, node)
assert(not ok and message:find("attempt to call a table value", 1, true), message)
