---@meta eksrun.native.certificate

--- Certificates of one's own, in PEM, for servers of this machine.
local certificate = {}

--- An authority.
---@param name string
---@return string certificate
---@return string key
function certificate.authority(name) end

--- A server at an address and at localhost, signed by an authority. Raises { code = "invalid" } where that is
--- none.
---@param authority string its certificate
---@param key string its key
---@param address string of IPv4
---@return string certificate
---@return string key
function certificate.server(authority, key, address) end

return certificate
