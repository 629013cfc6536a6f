---@meta cjson

--- The interface of lua-cjson 2.1 (its manual holds), for libraries written for it. New code uses
--- eksrun.json. Different here: integers stay integers; text is read strictly but for the numbers that
--- decode_invalid_numbers lets in; depths beyond 1024 count as 1024. `require "cjson.safe"` gives the
--- same with encode and decode returning nil and a message instead of raising.
local cjson = {}

---@type lightuserdata
cjson.null = nil
---@type "cjson"
cjson._NAME = nil
---@type "2.1.0"
cjson._VERSION = nil

--- An instance with settings of its own.
function cjson.new() end

--- The JSON of a value. Raises a message for what JSON has no form for, and for what is too deep.
---@param value any
---@return string
function cjson.encode(value) end

--- The value of a JSON text. Raises a message that says where it is wrong.
---@param text string
---@return any
function cjson.decode(text) end

--- What becomes of lists with gaps; without arguments it only tells.
---@param convert? boolean write sparse lists as objects instead of refusing them
---@param ratio? integer 0: no list is sparse; default 2
---@param safe? integer lists up to this index are never sparse; default 10
---@return boolean convert, integer ratio, integer safe
function cjson.encode_sparse_array(convert, ratio, safe) end

--- How deep encode goes; without an argument it only tells.
---@param depth? integer default 1000
---@return integer
function cjson.encode_max_depth(depth) end

--- How deep decode goes; without an argument it only tells.
---@param depth? integer default 1000
---@return integer
function cjson.decode_max_depth(depth) end

--- How many digits floats get; without an argument it only tells.
---@param digits? integer significant digits of floats, 1 to 16; default 14
---@return integer
function cjson.encode_number_precision(digits) end

--- Takes the setting and does nothing with it: buffers are not kept.
---@param keep? boolean|"on"|"off" without effect
---@return boolean
function cjson.encode_keep_buffer(keep) end

--- What encode does with what JSON has no number for; without an argument it only tells.
---@param setting? boolean|"on"|"off"|"null" what to do with nan and infinities; default false: refuse
---@return boolean|"null"
function cjson.encode_invalid_numbers(setting) end

--- What decode reads beyond JSON's numbers; without an argument it only tells.
---@param setting? boolean|"on"|"off" whether nan, infinities, hexadecimal integers, leading zeros and '+'
--- are read; default true
---@return boolean
function cjson.decode_invalid_numbers(setting) end

return cjson
