local advice = require "eksrun.cli.advice"
local error_object = require "eksrun.error"
local live = require "eksrun.cli.progress.live"
local line = require "eksrun.cli.progress.line"
local page = require "eksrun.cli.progress.page"
local plain = require "eksrun.cli.progress.plain"
local summary = require "eksrun.cli.progress.summary"
local text = require "eksrun.text"
local timeline = require "eksrun.engine.timeline"
local tree = require "eksrun.cli.progress.tree"

local function step(address, status, fields)
  local out = {
    address = address, kind = "create", status = status, needs = {},
    action = { type = { name = "cloud.net", typical = { create = 100 }, slow = "the routes" } },
  }
  if status then out.started = 0 end
  if status and status ~= "running" then out.elapsed = 1 end
  for key, value in pairs(fields or {}) do out[key] = value end
  return out
end

local function view(steps, fields)
  local out = { title = "applying net/demo", steps = steps, started = 0 }
  for key, value in pairs(fields or {}) do out[key] = value end
  return out
end

local function texts(lines)
  local out = {}
  for i, row in ipairs(lines) do out[i] = row.text end
  return out
end

local function shown(steps, now, columns, rows, fields)
  return texts(tree.layout(view(steps, fields), now or 10, columns or 80, rows or 24))
end

describe("a line of the display", function()
  it("is cut by columns, not by bytes", function()
    assert.equal("abc", line.clip("abc", 3))
    assert.equal("ab…", line.clip("abcd", 3))
    assert.equal("日…", line.clip("日本語", 4)) -- 日本 would leave no column for the mark
    assert.equal("日本…", line.clip("日本語", 5))
    assert.equal("日本語", line.clip("日本語", 6))
    assert.equal("", line.clip("abc", 0))
    for columns = 0, 12 do
      assert.is_true(text.width(line.clip("a日b本c語ü\u{301}de", columns)) <= columns)
      assert.equal(columns, text.width(line.fit("a日b本c語", columns)))
    end
  end)

  it("moves no cursor", function()
    assert.is_nil(line.clean("a\27[2Jb\nc\rd\te"):find "%c")
  end)
end)

describe("the live tree", function()
  it("shows what runs, and folds what is done and what waits", function()
    assert.same({
      "applying net/demo: 3 of 6 done, 1 running, 10s",
      "  ✓ network    2 done",
      "  > cluster    1 of 2 done",
      "    > control  creating, CREATING                          9s, usually 1m40s",
      "  · nodes      2 waiting",
    }, shown({
      step("network/a", "done"), step("network/b", "done"), step("cluster/role", "done"),
      step("cluster/control", "running", { started = 1, state = "CREATING" }),
      step("nodes/role"), step("nodes/general"),
    }, 10, 76))
  end)

  it("keeps failures, and says when nothing new is begun", function()
    local lines = shown({
      step("a", "failed", { err = { code = "Quota", message = "too many\nsecond line" } }), step("b", "done"),
    }, 10, 80, 24, { stopping = "SIGINT" })
    assert.equal("applying net/demo: 1 of 2 done, 1 failed, starting nothing new, 10s", lines[1])
    assert.equal("  ✗ a  failed: too many", lines[2])
  end)

  it("says what takes more than twice as long as usual, and what to look at", function()
    local steps = { step("net/a", "running") }
    assert.equal(2, #shown(steps, 199))
    assert.equal("      ! slow: it is still waited for; look at the routes", shown(steps, 201)[3])
    steps[1].kind = "delete"
    steps[1].action.type.typical.delete = 100
    assert.equal("      ! slow: it is still waited for; look at what still uses it", shown(steps, 201)[3])
    steps[1].kind = "create"
    -- What takes a second usually is not slow at the third.
    steps[1].action.type.typical.create = 1
    assert.is_false(tree.is_slow(steps[1], 3))
    assert.is_true(tree.is_slow(steps[1], 31))
  end)

  it("puts the names of what is slow into the command to look with", function()
    local one = step("net/a", "running", { id = "net-1" })
    one.action.type = {
      name = "cloud.net", id = "NetId", typical = { create = 100 },
      slow = "its health (call x --name {Name} --id {NetId} --other {Other}), and the routes",
    }
    one.action.inputs = { Name = "a b\27", Other = {} }
    assert.same({
      "      ! slow: it is still waited for; look at its health",
      "        (call x --name 'a b\\x1b' --id net-1 --other ...),",
      "        and the routes",
    }, table.move(shown({ one }, 201, 60), 3, 5, 1, {}))
  end)

  it("says the same in a line of its own", function()
    local out = {}
    local sink = plain.new { say = function(said) out[#out + 1] = said end, started = 0 }
    sink:event({ event = "slow", step = step("net/a", "running", { state = "CREATING" }) }, {}, nil, 201)
    assert.same({
      "  3m21s  slow: creating net/a for 3m21s, usually 1m40s, now CREATING; it is still waited for; "
        .. "look at the routes",
    }, out)
  end)

  it("knows of an update what takes longest of what it changes", function()
    local one = step("net/a", "running", { kind = "update" })
    one.action.type.typical = { update = 60, of = { version = 600, labels = 10 } }
    local function usual(...)
      one.action.changes = {}
      for i, input in ipairs { ... } do one.action.changes[i] = { input = input } end
      return timeline.usual(one)
    end
    assert.equal(60, usual "tags")
    assert.equal(60, usual "labels")
    assert.equal(600, usual("tags", "version"))
  end)

  it("is never wider nor higher than the screen, whatever is going on", function()
    local statuses = { "running", "done", "failed", "unready", "not started", false }
    local seed = 1
    local function random(n)
      seed = (seed * 1103515245 + 12345) % 2147483648
      return seed // 65536 % n + 1
    end
    for _ = 1, 150 do
      local steps = {}
      for i = 1, random(200) do
        local address = ("g%d/%s%d"):format(random(30), ("lang/"):rep(random(3)), i)
        steps[i] = step(address, statuses[random(#statuses)] or nil, {
          state = random(2) == 1 and ("準備"):rep(random(60)) or nil, started = random(1000),
          err = { message = ("x\27[31m"):rep(random(40)) },
        })
      end
      local columns, rows = random(120), 1 + random(40)
      local lines = shown(steps, 2000, columns, rows)
      assert.is_true(#lines <= rows, ("%d lines on %d rows"):format(#lines, rows))
      for _, row in ipairs(lines) do
        assert.is_true(text.width(row) <= columns, row)
        assert.is_nil(row:find "%c")
      end
    end
  end)

  it("shows the oldest of two hundred, and counts the rest", function()
    local steps = {}
    for i = 1, 200 do
      local status = i <= 50 and "done" or i <= 150 and "running" or i <= 153 and "failed" or nil
      steps[i] = step(("g%d/thing-%d"):format(i % 40, i), status, { started = i, err = { message = "no" } })
    end
    local lines = shown(steps, 300, 80, 23)
    assert.equal(23, #lines)
    assert.equal("  ✓ 50 done", lines[2])
    assert.equal("  · 47 waiting", lines[#lines - 1])
    assert.equal("    84 more running", lines[#lines])
    local all = table.concat(lines, "\n")
    for _, name in ipairs { "thing-151 ", "thing-152 ", "thing-153 ", "thing-51 ", "thing-66 " } do
      assert.is_truthy(all:find(name, 1, true), name)
    end
    assert.is_nil(all:find("thing-67 ", 1, true))
  end)
end)

describe("frames", function()
  local function display()
    local written, screen = {}, { takes = true, stopped = false }
    function screen:draw(bytes, keep)
      if not self.takes and not keep then return false end
      table.insert(written, bytes)
      return true
    end
    function screen:resumed()
      local was = self.stopped
      self.stopped = false
      return was
    end
    function screen.close() end
    local shows = live.new { color = false, started = 0 }
    if shows.screen then shows.screen:close() end
    shows.screen = screen
    return shows, written, screen
  end

  local steps = { step("a/b", "running") }

  it("begin after 300 ms, and come at most ten a second", function()
    local shows, written = display()
    for at = 0, 5000 do
      if at > 2000 then shows.dirty = true end -- changes all the time
      shows:tick(at / 1000, view(steps))
      if at == 299 then assert.same({}, written) end
      if at == 999 then assert.equal(1, #written) end -- nothing changes but the clock, once a second
    end
    assert.is_true(#written <= 3 + 30 + 1 and #written >= 28, #written)
  end)

  it("go over the one before, line by line, and leave the cursor below", function()
    local shows, written = display()
    shows:tick(1, view(steps))
    shows:tick(2, view(steps))
    assert.equal("\27[?2026h\27[?25l\r\27[2Aapplying net/demo: 0 of 1 done, 1 running, 2s\27[K\r\n",
      written[2]:match "^.-\n")
    assert.matches("\27%[K\r\n\27%[J\27%[%?2026l$", written[2])
  end)

  it("are left out while the terminal takes nothing, and drawn when it does", function()
    local shows, written, screen = display()
    screen.takes = false
    shows:tick(1, view(steps))
    screen.takes = true
    shows:tick(1.05, view(steps))
    assert.equal(0, #written) -- too early
    shows:tick(1.2, view(steps))
    assert.equal(1, #written)
    assert.is_nil(written[1]:find "%dA") -- there is none to go over
  end)

  it("begin anew below what the shell wrote", function()
    local shows, written, screen = display()
    shows:tick(1, view(steps))
    screen.stopped = true
    shows:tick(2, view(steps))
    assert.is_nil(written[2]:find "%dA")
  end)

  it("make room for a line that stays, and come again at once", function()
    local shows, written = display()
    shows:tick(1, view(steps))
    shows:event({ event = "interrupted" }, view(steps), "interrupted by SIGINT")
    assert.equal("\r\27[2A\27[Jinterrupted by SIGINT\r\n", written[2])
    shows:tick(1.1, view(steps))
    assert.equal(3, #written)
    assert.is_nil(written[3]:find "%dA")
  end)
end)

describe("the lines of a pipe", function()
  it("name what runs, and how far it is, where nothing changes", function()
    local out = {}
    local lines = plain.new { say = function(s) out[#out + 1] = s end, started = 0 }
    local steps = { step("x", "done") }
    for i = 1, 7 do steps[#steps + 1] = step("s" .. i, "running", { started = i }) end
    lines:heartbeat(60, view(steps), { table.unpack(steps, 2) })
    assert.equal("  1m00s  still creating s1, 59s, usually 1m40s; creating s2, 58s, usually 1m40s; "
      .. "creating s3, 57s, usually 1m40s; creating s4, 56s, usually 1m40s; "
      .. "creating s5, 55s, usually 1m40s; 2 more [1/8]", out[1])
    lines:heartbeat(60, { phase = "waiting: net/demo is being changed by me" }, {})
    assert.equal("  1m00s  still waiting: net/demo is being changed by me", out[2])
  end)
end)

describe("the timeline", function()
  local a = step("a", "done", { started = 100, elapsed = 5 })
  local b = step("b", "done", { started = 105, elapsed = 20, needs = { [a] = true } })
  local c = step("c", "done", { started = 105, elapsed = 3, needs = { [a] = true } })
  local d = step("d", "failed",
    { started = 125, elapsed = 1, needs = { [b] = true, [c] = true }, err = "no <b>" })
  local e = step("e", "not started", { needs = { [d] = true }, blocker = d })
  local result = {
    steps = { d, c, b, a, e }, started = 100, elapsed = 26.5, done = { a, b, c }, failed = { d },
    not_started = { e }, unready = {},
  }
  local plan = { stack = { name = "s<1>", account = "1", region = "r" }, counts = { changes = 5 } }

  local function addresses(rows)
    local out = {}
    for i, row in ipairs(rows) do out[i] = row.address end
    return table.concat(out, " ")
  end

  it("finds the path that decided the run", function()
    local found = timeline.of(result)
    assert.equal("a b d", addresses(found.path))
    assert.equal(26, found.path_seconds)
    assert.equal("a b c d", addresses(found.rows))
    assert.equal(5, found.rows[2].start)
    assert.same({ { address = "e", type = "cloud.net", kind = "create", blocker = "d" } }, found.not_started)
    assert.same({}, timeline.of({ steps = {}, started = 0, elapsed = 0 }).path)
  end)

  it("says what took how long, the slowest first", function()
    assert.same({
      "what took how long:",
      "    20.0s  create b, usually 1m40s",
      "     5.0s  create a, usually 1m40s",
      "     3.0s  create c, usually 1m40s",
      "     1.0s  create d, usually 1m40s",
      "the longest path took 26.0s of 26.5s:",
      "  a 5.0s > b 20.0s > d 1.0s",
    }, summary.times(timeline.of(result), 80))
  end)

  it("accounts for the time of long runs, and of those with a report", function()
    local ending = require "eksrun.cli.progress.ending"
    local function accounts(seconds, file_name)
      local said = {}
      local reporter = { width = 80, say = function(_, _, said_now) said[#said + 1] = said_now end }
      function reporter.paint(_, _, given) return given end
      local ended = setmetatable({ elapsed = seconds }, { __index = result })
      ending.show(plan, ended,
        { parsed = { report = file_name }, reporter = reporter, mode = "plain", began = 0 })
      return table.concat(said, "\n"):find("what took how long", 1, true) ~= nil
    end
    assert.is_false(accounts(9.9))
    assert.is_true(accounts(10))
    local path = os.tmpname()
    finally(function() os.remove(path) end)
    assert.is_true(accounts(1, path))
  end)

  it("says what to do where AWS does not", function()
    local function todo(fields) return advice.of(error_object.new(fields)) end
    assert.matches("%-%-service%-code vpc %-%-quota%-code L%-F678F1CE ",
      todo { code = "VpcLimitExceeded", service = "ec2", message = "no more" })
    assert.matches("list%-service%-quotas %-%-service%-code eks$",
      todo { code = "ResourceLimitExceededException", service = "eks", message = "no more" })
    assert.matches("later$", todo { code = "RequestLimitExceeded", service = "ec2", message = "slowly" })
    assert.matches("eksrun policy", todo { code = "UnauthorizedOperation", service = "ec2", message = "no" })
    assert.matches("other instance types",
      todo { code = "eks", message = "AsgInstanceLaunchFailures: no sufficient m7g.large capacity" })
    assert.is_nil(todo { code = "InvalidParameterValue", service = "ec2", message = "capacity is wrong" })
    assert.is_nil(advice.of "text")
    local failed = setmetatable({
      err = error_object.new { code = "VpcLimitExceeded", message = "no more", request_id = "r-1" },
    }, { __index = d })
    local lines = summary.outcome(plan, setmetatable({ failed = { failed } }, { __index = result }), nil,
      function(_, s) return s end)
    assert.equal("  request id r-1", lines[5])
    assert.matches("^  what to do: delete what is not used", lines[6])
  end)

  it("ends with the command that goes on", function()
    local lines = summary.outcome(plan, result, "eksrun x.lua", function(_, s) return s end)
    assert.equal("3 done, 1 failed, 0 not ready yet, 1 not started, in 26.5s", lines[1])
    assert.equal("  eksrun x.lua", lines[#lines])
  end)

  it("tells what fails again until it is mended from what may pass", function()
    local function last(fields, command)
      local failed = { setmetatable({ err = error_object.new(fields) }, { __index = d }) }
      local lines = summary.outcome(plan, setmetatable({ failed = failed }, { __index = result }), command,
        function(_, s) return s end)
      return lines[#lines - (command and 1 or 0)]
    end
    for code, wanted in pairs {
      InvalidParameterException = true, ["InvalidVpcID.NotFound"] = true, AccessDenied = true,
      MalformedPolicyDocument = true, VpcLimitExceeded = true, recipe = true,
      RequestLimitExceeded = false, network = false, timeout = false, DependencyViolation = false,
      InternalFailure = false, InsufficientInstanceCapacity = false, ExpiredToken = false,
    } do
      assert.equal(wanted and "mend what failed, then run again (what is done stays done):"
        or "to go on (what is done stays done):", last({ code = code, message = "no" }, "eksrun x.lua"), code)
    end
    assert.equal("to go on, run the same command again: what is done stays done",
      last { code = "InvalidAction", message = "slow", retryable = true })
    assert.equal("mend what failed; then, to go on from here, keep the sandbox: --sandbox=FILE",
      (last({ code = "InvalidAction", message = "no" }, false)))
  end)

  it("is a page in which nothing is markup that came from outside", function()
    local html = page.html {
      stack = plan.stack, timeline = timeline.of(result), began = 0, outcome = "<script>alert(1)</script>",
    }
    assert.is_nil(html:find("<script", 1, true))
    assert.is_nil(html:find("s<1>", 1, true))
    assert.is_nil(html:find("no <b>", 1, true))
    assert.is_truthy(html:find("no &lt;b&gt;", 1, true))
    assert.equal(3, select(2, html:gsub('class="path"', "")) + select(2, html:gsub('class="failed"', "")))
    assert.equal("&lt;a&gt; &amp; &quot;b&quot; &#39;c&#39; \\x1b", page.escape "<a> & \"b\" 'c' \27")
  end)
end)

describe("the command that goes on", function()
  it("is quoted for a shell, and without what is sensitive", function()
    local function sensitive(name) return name == "password" end
    assert.equal([[eksrun r.lua name=prod 'note=it'\''s $HOME' password=... --yes]],
      summary.command({ "r.lua", "name=prod", "note=it's $HOME", "password=x y", "--yes" }, sensitive))
    assert.is_nil(summary.command({ "a\27[2J\nb" }, sensitive):find "%c")
  end)
end)
