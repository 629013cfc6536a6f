---@meta eksrun.error

--- Error objects: what an expected failure is, raised or returned behind nil. `tostring` gives one line:
--- the message, then each cause behind a colon.
local error_object = {}

---@class eksrun.Error
---@field code string "not_found" ...; of AWS's own: "ResourceNotFoundException"
---@field message string
---@field retryable? boolean worth another try
---@field cause? any what led to it
---@field [string] any an error's own fields

--- Makes the table an error object.
---@param fields table code, message ...
---@return eksrun.Error
function error_object.new(fields) end

--- Whether a value is an error object.
---@param value any
---@return boolean
function error_object.is(value) end

return error_object
