--- Where in a piece of Lua its end lies: what is being typed there. Pure; knows tokens and brackets, not
--- grammar, so that what is not finished, or wrong, is read as far as it goes.
local M = {}

--- A bracket that is open, or was.
--- @class eksrun.repl.Frame
--- @field open "{"|"("|"["
--- @field callee? eksrun.repl.Chain what is called with it: `eks:describe_cluster {`, `eks:wait(`
--- @field parent? eksrun.repl.Frame
--- @field key? string the field of the parent table that it is the value of
--- @field given table<string, string|true> fields that the table has so far: strings by their value
--- @field current? string the field whose value is being typed
--- @field commas integer
--- @field closed? boolean

--- @alias eksrun.repl.Chain { [1]: string, [integer]: { sep: "."|":"|"[", name: string|integer } }

--- @class eksrun.repl.Place
--- @field kind "name"|"string"|"comment"
--- @field text string the part of the name or string that stands before the end
--- @field chain? eksrun.repl.Chain what the name is a field of
--- @field sep? "."|":" between the two
--- @field frame? eksrun.repl.Frame the innermost open bracket
--- @field frames eksrun.repl.Frame[] all brackets
--- @field quote? string that ends the string
--- @field callee? eksrun.repl.Chain what is called with the string: `f "te`
--- @field after "value"|"operator"|"sep"|"open"|"comma" what the last token was, but for the text
--- @field ended? eksrun.repl.Chain the name that the last tokens are

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return
  then true until while]]):gmatch "%a+" do
  KEYWORDS[word] = true
end
M.keywords = KEYWORDS

local Scan = {}
Scan.__index = Scan

-- The text of a short string from its opening quote, and the place behind it; no place: it is open.
local function short_string(s, at)
  local quote, i = s:sub(at, at), at + 1
  while i <= #s do
    local c = s:sub(i, i)
    if c == "\\" then
      i = i + 2
    elseif c == quote then
      return s:sub(at + 1, i - 1), i + 1
    elseif c == "\n" then
      return s:sub(at + 1, i - 1), i -- not finished: what follows is read as if it were
    else
      i = i + 1
    end
  end
  return s:sub(at + 1), nil
end

local function long_bracket(s, at)
  local level = s:match("^%[(=*)%[", at)
  if not level then return nil end
  local from, to = s:find("]" .. level .. "]", at, true)
  local first = at + #level + 2
  return s:sub(first, (from or #s + 1) - 1), to and to + 1 or nil, "]" .. level .. "]"
end

-- ---- what tokens do

function Scan:value(chain, text)
  self.chain, self.sep, self.pending, self.last, self.text = chain, nil, nil, "value", text
end

function Scan:name(word)
  if self.sep and self.chain then
    table.insert(self.chain, { sep = self.sep, name = word })
    self.sep, self.last, self.word = nil, "value", word
  elseif KEYWORDS[word] then
    self.chain, self.sep, self.last, self.word = nil, nil, "operator", nil
  else
    self:value { word }
    self.word = word
  end
end

function Scan:string(text)
  local frame, chain = self.frame, self.chain
  if self.last == "value" and chain then -- f "text"
    self.chain = nil
  elseif frame and frame.current then
    frame.given[frame.current] = text
  end
  self:value(nil, text)
end

function Scan:push(open)
  local frame = { open = open, parent = self.frame, given = {}, commas = 0 }
  local parent = self.frame
  if self.last == "value" and self.chain and open ~= "[" then
    frame.callee = self.chain
  elseif open == "{" and parent and parent.open == "(" and parent.callee and parent.commas == 0
    and self.last == "open" then
    frame.callee = parent.callee
  elseif parent and parent.open == "{" then
    frame.key = parent.current
  end
  frame.before = self.chain
  self.frames[#self.frames + 1] = frame
  self.frame, self.chain, self.sep, self.last, self.word, self.text = frame, nil, nil, "open", nil, nil
end

function Scan:pop(close)
  local frame = self.frame
  local index = self.text
  if not frame then return self:value(nil) end
  frame.closed = true
  self.frame = frame.parent
  local chain = nil
  -- x[1], x["a"]: a field; a call's value is not known.
  if close == "]" and frame.open == "[" and frame.before and index ~= nil then
    chain = frame.before
    table.insert(chain, { sep = "[", name = index })
  elseif close == ")" and frame.open == "(" and not frame.callee then
    chain = self.chain
  end
  self:value(chain)
end

function Scan:assign()
  local frame = self.frame
  if frame and frame.open == "{" and self.word and self.chain and #self.chain == 1 then
    frame.current = self.word
    frame.given[self.word] = frame.given[self.word] or true
  elseif frame and frame.open == "{" and self.text and self.was_index then
    frame.current = self.text
    frame.given[self.text] = frame.given[self.text] or true
  end
  self:operator()
end

function Scan:operator()
  self.chain, self.sep, self.last, self.word, self.text = nil, nil, "operator", nil, nil
end

function Scan:comma()
  local frame = self.frame
  if frame then
    frame.commas = frame.commas + 1
    frame.current = nil
  end
  self:operator()
  self.last = "comma"
end

-- ---- tokens

-- Reads the token at a place; returns the place behind it, or nil and what is open at the end.
function Scan:token(s, at)
  local c = s:sub(at, at)
  if s:find("^%-%-", at) then
    local text, behind = long_bracket(s, at + 2)
    if text then return behind, not behind and { kind = "comment", text = "" } end
    local newline = s:find("\n", at, true)
    return newline, not newline and { kind = "comment", text = "" }
  elseif c == '"' or c == "'" then
    local text, behind = short_string(s, at)
    if not behind then return nil, { kind = "string", text = text, quote = c } end
    self:string(text)
    return behind
  elseif c == "[" and s:find("^%[=*%[", at) then
    local text, behind, quote = long_bracket(s, at)
    if not behind then return nil, { kind = "string", text = text, quote = quote } end
    self:string(text)
    return behind
  elseif c:find "[%a_]" then
    local word = s:match("^[%w_]+", at)
    if at + #word > #s then return nil, { kind = "name", text = word } end
    self:name(word)
    return at + #word
  elseif c:find "%d" then
    local number = s:match("^[%w.]+", at)
    self:value(nil, math.tointeger(tonumber(number)) or number)
    return at + #number
  elseif c == "{" or c == "(" or c == "[" then
    self:push(c)
  elseif c == "}" or c == ")" or c == "]" then
    local was = self.frame
    self:pop(c)
    self.was_index = c == "]" and was and was.open == "[" and not was.before
    if self.was_index then self.text = was.text end
  elseif (c == "." or c == ":") and self.last == "value" and s:sub(at + 1, at + 1) ~= c then
    self.sep, self.last = c, "sep"
  elseif c == "=" and s:sub(at + 1, at + 1) ~= "=" and not s:sub(at - 1, at - 1):find "[=<>~]" then
    self:assign()
  elseif c == "," or c == ";" then
    self:comma()
  elseif c == "\n" and self.last == "value" and not self.frame then
    self:operator() -- a statement may end here
  elseif not c:find "%s" then
    self:operator()
  end
  return at + 1
end

--- What lies at the end of the text.
--- @param s string Lua, up to the cursor
--- @return eksrun.repl.Place
function M.scan(s)
  local self = setmetatable({ frames = {}, last = "operator" }, Scan)
  local at, open = 1, nil
  while at and at <= #s do at, open = self:token(s, at) end
  local place = open or { kind = "name", text = "" }
  if place.kind == "name" and self.last == "sep" then
    place.chain, place.sep = self.chain, self.sep
  elseif place.kind == "string" and self.last == "value" and self.chain then
    place.callee = self.chain -- f "te
  end
  place.after, place.ended = self.last, self.last == "value" and self.chain or nil
  place.frame, place.frames = self.frame, self.frames
  return place
end

return M
