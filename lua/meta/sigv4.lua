---@meta eksrun.sigv4

--- AWS Signature Version 4. Pure computation: no clock, no network, no environment.
local sigv4 = {}

---@class eksrun.sigv4.Credentials
---@field access_key_id string
---@field secret_access_key string
---@field session_token? string

---@alias eksrun.sigv4.Headers table<string, string>|{ [1]: string, [2]: string }[]

---@class eksrun.sigv4.Request
---@field method string
---@field path? string as sent, percent-encoded; nil or "" is "/"
---@field query? string as sent, without "?"
---@field headers eksrun.sigv4.Headers all headers to sign; `host` must be among them
---@field body? string hashed unless payload_hash is given
---@field payload_hash? string hexadecimal SHA-256 of the body, or "UNSIGNED-PAYLOAD"
---@field credentials eksrun.sigv4.Credentials
---@field region string
---@field service string signing name of the service
---@field time number seconds since 1970
---@field normalize_path? boolean drop ".", ".." and empty segments (default true; S3: false)
---@field double_encode? boolean encode the path once more (default true; S3: false)
---@field sign_body_header? boolean add x-amz-content-sha256 (default false; S3: true)
---@field omit_session_token? boolean add the session token unsigned (default false)
---@field details? boolean return what was signed as well

---@class eksrun.sigv4.PresignRequest: eksrun.sigv4.Request
---@field expires integer seconds, 1 to 604800

---@class eksrun.sigv4.Details
---@field canonical_request string
---@field string_to_sign string
---@field signed_headers string
---@field signature string

--- Signs a request by headers. Headers that carry an earlier signature are replaced, so a retry
--- signs the same request again.
---@param request eksrun.sigv4.Request
---@return table<string, string> headers to add, by lower-case name
---@return eksrun.sigv4.Details? details if asked for
--- Raises {code = "invalid"|"limit"}.
function sigv4.sign(request) end

--- Signs a request by its query.
---@param request eksrun.sigv4.PresignRequest
---@return string query the whole query string, signature included
---@return eksrun.sigv4.Details? details if asked for
--- Raises {code = "invalid"|"limit"}.
function sigv4.presign(request) end

return sigv4
