--- Address ranges (CIDR blocks), IPv4 and IPv6: parse, print, split, compare. Pure arithmetic.
---
--- An address is held as 128 bits in two integers, `hi` and `lo`; IPv4 sits in the top 32 bits of `hi`, so
--- that one arithmetic serves both families. Lua's shifts are logical, take negative counts, and give 0
--- beyond 64.

local M = {}

local WIDTH = { [4] = 32, [6] = 128 }
local MAX_COUNT = 65536

--- A block as numbers.
--- @class eksrun.cidr.Block
--- @field family 4|6
--- @field hi integer upper 64 bits of the network's address
--- @field lo integer lower 64 bits
--- @field prefix integer

local function fail(level, format, ...)
  error(format:format(...), level + 1)
end

--- @return integer? hi upper bits; nil when `text` is not four decimal octets
local function parse_ipv4(text)
  local octets = { text:match("^(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)$") }
  if #octets == 0 then return nil end
  local address = 0
  for _, octet in ipairs(octets) do
    if tonumber(octet) > 255 or octet:find("^0%d") then return nil end
    address = address << 8 | tonumber(octet)
  end
  return address << 32
end

--- @return integer[]? groups of 16 bits; nil when one is malformed
local function parse_groups(text)
  local groups = {}
  if text == "" then return groups end
  for group in (text .. ":"):gmatch("([^:]*):") do
    if not group:find("^%x%x?%x?%x?$") then return nil end
    groups[#groups + 1] = tonumber(group, 16)
  end
  return groups
end

--- @return integer? hi
--- @return integer? lo
local function parse_ipv6(text)
  local groups
  local left, right = text:match("^(.-)::(.*)$")
  if left then
    local tail = parse_groups(right)
    groups = parse_groups(left)
    if not groups or not tail or #groups + #tail > 7 then return nil end
    for _ = 1, 8 - #groups - #tail do groups[#groups + 1] = 0 end
    table.move(tail, 1, #tail, #groups + 1, groups)
  else
    groups = parse_groups(text)
    if not groups or #groups ~= 8 then return nil end
  end
  local hi, lo = 0, 0
  for i = 1, 4 do
    hi = hi << 16 | groups[i]
    lo = lo << 16 | groups[i + 4]
  end
  return hi, lo
end

--- The bits that a prefix fixes.
local function mask(prefix)
  if prefix <= 64 then return ~0 << (64 - prefix), 0 end
  return ~0, ~0 << (128 - prefix)
end

local function format_ipv4(hi)
  return ("%d.%d.%d.%d"):format(hi >> 56, hi >> 48 & 255, hi >> 40 & 255, hi >> 32 & 255)
end

--- RFC 5952: lower case, the first longest run of two or more zero groups shortened.
local function format_ipv6(hi, lo)
  local groups = {}
  for i = 0, 3 do
    groups[i + 1] = hi >> (48 - 16 * i) & 0xffff
    groups[i + 5] = lo >> (48 - 16 * i) & 0xffff
  end
  local best, best_length, start = nil, 1, nil
  for i = 1, 9 do
    if groups[i] == 0 then
      start = start or i
    elseif start then
      if i - start > best_length then best, best_length = start, i - start end
      start = nil
    end
  end
  for i, group in ipairs(groups) do groups[i] = ("%x"):format(group) end
  if not best then return table.concat(groups, ":") end
  return table.concat(groups, ":", 1, best - 1) .. "::" .. table.concat(groups, ":", best + best_length)
end

local function format_block(family, hi, lo, prefix)
  return (family == 4 and format_ipv4(hi) or format_ipv6(hi, lo)) .. "/" .. prefix
end

--- Reads a block without raising.
--- @param text any such as "10.0.0.0/16" or "2600:1f18::/56"
--- @return eksrun.cidr.Block? block nil when the text is not a block
--- @return string? reason why not, one line
function M.try_parse(text)
  if type(text) ~= "string" then return nil, ("an address range is a string, not a %s"):format(type(text)) end
  local address, digits = text:match("^([%x:.]+)/(%d%d?%d?)$")
  if not address then
    local width = parse_ipv4(text) and WIDTH[4] or parse_ipv6(text) and WIDTH[6]
    local one = width and ("; one address is %s/%d"):format(text, width) or ""
    return nil, ("'%s' is not an address range such as 10.0.0.0/16%s"):format(text, one)
  end
  local family, hi, lo = 4, parse_ipv4(address), 0
  if not hi then
    family = 6
    hi, lo = parse_ipv6(address)
  end
  if not hi then return nil, ("'%s' is not an address range: bad address"):format(text) end
  local prefix = tonumber(digits)
  if prefix > WIDTH[family] or digits:find("^0%d") then
    return nil, ("'%s' is not an address range: prefix /%s"):format(text, digits)
  end
  local mask_hi, mask_lo = mask(prefix)
  local net_hi, net_lo = hi & mask_hi, lo & mask_lo
  if net_hi ~= hi or net_lo ~= lo then
    local meant = format_block(family, net_hi, net_lo, prefix)
    return nil, ("'%s' has host bits set: did you mean %s?"):format(text, meant)
  end
  return { family = family, hi = hi, lo = lo, prefix = prefix }
end

local function check(level, text)
  local block, reason = M.try_parse(text)
  if not block then fail(level + 1, "cidr: %s", reason) end
  return block
end

--- Reads a block. Raises at the caller when the text is not one, or has bits set behind its prefix.
--- @param text string
--- @return eksrun.cidr.Block
function M.parse(text)
  return check(2, text)
end

--- The canonical text of a block.
--- @param block eksrun.cidr.Block
--- @return string
function M.format(block)
  return format_block(block.family, block.hi, block.lo, block.prefix)
end

--- The `index`-th (from 0) of the equal parts that `bits` more prefix bits make of `text`.
--- `subnet("10.0.0.0/16", 3, 1)` is "10.0.32.0/19".
--- @param text string
--- @param bits integer how much longer the prefix becomes
--- @param index integer 0 .. 2^bits - 1
--- @return string
function M.subnet(text, bits, index)
  local block = check(2, text)
  local prefix = block.prefix + bits
  if bits < 0 or prefix > WIDTH[block.family] then
    fail(2, "cidr: %s has no part with prefix /%d", text, prefix)
  end
  if index < 0 or (bits < 63 and index >= 1 << bits) then
    fail(2, "cidr: %s has %d parts of /%d; there is no part %d", text, 1 << bits, prefix, index)
  end
  local hi = block.hi | index << (64 - prefix)
  local lo = block.lo | index << (128 - prefix)
  return format_block(block.family, hi, lo, prefix)
end

--- The first `count` equal parts, as large as `count` rounded up to a power of two allows.
--- `split("10.0.0.0/16", 6)` gives six /19.
--- @param text string
--- @param count integer 1 .. 65536
--- @return string[]
function M.split(text, count)
  local block = check(2, text)
  if math.type(count) ~= "integer" or count < 1 or count > MAX_COUNT then
    fail(2, "cidr: %s cannot be split into %s parts", text, tostring(count))
  end
  local bits = 0
  while 1 << bits < count do bits = bits + 1 end
  if block.prefix + bits > WIDTH[block.family] then
    fail(2, "cidr: %s is too small for %d parts", text, count)
  end
  local parts = {}
  for i = 1, count do parts[i] = M.subnet(text, bits, i - 1) end
  return parts
end

--- How many addresses a block has: an integer, or a float from 2^63 on.
--- @param text string
--- @return number
function M.size(text)
  local block = check(2, text)
  local bits = WIDTH[block.family] - block.prefix
  return bits < 63 and 1 << bits or 2.0 ^ bits
end

--- Does `outer` hold all of `inner`? False for different families.
--- @param outer string
--- @param inner string
--- @return boolean
function M.contains(outer, inner)
  local a, b = check(2, outer), check(2, inner)
  local mask_hi, mask_lo = mask(a.prefix)
  return a.family == b.family and a.prefix <= b.prefix and b.hi & mask_hi == a.hi and b.lo & mask_lo == a.lo
end

--- Do the two blocks share an address?
--- @param one string
--- @param other string
--- @return boolean
function M.overlaps(one, other)
  check(2, one)
  check(2, other)
  return M.contains(one, other) or M.contains(other, one)
end

return M
