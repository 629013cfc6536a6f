---@meta eksrun.checksum

--- Checksums of bodies, as AWS names them, and gzip.
local checksum = {}

--- @alias eksrun.checksum.Algorithm "xxhash3"|"xxhash128"|"xxhash64"|"crc64nvme"|"crc32c"|"crc32"|"sha1"|"sha256"|"sha512"|"md5" in any case

--- The digest of bytes; a CRC or an xxHash with its highest byte first.
---@param algorithm eksrun.checksum.Algorithm
---@param bytes string
---@return string digest raw bytes
--- Raises {code = "invalid"}: no such algorithm.
function checksum.digest(algorithm, bytes) end

---@class eksrun.Checksum
local Checksum = {}

--- Adds bytes.
---@param bytes string
---@return eksrun.Checksum self
function Checksum:update(bytes) end

--- Once; nothing can be added behind it.
---@return string digest raw bytes
function Checksum:final() end

--- A checksum of bytes that come in pieces.
---@param algorithm eksrun.checksum.Algorithm
---@return eksrun.Checksum
function checksum.new(algorithm) end

--- The algorithms that there are.
---@return string[] names in lower case, the cheapest first
function checksum.algorithms() end

--- Compressed as gzip (RFC 1952), with neither name nor time: the same bytes give the same bytes.
---@param bytes string
---@return string
function checksum.gzip(bytes) end

---@param bytes string
---@param max? integer bytes that may come out; 64 MiB
---@return string
--- Raises {code = "syntax"}: damaged or cut; {code = "limit"}: more than max.
function checksum.gunzip(bytes, max) end

return checksum
