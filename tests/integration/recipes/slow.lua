-- Things that are made by waiting, of a type of the recipe's own: what a display shows of many at once.
local eksrun = require "eksrun"
local resource = require "eksrun.resource"
local task = require "eksrun.task"
local error_object = require "eksrun.error"

local p = eksrun.params {
  name = { "slow", "name of the stack" },
  count = { 6, "how many", min = 1, max = 500 },
  seconds = { 0.3, "how long each takes" },
  fail = { 0, "every n-th fails" },
  wide = { false, "states of wide characters" },
  talk = { false, "prints while it waits" },
  secret = { "none", "not to be shown", sensitive = true },
}

local thing = resource.define {
  name = "slow.thing",
  identity = "tag",
  id = "ThingId",
  tagging = { "map" },
  typical = { create = 5 },
  slow = "the clock",
  inputs = { Number = { type = "integer", required = true }, After = { type = "string" } },
  observe = function() return {} end,
  create = function(_, inputs)
    if p.fail > 0 and inputs.Number % p.fail == 0 then
      error(error_object.new { code = "Refused", message = "number " .. inputs.Number .. " is refused",
        request_id = "r-" .. inputs.Number })
    end
    return { ThingId = "t-" .. inputs.Number }
  end,
  ready = function(ctx, _, inputs)
    for i = 1, 3 do
      if p.talk then print("thing", inputs.Number, i) end
      ctx:state(p.wide and ("準備中" .. i .. ("待機"):rep(40)) or "CREATING " .. i)
      task.sleep(p.seconds * (1 + inputs.Number % 7) / 12)
    end
  end,
  delete = function() end,
}

for i = 1, p.count do
  eksrun.scope("group-" .. (i - 1) % 12 + 1, function()
    thing { "thing-" .. i, Number = i }
  end)
end
