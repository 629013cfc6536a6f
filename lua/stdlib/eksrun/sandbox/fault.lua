--- What a handler raises to have AWS refuse a request.
local M = {}

local mt = { __tostring = function(fault) return ("%s: %s"):format(fault.code, fault.message) end }

--- @class eksrun.sandbox.Fault
--- @field code string
--- @field message string
--- @field fields? table the error's own fields; `status` of HTTP

--- @param code string
--- @param message string
--- @param fields? table
--- @return eksrun.sandbox.Fault
function M.new(code, message, fields)
  return setmetatable({ code = code, message = message, fields = fields }, mt)
end

--- Refuses the request at hand.
--- @param code string
--- @param message string a format when more arguments follow
function M.raise(code, message, ...)
  if select("#", ...) > 0 then message = message:format(...) end
  error(M.new(code, message), 0)
end

--- The same, with fields of the error's own.
--- @param code string
--- @param message string
--- @param fields table
function M.raise_with(code, message, fields) error(M.new(code, message, fields), 0) end

--- Whether something raised is an error of AWS's.
--- @param value any
--- @return boolean
function M.is(value) return getmetatable(value) == mt end

return M
