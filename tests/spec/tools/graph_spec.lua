-- eksrun graph, through the program and in the sandbox.
local file = require "eksrun.file"
local process = require "eksrun.process"

local program = file.realpath "/proc/self/exe"
local layouts = require "eksrun.cli.graph.layout"
local models = require "eksrun.cli.graph.model"

local folder

local function graph(...)
  return process.run {
    argv = { program, "graph", ... }, env = { "PATH", "EKSRUN_STDLIB", HOME = folder }, max_output = 1 << 20,
  }
end

local function drawn(...)
  local result = graph(...)
  assert.equal(0, result.code, result.stderr)
  return result.stdout
end

-- A model of nodes { name, needs... } in one group.
local function model_of(rows)
  local actions, nodes, dependencies = {}, {}, {}
  for i, row in ipairs(rows) do
    local node = { address = row[1] }
    nodes[row[1]] = node
    actions[i] = { op = "create", address = row[1], node = node, type = { name = "ec2.vpc", inputs = {} } }
    dependencies[node] = {}
    for k = 2, #row do dependencies[node][k - 1] = nodes[row[k]] end
  end
  local declared = {}
  function declared.dependencies(_, node) return dependencies[node] end
  return models.of { actions = actions, graph = declared }
end

describe("eksrun graph", function()
  setup(function()
    folder = process.run({ argv = { "mktemp", "-d" } }).stdout:gsub("%s+$", "")
  end)
  teardown(function() process.run { argv = { "rm", "-rf", folder } } end)

  it("leads from what comes first, and leaves out what a longer way implies", function()
    local model = model_of { { "n/a" }, { "n/b", "n/a" }, { "n/c", "n/a", "n/b" }, { "d", "n/a" } }
    local needs = {}
    for _, node in ipairs(model.nodes) do
      for _, other in ipairs(node.needs) do needs[#needs + 1] = other.address .. " " .. node.address end
    end
    assert.same({ "n/a n/b", "n/b n/c", "n/a d" }, needs)
    assert.same({ 0, 1, 2, 1 }, { model.nodes[1].rank, model.nodes[2].rank, model.nodes[3].rank,
      model.nodes[4].rank })
    assert.same({ "n", "" }, model.groups)
  end)

  it("lays nothing on another, in 200 resources either", function()
    local rows = {}
    for i = 1, 200 do
      rows[i] = { ("g%d/r%d"):format(i % 4, i) }
      for k = 1, i % 4 do rows[i][k + 1] = rows[math.max(1, i // (k + 1))][1] end
    end
    rows[1] = { "g1/r1" }
    local layout = layouts.of(model_of(rows), function() return 100 end)
    local columns = {}
    for _, item in ipairs(layout.items) do
      local lane = layout.lanes[item.lane]
      assert.is_true(item.y - item.height / 2 >= lane.y, "above its lane")
      assert.is_true(item.y + item.height / 2 <= lane.y + lane.height, "below its lane")
      columns[item.rank] = columns[item.rank] or {}
      table.insert(columns[item.rank], item)
      for _, other in ipairs(item.behind) do assert.equal(item.rank + 1, other.rank) end
    end
    for _, items in pairs(columns) do
      table.sort(items, function(a, b) return a.y < b.y end)
      for i = 2, #items do
        local gap = items[i].y - items[i].height / 2 - (items[i - 1].y + items[i - 1].height / 2)
        assert.is_true(gap > -0.001, "two on one another")
      end
    end
  end)

  it("prints DOT, and Mermaid on request", function()
    local dot = drawn("recipes/vpc.lua", "--sandbox")
    assert.matches('^digraph "vpc/demo" {', dot)
    assert.matches('"network/vpc" %-> "network/public/a";', dot)
    assert.is_nil(dot:find '"network/vpc" -> "network/public/link-a"')
    assert.matches('label="%+ public/a\\nec2.subnet"', dot)
    local mermaid = drawn("recipes/vpc.lua", "--sandbox", "--format", "mermaid")
    assert.matches("flowchart LR\n", mermaid)
    assert.matches('n1%("%+ vpc<br><small>ec2%.vpc</small>"%):::create', mermaid)
  end)

  it("writes an SVG that says what it shows and loads nothing", function()
    local path = folder .. "/picture.svg"
    assert.equal("", drawn("recipes/managed-cluster.lua", "--sandbox", "--output", path))
    local svg = file.read(path)
    assert.matches('role="img" aria%-labelledby="title about"', svg)
    assert.matches('<title id="title">Resources of managed%-cluster/demo</title>', svg)
    assert.matches("28 resources, 28 to create", svg)
    local _, boxes = svg:gsub('<rect class="box"', "")
    assert.equal(28, boxes)
    assert.is_nil(svg:find "href")
    -- Not every program that draws SVG knows variables; without them all is black.
    assert.is_nil(svg:find("var(", 1, true))
    assert.matches("%.ec2 { fill: #%x+; }.*@media.*%.ec2 { fill: #%x+; }", svg)
    local open = {}
    for closing, name, ending in svg:gmatch "<(/?)([%a]+)[^>]-(/?)>" do
      if closing == "/" then
        assert.equal(name, table.remove(open))
      elseif ending == "" then
        open[#open + 1] = name
      end
    end
    assert.same({}, open)
  end)

  it("marks what would change", function()
    local state = "--sandbox=" .. folder .. "/aws.json"
    local made = process.run {
      argv = { program, "recipes/vpc.lua", "zones=2", "--yes", state }, env = { "PATH" },
    }
    assert.equal(0, made.code, made.stderr)
    assert.is_nil(drawn("recipes/vpc.lua", "zones=2", state):find "+ ", 1, true)
    assert.matches('label="%- private/b\\n', (drawn("recipes/vpc.lua", "zones=1", state)))
  end)

  it("refuses a file that says no form, and a recipe of nothing", function()
    local refused = graph("recipes/vpc.lua", "--sandbox", "--output", "picture.png")
    assert.equal(2, refused.code)
    assert.matches("the ending says no form; add %-%-format dot|mermaid|svg", refused.stderr)
    file.write_atomic(folder .. "/nothing.lua", "return 1")
    assert.matches("declares no resource", graph(folder .. "/nothing.lua", "--sandbox").stderr)
  end)
end)
