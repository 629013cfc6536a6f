---@meta eksrun.http

--- HTTP: one request, one answer. Connections are kept and used again. Redirects are not followed,
--- any status is an answer; a request other than GET and HEAD is never sent twice.
local http = {}

---@class eksrun.http.Request
---@field url string http or https
---@field method? string "GET"
---@field headers? table<string, string>|string[][] a map, or a list of { name, value }
---@field body? string
---@field timeout? number seconds for all of it; 60
---@field connect_timeout? number seconds; 10
---@field max_body? integer bytes of the answer, decompressed; 16 MiB
---@field ca_bundle? string path; else AWS_CA_BUNDLE, SSL_CERT_FILE, CURL_CA_BUNDLE, the system's
---@field proxy? string URL, "" for none; else HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY

---@class eksrun.http.Answer
---@field status integer
---@field headers table<string, string> by lower-case name; repeated ones joined by ", "
---@field body string
---@field timing {connect: number, tls: number, first_byte: number, total: number, reused: boolean}
--- seconds since the start, and whether the connection was open already

--- Waits for the answer. Raises what try_request returns.
---@param request eksrun.http.Request
---@return eksrun.http.Answer
function http.request(request) end

--- The same, returning the error: code "network", "timeout", "tls", "limit" or "invalid", and
--- retryable, whether the same request may go well another time.
---@param request eksrun.http.Request
---@return eksrun.http.Answer|nil
---@return eksrun.Error? err
function http.try_request(request) end

return http
