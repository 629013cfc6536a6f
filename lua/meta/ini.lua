---@meta eksrun.ini

--- AWS config and credentials files, as they stand; eksrun.aws.config says what they mean.
local ini = {}

---@class eksrun.ini.Section
---@field type string the first word of the header: "profile", "sso-session", or the whole of it
---@field name? string what stands behind it, without quotes
---@field line integer of the header
---@field keys table<string, string|table<string, string>> by lower-case key; an indented block below
--- an empty value is a table
---@field lines table<string, integer> of each key; of a key of a block under "key.subkey"

--- Reads all the sections, in their order; sections of one name are not merged. Sections and keys
--- with names that no SDK takes are left out.
---@param text string
---@return eksrun.ini.Section[]
--- Raises {code = "syntax", line =}.
function ini.parse(text) end

--- The same, returning the error.
---@param text string
---@return eksrun.ini.Section[]|nil
---@return eksrun.Error? err with `line`
function ini.try_parse(text) end

return ini
