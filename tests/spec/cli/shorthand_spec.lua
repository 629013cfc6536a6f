local json = require "eksrun.json"
local shorthand = require "eksrun.cli.call.shorthand"

local function parse(text) return json.encode(shorthand.parse(text)) end

local function refuses(text, what)
  local ok, err = pcall(shorthand.parse, text)
  assert.is_false(ok, text)
  assert.equal("usage", err.code)
  assert.matches(what, tostring(err))
end

describe("shorthand", function()
  -- text -> what it means
  local cases = {
    { "pairs", "a=b,c=d", '{"a":"b","c":"d"}' },
    { "nothing behind the sign", "a=,b=", '{"a":"","b":""}' },
    { "a list by commas", "a=b,c,d", '{"a":["b","c","d"]}' },
    { "a list that the next key ends", "Name=x,Values=a,b,Other=c",
      '{"Name":"x","Other":"c","Values":["a","b"]}' },
    { "a list that begins with nothing", "a=,b", '{"a":["","b"]}' },
    { "a list in brackets", "a=[b,c]", '{"a":["b","c"]}' },
    { "a list of one", "a=[b]", '{"a":["b"]}' },
    { "a list of none", "a=[]", '{"a":[]}' },
    { "a list with a hole", "a=[b,,c]", '{"a":["b","","c"]}' },
    { "a comma at the end of a list", "a=[b,]", '{"a":["b"]}' },
    { "a map", "a={b=c,d=e}", '{"a":{"b":"c","d":"e"}}' },
    { "an empty map", "a={}", '{"a":{}}' },
    { "both, nested", "a=[{b=[c,d],e={f=g}},{h=i}]", '{"a":[{"b":["c","d"],"e":{"f":"g"}},{"h":"i"}]}' },
    { "lists in lists", "a=[[1,2],[3]]", '{"a":[["1","2"],["3"]]}' },
    { "what follows a map", "a={b=c},d=e", '{"a":{"b":"c"},"d":"e"}' },
    { "more signs in a value", "a=b=c=d", '{"a":"b=c=d"}' },
    { "opening brackets in a value", "a=b[{c", '{"a":"b[{c"}' },
    { "closing brackets where a value begins", "a=]x", '{"a":"]x"}' },
    { "single quotes", "a='b,c=d'", '{"a":"b,c=d"}' },
    { "double quotes", 'a="b c",d=e', '{"a":"b c","d":"e"}' },
    { "quotes in a list", "a='x,y',\"z\"", '{"a":["x,y","z"]}' },
    { "a quote within quotes", [[a='it\'s',b="say \"so\""]], [[{"a":"it's","b":"say \"so\""}]] },
    { "a backslash within quotes", [[a='b\\c\d']], [[{"a":"b\\c\\d"}]] },
    { "a backslash before the last quote", [[a='C:\']], [[{"a":"C:\\"}]] },
    { "a comma with a backslash", [[a=b\,c,d]], '{"a":["b,c","d"]}' },
    { "other backslashes", [[a=b\c\\d]], [[{"a":"b\\c\\\\d"}]] },
    { "space around signs", " a = b , c = [ d , e ] , f = { g = h } ",
      '{"a":"b","c":["d","e"],"f":{"g":"h"}}' },
    { "space within a value", "a=b c d ", '{"a":"b c d"}' },
    { "line ends", "a=b,\n  c=d\n", '{"a":"b","c":"d"}' },
    { "all signs of keys", "aws:x/y-z_1.2#3=v", '{"aws:x/y-z_1.2#3":"v"}' },
    { "other scripts", "a=größe,日本", '{"a":["größe","日本"]}' },
    { "characters beyond 16 bits", "a=🙂", '{"a":"🙂"}' },
    { "an ARN", "Arn=arn:aws:iam::1:role/x", '{"Arn":"arn:aws:iam::1:role/x"}' },
  }
  for _, case in ipairs(cases) do
    it("reads " .. case[1], function() assert.equal(case[3], parse(case[2])) end)
  end

  it("says where it cannot go on", function()
    refuses("", "expected a key at column 1, found the end")
    refuses("a", "expected '=' at column 2, found the end")
    refuses("a=b,", "expected a value at column 5")
    refuses("=b", "expected a key at column 1, found '='")
    refuses("a=b,,,c=d", "expected a key at column 6, found ','")
    refuses("a=[b", "expected ',' or ']' at column 5, found the end")
    refuses("a={b=c", "expected ',' or '}' at column 7, found the end")
    refuses("a={b}", "expected '=' at column 5, found '}'")
    refuses("a=b]", "expected ',' or the end at column 4, found ']'")
    refuses("a='b", "expected the quote that ends '...' at column 5")
    refuses("a='b'c", "expected ',' or the end at column 6, found 'c'")
    refuses("é=b", "found 'é'")
    refuses("a=b\27,c", "column 4, found '\\x1b'")
  end)

  it("takes no key twice", function()
    refuses("Key=a,Value=b,Key=c", "key 'Key' is there twice, at column 15")
    refuses("a={b=1,b=2}", "key 'b' is there twice")
  end)

  it("has a bound on nesting", function()
    refuses("a=" .. ("["):rep(100), "nested more than 64 deep")
    refuses("a=" .. ("{b="):rep(100), "nested more than 64 deep")
  end)

  it("reads files where @= asks for it, and there only", function()
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write("from, a=file")
    file:close()
    assert.equal('{"a":"from, a=file","b":"file://' .. path:gsub("/", "/") .. '"}',
      parse("a@=file://" .. path .. ",b=file://" .. path))
    assert.equal('{"a":["from, a=file","x"]}', parse("a@=[file://" .. path .. ",x]"))
    os.remove(path)
    refuses("a@=file:///does/not/exist", "/does/not/exist")
  end)
end)
