---@meta eksrun.version

--- The version of the program: "1.2.3".
---@type string
local version = nil

return version
