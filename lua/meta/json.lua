---@meta eksrun.json

--- JSON (RFC 8259, strictly). Integers stay integers, `-0` is a float, integers beyond 64 bits are
--- floats, lists carry `array_mt`, null is `json.null`, of equal keys the last one counts.
local json = {}

--- Stands for null, which nil cannot within a table. The same as cjson.null.
---@type lightuserdata
json.null = nil

--- The metatable of lists: an empty table with it is written as `[]`.
---@type table
json.array_mt = {}

--- The metatable that json.object gives.
---@type table
json.object_mt = {}

---@class eksrun.json.DecodeOptions
---@field max_depth? integer levels of nesting, 1 to 1024; default 512

---@class eksrun.json.EncodeOptions
---@field indent? integer spaces a level, 0 to 16; default 0: all on one line
---@field sort? boolean keys in the order of their bytes; default true
---@field max_depth? integer levels of nesting, 1 to 1024; default 512
---@field replace_invalid? boolean write ill-formed UTF-8 as U+FFFD; default: refuse it

--- Reads one value.
---@param text string UTF-8 without byte order mark
---@param options? eksrun.json.DecodeOptions
---@return any value
--- Raises {code = "syntax"|"limit"}, with line and column in the message.
function json.decode(text, options) end

--- The same, returning the error.
---@param text string
---@param options? eksrun.json.DecodeOptions
---@return any|nil value
---@return eksrun.Error? err
function json.try_decode(text, options) end

--- Writes one value. Tables are read raw. A table without elements is `{}` unless it is marked as a
--- list; keys 1 to n make a list, strings an object. nil and json.null are null.
---@param value any
---@param options? eksrun.json.EncodeOptions
---@return string text
--- Raises, naming the place (`json.encode: at .a[3]: cannot encode a function`): functions and
--- other values that JSON does not have, lists with holes, tables with keys of both kinds, cycles,
--- nan and infinities, strings that are not UTF-8.
function json.encode(value, options) end

--- Marks a table as a list.
---@generic T: table
---@param t? T a new one if nil
---@return T t itself
function json.array(t) end

--- Marks a table as an object.
---@generic T: table
---@param t? T a new one if nil
---@return T t itself
function json.object(t) end

return json
