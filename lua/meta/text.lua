---@meta eksrun.text

--- Encodings, hashes, near names, and text on its way to a terminal. Decoders are strict and raise
--- {code = "syntax"}.
local text = {}

--- The standard alphabet, with padding.
---@param bytes string
---@return string
function text.base64(bytes) end

--- Raises {code = "syntax"} for what base64 does not write.
---@param s string with its padding
---@return string bytes
function text.unbase64(s) end

--- The URL-safe alphabet, without padding.
---@param bytes string
---@return string
function text.base64url(bytes) end

--- Raises {code = "syntax"} for what base64url does not write.
---@param s string without padding
---@return string bytes
function text.unbase64url(s) end

--- Two digits a byte.
---@param bytes string
---@return string lower case
function text.hex(bytes) end

--- Digits in either case. Raises {code = "syntax"} for anything else.
---@param s string
---@return string bytes
function text.unhex(s) end

--- SHA-256, as text.
---@param bytes string
---@return string digest 64 hexadecimal digits
function text.sha256(bytes) end

--- Everything but A-Z a-z 0-9 - . _ ~ as %XX.
---@param bytes string
---@param keep_slash? boolean leave `/` alone
---@return string
function text.percent_encode(bytes, keep_slash) end

--- Raises {code = "syntax"} for a `%` without two hexadecimal digits.
---@param s string `+` stays `+`
---@return string bytes
function text.percent_decode(s) end

--- The names most like one that nobody knows, at most three, the nearest first.
---@param name string
---@param names string[]
---@return string[]
function text.suggest(name, names) end

--- Columns on a terminal.
---@param s string
---@return integer
function text.width(s) end

--- Controls, direction marks and ill-formed bytes made visible: `\x1b`, `\u{202e}`.
---@param s string
---@param one_line? boolean show newline and tab as `\n` and `\t` too
---@return string
function text.escape(s, one_line) end

--- Whether it is well-formed UTF-8.
---@param s string
---@return boolean
function text.valid_utf8(s) end

return text
