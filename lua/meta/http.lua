---@meta eksrun.http

--- HTTP: one request, one answer. Connections are kept and used again. Redirects are not followed,
--- any status is an answer; a request other than GET and HEAD is never sent twice.
local http = {}

---@class eksrun.http.Request
---@field url string http or https
---@field method? string "GET"
---@field headers? table<string, string>|string[][] a map, or a list of { name, value }
---@field body? string|eksrun.http.File|fun(): string|nil bytes, a part of a file, or a function that
--- returns the next piece (it may wait) and at last nil
---@field body_length? integer bytes that the function returns in all
---@field timeout? number seconds for all of it; 60. Begins once a body from a file or a function is
--- sent, and ends with the header of a streamed answer
---@field connect_timeout? number seconds; 10
---@field idle_timeout? number seconds without a byte in either direction; 60
---@field max_body? integer bytes of the answer, decompressed; 16 MiB; not for a stream
---@field stream? boolean the answer comes with its header, its body is read in pieces; false
---@field decompress? boolean ask for compressed answers; true, for a stream false
---@field ca_bundle? string path; else AWS_CA_BUNDLE, SSL_CERT_FILE, CURL_CA_BUNDLE, the system's
---@field proxy? string URL, "" for none; else HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY

---@class eksrun.http.File
---@field path string
---@field offset? integer of the first byte; 0
---@field length? integer bytes; the rest of the file

---@class eksrun.http.Answer
---@field status integer
---@field headers table<string, string> by lower-case name; repeated ones joined by ", "
---@field body string|eksrun.http.Body
---@field timing {dns: number, connect: number, tls: number, first_byte: number, total: number, reused: boolean}
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

--- The body of a streamed answer. What is not read waits at the server: no more than 256 KiB are
--- held, or what one read wants. One task at a time. What breaks in the middle raises what the
--- request would have; the forms with try_ return nil and the error.
---@class eksrun.http.Body
local Body = {}

--- Waits for n bytes; without n, for the first of what there is.
---@param n? integer
---@return string|nil bytes fewer than n only at the end; nil at the end
function Body:read(n) end

--- The same as read, returning the error.
---@param n? integer
---@return string|nil bytes
---@return eksrun.Error? err
function Body:try_read(n) end

--- All that is left.
---@param max? integer bytes; 16 MiB
---@return string
function Body:read_all(max) end

--- The same as read_all, returning the error.
---@param max? integer
---@return string|nil bytes
---@return eksrun.Error? err
function Body:try_read_all(max) end

--- `for bytes in body:chunks() do ... end`; leaving the loop closes the body.
---@return fun(): string|nil
function Body:chunks() end

--- Writes all that is left to a file, which appears when it is whole and on disk.
---@param path string
---@param options? {mode?: integer} 0600
---@return integer bytes
function Body:save(path, options) end

--- The same as save, returning the error.
---@param path string
---@param options? {mode?: integer}
---@return integer|nil bytes
---@return eksrun.Error? err
function Body:try_save(path, options) end

--- The checksum that all of the body has to have: whoever comes to the end of another one gets an
--- error with code "network" there, and a file does not appear.
---@param algorithm eksrun.checksum.Algorithm
---@param digest string raw bytes
---@return eksrun.http.Body self
function Body:expect(algorithm, digest) end

--- Stops the transfer, if it still runs.
function Body:close() end

return http
