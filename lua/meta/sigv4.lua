---@meta eksrun.sigv4

--- AWS Signature Version 4 and 4A, both sides. Pure computation: no clock, no network, no
--- environment.
local sigv4 = {}

---@class eksrun.sigv4.Credentials
---@field access_key_id string
---@field secret_access_key string
---@field session_token? string

--- Fields by name, or a list of pairs where names repeat.
---@alias eksrun.sigv4.Headers table<string, string>|{ [1]: string, [2]: string }[]

---@class eksrun.sigv4.Message
---@field method string
---@field path? string as sent, percent-encoded; nil or "" is "/"
---@field query? string as sent, without "?"
---@field headers eksrun.sigv4.Headers `host` must be among them
---@field body? string hashed unless payload_hash is given
---@field payload_hash? string hexadecimal SHA-256 of the body, or "UNSIGNED-PAYLOAD"
---@field normalize_path? boolean drop ".", ".." and empty segments (default true; S3: false)
---@field double_encode? boolean encode the path once more (default true; S3: false)
---@field omit_session_token? boolean add the session token unsigned (default false)

---@class eksrun.sigv4.Request: eksrun.sigv4.Message
---@field algorithm? "sigv4"|"sigv4a" HMAC for one region (default), or ECDSA for a set of regions
---@field credentials eksrun.sigv4.Credentials
---@field region? string of "sigv4"
---@field region_set? string of "sigv4a": "us-east-1,eu-west-1", or "*"
---@field service string signing name of the service
---@field time number seconds since 1970
---@field sign_body_header? boolean add x-amz-content-sha256 (default false; S3: true)
---@field details? boolean return what was signed as well

---@class eksrun.sigv4.PresignRequest: eksrun.sigv4.Request
---@field expires integer seconds, 1 to 604800

---@class eksrun.sigv4.Details
---@field canonical_request string
---@field string_to_sign string
---@field signed_headers string
---@field signature string hexadecimal; of "sigv4a" another one each time

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

--- What a request says of its own signature.
---@class eksrun.sigv4.Claim
---@field algorithm "sigv4"|"sigv4a"
---@field access_key_id string
---@field region? string
---@field region_set? string
---@field service string
---@field signed_headers string
---@field time integer seconds since 1970
---@field expires? integer seconds; of a presigned request
---@field session_token? string

---@class eksrun.sigv4.VerifyRequest: eksrun.sigv4.Message
---@field credentials eksrun.sigv4.Credentials those that the claim's access key id names

--- Reads the signature of a request as it was received, by headers or by query.
---@param message eksrun.sigv4.Message
---@return eksrun.sigv4.Claim? claim
---@return eksrun.error? err "not_found": not signed; "syntax": badly; "invalid": its parts disagree
function sigv4.inspect(message) end

--- Whether a request as it was received bears its signature. Whether `time` is near enough and
--- `expires` not over is the caller's to judge.
---@param request eksrun.sigv4.VerifyRequest
---@return eksrun.sigv4.Claim? claim
---@return eksrun.error? err as of `inspect`; "invalid" if the signature does not match
function sigv4.verify(request) end

--- The key that checks signatures of "sigv4a": coordinates of a point on P-256.
---@param credentials eksrun.sigv4.Credentials
---@return string x 64 hexadecimal digits
---@return string y
--- Raises {code = "invalid"|"limit"}.
function sigv4.public_key(credentials) end

return sigv4
