local edit = require "eksrun.kubeconfig.edit"
local file = require "eksrun.file"
local kubeconfig = require "eksrun.kubeconfig"
local yaml = require "eksrun.yaml"

local ARN = "arn:aws:eks:eu-west-1:123456789012:cluster/new"

local function cluster(changes)
  local c = {
    name = "new", arn = ARN, status = "ACTIVE", endpoint = "https://new.example",
    certificateAuthority = { data = "Q0E=" },
  }
  for k, v in pairs(changes or {}) do c[k] = v end
  return c
end

local function entry(options)
  local c = cluster()
  options = options or {}
  options.exec = options.exec or kubeconfig.exec(c, { command = "eksrun" })
  return kubeconfig.entry(c, options)
end

local other = [[
# our clusters
apiVersion: v1
kind: Config
clusters:
  # the old one
  - name: "old"
    cluster: {server: 'https://old.example'}   # keep
contexts:
  - context:
      cluster: old
      user: old
      namespace: team
    name: old
current-context: "old" # today
users:
  - name: old
    user:
      token: |
        abc
        def

# the end
]]

-- Every line of `old` is in `new`, in its order; returns the lines that are new.
local function assert_kept(old, new)
  local added, want = {}, {}
  for line in old:gmatch("[^\n]*") do want[#want + 1] = line end
  local i = 1
  for line in new:gmatch("[^\n]*") do
    if line == want[i] then i = i + 1 else added[#added + 1] = line end
  end
  assert.equal(#want + 1, i, "lost from line: " .. tostring(want[i]))
  return table.concat(added, "\n")
end

describe("kubeconfig.merge", function()
  it("adds to lists and leaves every other byte alone", function()
    local new, changes = kubeconfig.merge(other, entry())
    assert_kept(other:gsub('"old" # today', ARN .. " # today"), new)
    for _, change in ipairs(changes) do
      assert.equal(change.what == "current-context" and "replaced" or "added", change.action)
    end
    local value = yaml.parse(new)
    assert.equal("abc\ndef\n", value.users[1].user.token)
    assert.equal("https://new.example", value.clusters[2].cluster.server)
    assert.equal(ARN, value["current-context"])
  end)

  it("does nothing the second time", function()
    local once = kubeconfig.merge(other, entry())
    local again, changes = kubeconfig.merge(once, entry())
    assert.equal(once, again)
    for _, change in ipairs(changes) do assert.equal("unchanged", change.action) end
  end)

  it("replaces entries of the name where they stand", function()
    local once = kubeconfig.merge(other, entry())
    local changed = entry()
    changed.cluster.cluster.server = "https://moved.example"
    local new, changes = kubeconfig.merge(once, changed)
    assert.equal(once:gsub("new%.example", "moved.example"), new)
    assert.same({ "replaced", "unchanged", "unchanged", "unchanged" },
      { changes[1].action, changes[2].action, changes[3].action, changes[4].action })
  end)

  it("keeps the namespace that somebody gave the context", function()
    local once = kubeconfig.merge(other, entry { alias = "old", user_alias = "mine" })
    local value = yaml.parse(once)
    assert.same({ name = "old", context = { cluster = ARN, user = "mine", namespace = "team" } },
      value.contexts[1])
  end)

  it("fills an empty file, comments kept", function()
    for _, text in ipairs { "", "\n", "# mine\n", "# mine", "---\n", "{}\n", "null\n" } do
      local new = kubeconfig.merge(text, entry())
      assert.equal("Config", yaml.parse(new).kind)
      assert.equal(text:match("# mine"), new:match("# mine"))
    end
    assert.matches("^apiVersion: v1\nclusters:\n%- cluster:\n", (kubeconfig.merge("", entry())))
  end)

  it("adds what is missing, null or empty", function()
    for _, text in ipairs {
      "kind: Config\n", "kind: Config", "users:\nkind: Config\n", "users: null # none\nkind: Config\n",
      "users: []\nclusters: [ ]\ncontexts: ~\ncurrent-context:\n", "current-context: ''\n",
      "kind: Config\r\nusers:\r\n", "  kind: Config\n  users:\n    - name: a\n", "users:\n- name: a",
      "contexts:\n- context:\n  name:", "---\nkind: Config\n...\n", "kind: Config\n# end",
    } do
      local new = kubeconfig.merge(text, entry())
      local value = yaml.parse(new)
      assert.equal(ARN, value["current-context"], text)
      assert.equal(ARN, value.clusters[#value.clusters].name, text)
      assert.equal(ARN, value.users[#value.users].name, text)
      assert.equal(ARN, value.contexts[#value.contexts].name, text)
      if text:find("\r\n") then assert.is_nil(new:gsub("\r\n", ""):find("\n")) end
    end
  end)

  it("edits JSON as JSON", function()
    local json = require "eksrun.json"
    for _, text in ipairs {
      '{"kind":"Config","clusters":[{"name":"a"}],"users":[],"contexts":null,"current-context":"a"}',
      '{"kind":"Config"}', '{\n  "clusters": [\n    {"name": "' .. ARN .. '"}\n  ]\n}\n',
    } do
      local value = json.decode((kubeconfig.merge(text, entry())))
      assert.equal(ARN, value["current-context"])
      assert.equal(ARN, value.clusters[#value.clusters].name)
      assert.equal("https://new.example", value.clusters[#value.clusters].cluster.server)
    end
  end)

  it("refuses what it cannot edit, changing nothing", function()
    assert.has_error(function() kubeconfig.merge("users: &u [*u]\n", entry()) end)
    local ok, err = pcall(edit.merge, "? users\n: !!seq\n  - name: a\n", entry())
    if not ok then assert.equal("kubeconfig", err.code) end
  end)
end)

describe("kubeconfig.parse", function()
  it("takes null and missing fields, and refuses wrong types", function()
    assert.is_nil(kubeconfig.parse("", "f"))
    assert.is_table(kubeconfig.parse("users: null\n", "f"))
    for _, text in ipairs {
      "a string", "[]", "users: {}", "users: x", "users: [x]", "current-context: 1", "preferences: []",
      "apiVersion: [", "kind: true",
    } do
      local ok, err = pcall(kubeconfig.parse, text, "some/file")
      assert.is_false(ok, text)
      assert.equal("kubeconfig", err.code)
      assert.matches("^some/file", err.message)
    end
  end)
end)

describe("kubeconfig.paths", function()
  it("prefers the flag, then KUBECONFIG without blanks, then the home directory", function()
    assert.same({ "/f" }, kubeconfig.paths { file = "/f", env = "/a:/b", home = "/h" })
    assert.same({ "/a", "/b" }, kubeconfig.paths { env = ":/a: :/b:", home = "/h" })
    assert.same({ "/h/.kube/config" }, kubeconfig.paths { env = ": :\t", home = "/h" })
    assert.has_error(function() kubeconfig.paths {} end)
  end)
end)

describe("kubeconfig.choose", function()
  local files = {
    ["/bad"] = "users: x", ["/empty"] = "", ["/other"] = other,
    ["/has"] = "clusters: [{name: '" .. ARN .. "'}]",
  }
  local function choose(...)
    local warnings = {}
    local path, text = kubeconfig.choose({ ... }, ARN, function(p) return files[p] end,
      function(message) warnings[#warnings + 1] = message end)
    return path, text, #warnings
  end

  it("finds the file that has the cluster, past bad and missing ones", function()
    local path, text, warnings = choose("/empty", "/bad", "/none", "/has", "/other")
    assert.equal("/has", path)
    assert.equal(files["/has"], text)
    assert.equal(1, warnings)
  end)

  it("else takes the first, which must be sound or new", function()
    assert.equal("/other", (choose("/other", "/bad")))
    local path, text = choose("/new", "/other")
    assert.equal("/new", path)
    assert.equal("", text)
  end)

  it("says once that a file is none", function()
    local warned = 0
    local function read(path) return files[path] end
    for _, paths in ipairs { { "/bad" }, { "/bad", "/other" } } do
      local ok, err = pcall(kubeconfig.choose, paths, ARN, read, function() warned = warned + 1 end)
      assert.is_false(ok)
      assert.matches("/bad: 'users' is a string", tostring(err), 1, true)
    end
    assert.equal(0, warned)
    local path, _, warnings = choose("/bad", "/has")
    assert.same({ "/has", 1 }, { path, warnings })
  end)
end)

describe("kubeconfig.entry", function()
  it("refuses a cluster that has no endpoint yet", function()
    for _, status in ipairs { "CREATING", "DELETING", "FAILED" } do
      local ok, err = pcall(kubeconfig.entry, cluster { status = status }, { exec = {} })
      assert.is_false(ok)
      assert.equal("cluster", err.code)
    end
  end)

  it("names context and user as asked", function()
    local made = entry { alias = "ctx", user_alias = "me", proxy_url = "http://p:1" }
    assert.equal("ctx", made.context.name)
    assert.equal("ctx", made.current_context)
    assert.same({ cluster = ARN, user = "me" }, made.context.context)
    assert.equal("http://p:1", made.cluster.cluster["proxy-url"])
  end)
end)

describe("kubeconfig.exec", function()
  it("runs this program, with region, profile and role", function()
    assert.same({
      apiVersion = "client.authentication.k8s.io/v1", command = "eksrun", interactiveMode = "Never",
      args = { "token", "new", "--region", "eu-west-1", "--profile", "p", "--role-arn", "r" },
    }, kubeconfig.exec(cluster(), { command = "eksrun", profile = "p", role_arn = "r" }))
  end)

  it("names a cluster on Outposts by its id", function()
    local function args(changes) return kubeconfig.exec(cluster(changes), { command = "eksrun" }).args end
    assert.same({ "token", "--cluster-id", "i", "--region", "eu-west-1" },
      args { id = "i", outpostConfig = {} })
    assert.equal("new", args({ id = "i", outpostConfig = { etcdInstanceType = "m5" } })[2])
  end)
end)

describe("the lock that kubectl respects", function()
  local native = require "eksrun.native.kubeconfig"
  it("is held by one, and gone afterwards", function()
    local path = os.tmpname() .. ".lock"
    do
      local held <close> = native.lock(path)
      assert.is_not_nil(held)
      assert.is_nil(native.lock(path))
    end
    assert.is_nil(io.open(path))
    local again = native.lock(path)
    again:release()
    again:release()
    assert.is_nil(io.open(path))
    os.remove((path:gsub("%.lock$", "")))
    assert.has_error(function() native.lock "/nonexistent/folder/x.lock" end)
  end)

  it("is taken over from an eksrun that was killed, and from nobody else", function()
    local path = os.tmpname() .. ".lock"
    local script = os.tmpname()
    file.write_atomic(script, ([[
      require("eksrun.native.kubeconfig").lock "%s"
      local process = require "eksrun.process"
      process.kill(process.pid(), "KILL")]]):format(path))
    assert.is_falsy(os.execute(("'%s' lua '%s'"):format(file.realpath "/proc/self/exe", script)))
    file.remove(script)
    assert.is_true(file.exists(path))
    do
      local held <close> = native.lock(path)
      assert.is_not_nil(held)
      assert.is_nil(native.lock(path))
    end
    assert.is_false(file.exists(path))
    file.write_atomic(path, "") -- kubectl's
    assert.is_nil(native.lock(path))
    assert.is_true(file.exists(path))
    file.remove(path)
    file.remove((path:gsub("%.lock$", "")))
  end)
end)
