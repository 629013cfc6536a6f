---@meta eksrun.yaml

--- YAML: the core schema of 1.2, read into plain Lua values. Maps are tables with string keys,
--- lists carry the metatable of eksrun.json's arrays, null is json.null.
local yaml = {}

---@class eksrun.yaml.Options
---@field documents? boolean read any number of documents into a list (default: one at most)
---@field last_wins? boolean of two keys with one name the last counts (default: refused)

--- A piece of the text. Positions are 1-based bytes: text:sub(node.first, node.stop - 1) is it.
--- A block map or list stops where the next thing begins; its last scalar says where it ends.
---@class eksrun.yaml.Node
---@field kind "scalar"|"list"|"map"
---@field first integer
---@field stop integer
---@field line integer
---@field column integer 1-based, in characters
---@field stop_column integer
---@field value? any scalar: its value
---@field block? boolean scalar: written with | or >
---@field flow? boolean list or map: written with brackets
---@field tag? string one of the document's own: "!Ref"
---@field items? eksrun.yaml.Node[] list
---@field keys? eksrun.yaml.Node[] map, in the order of the text
---@field values? eksrun.yaml.Node[] map, in the order of the text
---@field index? table<string, integer> map: place of a key

--- Reads one document.
---@param text string UTF-8, at most 16 MiB
---@param options? eksrun.yaml.Options
---@return any value json.null for an empty text
--- Raises {code = "syntax"|"invalid"|"limit", line =, column =}.
function yaml.parse(text, options) end

--- As parse, but returns what it would raise.
---@param text string
---@param options? eksrun.yaml.Options
---@return any value nil if it failed
---@return table? err
function yaml.try_parse(text, options) end

--- Reads one document into nodes that know where they stand in the text.
---@param text string
---@param options? eksrun.yaml.Options
---@return eksrun.yaml.Node? root nil for an empty text
--- Raises as parse.
function yaml.compose(text, options) end

--- Writes a value in block style, keys sorted, strings quoted only where a reader of YAML 1.1 or
--- 1.2 would take them for something else.
---@param value any
---@return string text ends with a line end
function yaml.emit(value) end

return yaml
