local checksum = require "eksrun.checksum"
local client = require "eksrun.aws.client"
local file = require "eksrun.file"
local json = require "eksrun.json"
local models = require "eksrun.aws.models"
local native = require "eksrun.native.aws"
local raised = require "tests.spec.support.raised"
local system = require "eksrun.aws.system"

local root

-- A service with one operation, as botocore writes it.
local function model(api_version, operation)
  return {
    version = "2.0",
    metadata = { apiVersion = api_version, endpointPrefix = "thing", protocol = "json", jsonVersion = "1.1",
      serviceId = "Thing", serviceFullName = "The Thing", signatureVersion = "v4", targetPrefix = "Thing",
      signingName = "thing" },
    operations = { [operation] = { name = operation, http = { method = "POST", requestUri = "/" },
      input = { shape = "In" }, output = { shape = "Out" }, documentation = "<p>text</p>" } },
    shapes = {
      In = { type = "structure", members = { Name = { shape = "Text", documentation = "<p>x</p>" } } },
      Out = { type = "structure", members = { Items = { shape = "List" }, Next = { shape = "Text" } } },
      List = { type = "list", member = { shape = "Text" } },
      Text = { type = "string" },
    },
  }
end

local function put(path, value)
  path = root .. "/" .. path
  file.mkdir_p(path:match("^(.*)/"))
  local text = type(value) == "table" and json.encode(value) or value
  file.write_atomic(path, path:find("%.gz$") and checksum.gzip(text) or text)
  return path
end

-- A new folder each time, since what was found is kept.
local function world(...)
  local folders = { ... }
  for i, name in ipairs(folders) do folders[i] = root .. "/" .. name end
  return system.with {
    env = function(name) return name == "AWS_DATA_PATH" and table.concat(folders, ":") or nil end,
    read_file = function() return nil end,
  }
end

describe("models in AWS_DATA_PATH", function()
  before_each(function()
    root = os.tmpname()
    os.remove(root)
    file.mkdir_p(root)
  end)

  after_each(function() os.execute("rm -rf " .. root) end)

  it("are found by name, with waiters and paginators", function()
    put("a/thing/2020-01-01/service-2.json", model("2020-01-01", "ListThings"))
    put("a/thing/2020-01-01/paginators-1.json", { pagination = { ListThings = {
      input_token = "Name", output_token = "Next", result_key = "Items" } } })
    put("a/thing/2020-01-01/waiters-2.json", { version = 2, waiters = { ThingReady = {
      operation = "ListThings", delay = 1, maxAttempts = 2,
      acceptors = { { state = "success", matcher = "status", expected = 200 } } } } })
    local w = world "a"
    local service = models.service("thing", w)
    assert.same({ "ListThings" }, service:operations())
    assert.equal("thing", service:metadata().service)
    assert.equal("Items", service:paginator("ListThings").result_key)
    assert.same({ "ThingReady" }, service:waiters())
    assert.equal(service, models.service("thing", w))
    assert.is_nil(models.service("thing"))
    assert.is_nil(models.service("none", w))
    local names = table.concat(models.services(w), " ")
    assert.matches("sts thing", names)
    assert.equal("eks", models.service("eks", w):metadata().service)
  end)

  it("may be compressed, and amended", function()
    put("a/thing/2020-01-01/service-2.json.gz", model("2020-01-01", "ListThings"))
    put("a/thing/2020-01-01/service-2.sdk-extras.json", { version = 1, merge = { shapes = {
      In = { required = { "Name" } } } } })
    local operation = models.service("thing", world "a"):operation("list_things")
    assert.matches("Name is required", raised(operation.build, operation, {}).message)
  end)

  it("count by their version", function()
    put("a/thing/2020-01-01/service-2.json", model("2020-01-01", "Old"))
    put("a/thing/2021-01-01/service-2.json.gz", model("2021-01-01", "New"))
    put("a/thing/2022-01-01/paginators-1.json", { pagination = {} })
    put("a/thing/draft/service-2.json", model("2030-01-01", "Draft"))
    put("b/thing/2021-01-01/service-2.json", model("2021-01-01", "Second"))
    put("c/thing/2023-01-01/service-2.json", model("2023-01-01", "Newest"))
    assert.same({ "New" }, models.service("thing", world("a", "b")):operations())
    assert.same({ "Second" }, models.service("thing", world("b", "a")):operations())
    assert.same({ "Newest" }, models.service("thing", world("a", "b", "none", "c")):operations())
  end)

  it("replace the program's own if they are as new", function()
    put("old/eks/2011-01-01/service-2.json", model("2011-01-01", "Old"))
    put("new/eks/2030-01-01/service-2.json", model("2030-01-01", "New"))
    put("same/eks/x/x", "")
    local version = native.service("eks"):metadata().apiVersion
    put("same/eks/" .. version .. "/service-2.json", model(version, "Same"))
    assert.equal(native.service("eks"), models.service("eks", world "old"))
    assert.same({ "New" }, models.service("eks", world "new"):operations())
    assert.same({ "Same" }, models.service("eks", world "same"):operations())
  end)

  it("are named when they are damaged", function()
    local function message(path, bytes)
      local at = put("d" .. path:gsub("%W", "") .. "/thing/2020-01-01/" .. path, bytes)
      local folder = at:sub(#root + 2):match("^[^/]+")
      if not path:find("^service") then
        put(folder .. "/thing/2020-01-01/service-2.json", model("2020-01-01", "X"))
      end
      local err = raised(models.service, "thing", world(folder))
      assert.equal("config", err.code)
      assert.matches(at, err.message, 1, true)
      return err.message
    end
    assert.matches("line 1", message("service-2.json", "{"))
    assert.matches("service%-2", message("service-2.json", "[]"))
    assert.truthy(message("service-2.json", "{}"))
    assert.truthy(message("service-2.json", ""))
    assert.matches("line 1", message("waiters-2.json", "{x}"))
    assert.matches("an object", message("paginators-1.json", "3"))
    local path = put("g/thing/2020-01-01/service-2.json.gz", model("2020-01-01", "X"))
    local bytes = file.read(path)
    for _, cut in ipairs { 0, 5, #bytes // 2, #bytes - 1 } do
      file.write_atomic(path, bytes:sub(1, cut))
      file.mkdir_p(root .. "/g" .. cut)
      os.rename(root .. "/g", root .. "/h" .. cut)
      local err = raised(models.service, "thing", world("h" .. cut))
      assert.matches("service%-2%.json%.gz: ", err.message)
      os.rename(root .. "/h" .. cut, root .. "/g")
    end
    assert.is_nil(models.service("../thing", world "g"))
    assert.is_nil(models.service(".", world "g"))
  end)

  it("are called as any other, and suggested", function()
    put("a/thing/2020-01-01/service-2.json", model("2020-01-01", "ListThings"))
    local sent
    local w = world "a"
    w.request = function(request)
      sent = request
      return { status = 200, headers = {}, body = '{"Items":["x"]}' }
    end
    local options = { system = w, region = "eu-west-1", endpoint = "http://127.0.0.1:1",
      credentials = { access_key_id = "a", secret_access_key = "b" } }
    local output = client.new("thing", options):list_things { Name = "n" }
    assert.same({ "x" }, output.Items)
    assert.equal("Thing.ListThings", sent.headers["x-amz-target"])
    assert.equal('{"Name":"n"}', sent.body)
    assert.matches("did you mean thing", raised(client.new, "thng", options))
  end)
end)
