local aws = require "eksrun.aws"
local calls = require "eksrun.aws.call"
local commands = require "eksrun.repl.commands"
local credentials = require "eksrun.aws.credentials"
local describe_name = require "eksrun.repl.describe"
local guard = require "eksrun.repl.guard"
local lock_guard = require "eksrun.engine.lock.guard"
local native = require "eksrun.native.aws"
local present = require "eksrun.repl.present"
local session = require "eksrun.repl.session"
local text = require "eksrun.text"

describe("values at the prompt", function()
  local function rows(value, width, all)
    local out = {}
    for row in (present.show(value, width or 80, all) .. "\n"):gmatch "(.-)\n" do out[#out + 1] = row end
    return out
  end

  it("are tables where records are alike, numbers to the right", function()
    assert.same({
      "name   id  size",
      "blue   a1     7",
      "green      1024",
    }, rows { { name = "blue", id = "a1", size = 7 }, { name = "green", size = 1024 } })
    assert.equal("Vpcs: 2", rows({ Vpcs = { { a = 1 }, { a = 2 } } })[1])
  end)

  it("are Lua's notation otherwise", function()
    assert.same({ '{ a = { "x" }, b = 1 }' }, rows { b = 1, a = { "x" } })
    assert.same({ "{ { a = 1 }, 2 }" }, rows { { a = 1 }, 2 })
    assert.same({ "{ 1, 2 }" }, rows { 1, 2 })
    assert.same({ '"\\x1b[2J"' }, rows "\27[2J")
  end)

  it("show forty rows and say how to see the rest", function()
    local list = {}
    for i = 1, 252 do list[i] = { n = i } end
    local shown = rows(list)
    assert.equal(42, #shown)
    assert.equal("… 212 more: .last", shown[42])
    assert.equal(253, #rows(list, 80, true))
  end)

  it("never go over the edge, shorten ARNs in the middle, and move no cursor", function()
    local arn = "arn:aws:iam::123456789012:role/a-role-with-a-name-that-is-long-enough-for-any-screen"
    local list = {}
    for i = 1, 3 do
      list[i] = {
        name = ("準備"):rep(30), arn = arn .. i, note = "a\27[2J\nb", nested = { { x = i }, { y = 2 } },
      }
    end
    for width = 20, 120, 7 do
      for _, row in ipairs(rows(list, width)) do
        assert.is_true(text.width(row) <= width, row)
        assert.is_nil(row:find "%c")
      end
    end
    local shown = present.show({ { arn = arn .. 1 }, { arn = arn .. 2 } }, 40)
    assert.matches("arn:aws:[%w:]*…[%w-]*screen1", shown)
  end)
end)

describe("the guard of the prompt", function()
  local eks = aws.eks:service()

  local function call(name, params, service)
    return { client = { name = service or "eks" }, name = name, operation = eks:operation(name),
      params = params or {} }
  end

  local function guarded(options)
    options.called, options.changed = function() end, options.changed or function() end
    return guard.new(options)
  end

  local function refused(watch, ...)
    local ok, err = pcall(watch.permit, watch, call(...))
    return not ok and err.message
  end

  it("asks for no call of any service that describes, lists or gets", function()
    local checked = 0
    for _, name in ipairs(native.services()) do
      for _, operation in ipairs(native.service(name):operations()) do
        if operation:find "^List%u" or operation:find "^Describe%u" or operation:find "^Get%u" then
          checked = checked + 1
          local made = { client = { name = name }, name = operation }
          assert.is_false(lock_guard.changes(made), name .. operation)
        end
      end
    end
    assert.is_true(checked > 900, checked)
  end)

  it("only reads at first, and says how to change that", function()
    local watch = guarded { ask = function() error "asked" end }
    assert.is_false(refused(watch, "DescribeCluster", { name = "a" }))
    assert.equal("eks:CreateCluster name=a changes something, and this session only reads; "
      .. ".rw allows changes", refused(watch, "CreateCluster", { name = "a" }))
    assert.matches("%-%-yes allows changes$", refused(guarded {}, "CreateCluster", { name = "a" }))
  end)

  it("asks once for a call, and wants the name of a cluster that goes", function()
    local asked, answer = {}, "y"
    local watch = guarded { ask = function(question)
      asked[#asked + 1] = question
      return answer
    end }
    watch.mode = "rw"
    local create = call("CreateCluster", { name = "a\27[2J" })
    watch:permit(create)
    watch:permit(create) -- the next attempt
    assert.equal(1, #asked)
    assert.matches("^eks:CreateCluster name=a\\x1b%[2J in .*, .*%? %[y/N%] $", asked[1])
    assert.matches("nothing was changed$", refused(watch, "DeleteCluster", { name = "prod" }))
    answer = "prod"
    assert.is_false(refused(watch, "DeleteCluster", { name = "prod" }))
    assert.matches("nothing was changed$", refused(watch, "CreateCluster", { name = "prod" }))
    answer = nil
    assert.is_truthy(refused(watch, "CreateCluster", { name = "b" }))
  end)

  it("asks nothing with --yes, nor for the cluster of --confirm", function()
    local told = {}
    local watch = guarded { yes = true, changed = function(service) told[#told + 1] = service end }
    assert.is_false(refused(watch, "DeleteCluster", { name = "prod" }))
    assert.same({ "eks" }, told)
    watch = guarded { confirm = "prod" }
    watch.mode = "rw"
    assert.is_false(refused(watch, "DeleteCluster", { name = "prod" }))
    assert.is_truthy(refused(watch, "DeleteCluster", { name = "other" }))
  end)

  it("answers for every call while it is there", function()
    local before = calls.permit
    do
      local watch = guarded {}
      local _ <close> = watch:enforce()
      local client = aws.client("eks", {
        region = "us-east-1", endpoint = "http://127.0.0.1:9",
        credentials = credentials.new { access_key_id = "AKIDEXAMPLE", secret_access_key = "example" },
      })
      local params = { name = "a", roleArn = "arn:x", resourcesVpcConfig = {} }
      local ok, err = pcall(client.create_cluster, client, params)
      assert.is_false(ok)
      assert.equal("read_only", err.code)
    end
    assert.equal(before, calls.permit)
  end)
end)

describe("what is no Lua at the prompt", function()
  local state
  before_each(function() state = { env = session.new().env, guard = { mode = "ro" }, entries = {} } end)

  it("is told from it", function()
    for _, line in ipairs { ".rw", " .help eks", "! ls -l", "eks.list_clusters?", "eks:list_clusters ?",
      "eks:list_clusters{} | jq .", "eks:list_clusters{} | jq" } do
      assert.is_truthy(commands.of(state, line), line)
    end
    state.env.y = 1
    for _, line in ipairs { "x = 1", "1 | 2", "6 | y", "eks:list_clusters {}", "'a | b'", "f 'x?'",
      "x = '! y'", "return '.rw'" } do
      assert.is_nil(commands.of(state, line), line)
    end
  end)

  it("is refused with what is near", function()
    local ok, err = pcall(commands.of(state, ".hlep"))
    assert.is_false(ok)
    assert.equal("there is no .hlep, did you mean '.help'?", (err.message:gsub("; did", ", did")))
  end)

  it("has help that fits the screen", function()
    local said = {}
    local print_before = print
    _G.print = function(shown) said[#said + 1] = shown end
    finally(function() _G.print = print_before end)
    commands.of(state, ".help")()
    for row in said[1]:gmatch "[^\n]+" do assert.is_true(#row < 80, row) end
    for _, command in ipairs(commands.list) do
      assert.is_truthy(said[1]:find("\n" .. command[1] .. " ", 1, true), command[1])
    end
    commands.of(state, ".help .save")()
    assert.matches("^%.save FILE", said[2])
  end)

  it("switches between reading and changing", function()
    commands.of(state, ".rw")()
    assert.equal("rw", state.guard.mode)
    commands.of(state, ".ro")()
    assert.equal("ro", state.guard.mode)
  end)

  it("describes operations from the model", function()
    for _, name in ipairs { "eks:create_nodegroup", "eks.create_nodegroup", "aws.eks:create_nodegroup" } do
      local page = describe_name.of(state.env, name)
      assert.equal('eks:create_nodegroup { clusterName = "TEXT", nodegroupName = "TEXT", '
        .. 'subnets = { "TEXT" }, nodeRole = "TEXT" }', page:match "^[^\n]*")
      assert.matches("clusterName%s+string; required", page)
      assert.matches("ON_DEMAND | SPOT", page)
      assert.matches("answer: nodegroup$", page)
    end
    assert.is_false(pcall(describe_name.of, state.env, "eks:no_such_thing"))
    assert.is_false(pcall(describe_name.of, state.env, "nothing"))
    assert.matches("^client of eks: %d+ operations", describe_name.of(state.env, "eks"))
  end)

  it("saves the session as a program", function()
    local path = os.tmpname()
    os.remove(path)
    finally(function() os.remove(path) end)
    state.entries = { "x = { 1, 2 }", "#x", "local total = x[1] + x[2]", "json.encode(x)",
      "function f() return total end" }
    local said = {}
    local print_before = print
    _G.print = function(line) said[#said + 1] = line end
    finally(function() _G.print = print_before end)
    commands.of(state, ".save " .. path)()
    assert.matches("^5 statements in ", said[1])
    local env = setmetatable({}, { __index = _G })
    assert(loadfile(path, "t", env))()
    assert.equal(3, env.f())
    assert.is_false(pcall(commands.of(state, ".save " .. path)))
  end)
end)
