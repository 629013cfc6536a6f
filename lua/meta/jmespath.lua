---@meta eksrun.jmespath

--- JMESPath over Lua values: the whole specification and all of its functions.
---
--- Null is nil and json.null alike; a null result is nil, but json.null inside a list or an object.
--- Lists are tables marked by json.array or with a first element; lists in results are marked.
--- Objects are walked in the order of their keys.
local jmespath = {}

---@class eksrun.jmespath.Expression
local Expression = {} -- luacheck: ignore 241

--- Also spelled `expression(value)`.
---@param value any
---@return any
--- Raises {code = "invalid"} where a function gets a value it does not take.
function Expression:search(value) end

---@param expression string
---@return eksrun.jmespath.Expression
--- Raises {code = "syntax"|"invalid"|"not_found"|"limit"}, naming the column.
function jmespath.compile(expression) end

--- Evaluates an expression, compiling it once: the last few hundred are remembered.
---@param expression string
---@param value any
---@return any
--- Raises as compile and Expression:search do.
function jmespath.search(expression, value) end

return jmespath
