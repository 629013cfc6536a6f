-- Comparing what goes over the wire, and the tables that come out of it.
local json = require "eksrun.json"
local lfs = require "lfs"
local native = require "eksrun.native.aws"
local encodings = require "eksrun.text"

local M = {}

function M.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

-- Floats that JSON cannot hold are words in the cases.
M.words = { NaN = 0 / 0, Infinity = math.huge, ["-Infinity"] = -math.huge }

--- Deeply, with numbers as near as decimals bring them; json.null is the same as nothing.
function M.same(a, b)
  if type(a) == "number" and type(b) == "number" then
    return a == b or (a ~= a and b ~= b) or math.abs(a - b) < 1e-6 * math.abs(a)
  end
  if type(a) == "number" and M.words[b] then return M.same(a, M.words[b]) end
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in pairs(a) do
    if not M.same(value, b[key]) and not (value == json.null and b[key] == nil) then return false end
  end
  for key, value in pairs(b) do
    if a[key] == nil and value ~= json.null then return false end
  end
  return true
end

--- The parts of text between separators, sorted; "k=" is the same as "k".
function M.sorted(text, separator)
  local parts = {}
  for part in text:gmatch("[^" .. separator .. "]+") do parts[#parts + 1] = part:gsub("=$", "") end
  table.sort(parts)
  return table.concat(parts, separator)
end

-- XML as a string in which the order of neighbours and the space between them mean nothing.
local function canonical(text)
  local at = 1
  local function element()
    local tag, attributes, closed, after = text:match("^%s*<([^%s/>]+)([^>]-)(/?)>()", at)
    if not tag then return nil end
    at = after
    local children = {}
    if closed == "" then
      while not text:match("^%s*</", at) do
        local child = element()
        if not child then
          child, at = text:match("^([^<]*)()", at)
          child = child:match "^%s*(.-)%s*$"
        end
        children[#children + 1] = child
      end
      at = text:match("^%s*</[^>]*>()", at)
    end
    table.sort(children)
    return ("<%s %s>%s</>"):format(tag, M.sorted(attributes, " "), table.concat(children))
  end
  text = text:gsub("&quot;", '"')
  return element() or text
end

--- Whether two bodies mean different things; the one wanted is base64 where it is CBOR.
function M.body_differs(protocol, got, want)
  if got == want then return false end
  if protocol:find "cbor" then
    return not M.same(native.decode_cbor(got), native.decode_cbor(encodings.unbase64(want)))
  end
  if protocol == "query" or protocol == "ec2" then
    local function plain(form) return M.sorted((form:gsub("%.entry%.%d+", ".entry.*")), "&") end
    return plain(got) ~= plain(want) -- the entries of a map have no order
  end
  local a, b = json.try_decode(got), json.try_decode(want)
  if a ~= nil and b ~= nil then return not M.same(a, b) end
  if got:find "^%s*<" and want:find "^%s*<" then return canonical(got) ~= canonical(want) end
  return true
end

--- A service of the program, or else the newest model that botocore's data (EKSRUN_BOTOCORE_DATA, set
--- by script/conformance) has of it; nil: there is none.
function M.service(name)
  local service = native.service(name)
  local folder = ("%s/%s"):format(os.getenv "EKSRUN_BOTOCORE_DATA" or "", name)
  if service or not lfs.attributes(folder) then return service end
  local newest = ""
  for version in lfs.dir(folder) do
    if version:find "^%d" and version > newest then newest = version end
  end
  local path = ("%s/%s/service-2.json"):format(folder, newest)
  if lfs.attributes(path) then return native.open(native.compile(M.read(path), name)) end
  local pipe = assert(io.popen(("gzip -dc '%s.gz'"):format(path)))
  local model = pipe:read "a"
  pipe:close()
  return native.open(native.compile(model, name))
end

--- The events of a body, in a list.
function M.events(reader, body)
  local list = {}
  reader:feed(body)
  for event, kind in function() return reader:next() end do
    if kind == "error" then error(event) end
    list[#list + 1] = event
  end
  reader:finish()
  return list
end

return M
