--- eksrun plan RECIPE --simulate: the recipe applied in sandboxes, each with durations of its own: how long
--- it takes on AWS, what decides that, which calls it sends, and what it costs.
local cost = require "eksrun.cli.simulate.cost"
local counting = require "eksrun.cli.counting"
local events = require "eksrun.cli.progress.events"
local json = require "eksrun.json"
local prices = require "eksrun.sandbox.prices"
local session = require "eksrun.cli.session"
local simulated = require "eksrun.cli.simulated"
local store = require "eksrun.sandbox.store"
local trials = require "eksrun.trial"
local util = require "eksrun.util"

local M = {}

local SEEDS, SEEDS_MAX = 20, 1000

-- The value below which the given part of a sorted list lies, by the nearest rank.
local function percentile(sorted, part) return sorted[math.max(1, math.ceil(#sorted * part))] end

local function made_by(run)
  local items = {}
  for _, action in ipairs(run.plan.actions) do
    if action.op == "create" or action.op == "replace" then
      items[#items + 1] = {
        address = action.address, type = action.type.name, fields = run.fields[action.node] or {},
      }
    end
  end
  return items
end

local function one(recipe, words, options, seed)
  local state = options.state and util.overlay(options.state, { seed = seed })
  local trial <close> = trials.new {
    seed = seed, state = state, region = options.region, faults = options.faults,
  }
  local run = trial:apply(recipe, words)
  run.priced, run.unpriced, run.monthly = cost.of(made_by(run), trial.aws)
  return run
end

-- Applies a recipe in as many sandboxes as there are seeds: the seconds that they took, shortest first; the
-- run in the middle, and how long it took; the time within which 95 of 100 end.
local function simulate(recipe, words, options, counter)
  local runs, seconds = {}, {}
  for seed = 1, options.seeds do
    counter:step(seed, options.seeds)
    runs[seed] = one(recipe, words, options, seed)
    seconds[seed] = runs[seed].seconds
  end
  table.sort(seconds)
  local median = percentile(seconds, 0.5)
  local typical
  for _, run in ipairs(runs) do
    if run.seconds == median then typical = typical or run end
  end
  return { seconds = seconds, median = median, p95 = percentile(seconds, 0.95), typical = typical }
end

local function by_count(calls)
  local names, sum = {}, 0
  for name, count in pairs(calls) do
    names[#names + 1], sum = name, sum + count
  end
  table.sort(names, function(a, b)
    if calls[a] ~= calls[b] then return calls[a] > calls[b] end
    return a < b
  end)
  return names, sum
end

local function cents(dollars) return math.floor(dollars * 100 + 0.5) / 100 end

local function as_json(found, region)
  local path, priced, unpriced = json.array {}, json.array {}, json.array {}
  local typical = found.typical
  for i, row in ipairs(typical.timeline.path) do
    path[i] = { address = row.address, op = row.kind, seconds = events.rounded(row.elapsed) }
  end
  for i, item in ipairs(typical.priced) do
    priced[i] = { address = item.address, monthly = cents(item.monthly), what = item.what }
  end
  for i, item in ipairs(typical.unpriced) do unpriced[i] = item end
  return {
    event = "simulation", runs = #found.seconds, region = region,
    seconds = {
      least = events.rounded(found.seconds[1]), median = events.rounded(found.median),
      p95 = events.rounded(found.p95), most = events.rounded(found.seconds[#found.seconds]),
    },
    longest_path = path, longest_path_seconds = events.rounded(typical.timeline.path_seconds),
    calls = typical.calls,
    cost = {
      monthly = cents(typical.monthly), currency = "USD", region = prices.region, date = prices.date,
      priced = priced, unpriced = unpriced,
    },
  }
end

local function say_costs(report, run, region)
  report:say("\ncost a month, by list prices of %s, %s:", prices.region, prices.date)
  local width = 12
  for _, list in ipairs { run.priced, run.unpriced } do
    for _, item in ipairs(list) do width = math.max(width, #item.address) end
  end
  for _, item in ipairs(run.priced) do
    report:say("  %9s  %s  %s", ("$%.2f"):format(item.monthly), item.address
      .. (" "):rep(width - #item.address), item.what or "")
  end
  for _, item in ipairs(run.unpriced) do
    report:say("  %9s  %s  %s", "?", item.address .. (" "):rep(width - #item.address), item.what)
  end
  report:say("  %9s  in all, without data transfer and what depends on use%s", ("$%.2f"):format(run.monthly),
    region ~= prices.region and ("; prices in " .. region .. " differ") or "")
end

local function say(report, found, region)
  local run, count = found.typical, #found.seconds
  report:say("simulated %d time%s in %s, nothing was changed anywhere\n", count, count == 1 and "" or "s",
    region)
  report:say("duration: %s (median), %s (95 of 100 runs end within), %s to %s seen",
    util.duration(found.median), util.duration(found.p95), util.duration(found.seconds[1]),
    util.duration(found.seconds[count]))
  report:say("\nlongest path, %s of %s of the run in the middle:", util.duration(run.timeline.path_seconds),
    util.duration(run.seconds))
  for _, row in ipairs(run.timeline.path) do
    report:say("  %9s  %s %s", util.duration(row.elapsed), row.kind, row.address)
  end
  local names, sum = by_count(run.calls)
  report:say("\ncalls: %d", sum)
  for _, name in ipairs(names) do report:say("  %9d  %s", run.calls[name], name) end
  say_costs(report, run, region)
end

-- What says something about a plan on AWS, and nothing about a simulation.
local OTHER = { "out", "full", "target", "replace", "allow_destroy", "no_lock", "endpoint_url", "seed" }

--- @param parsed table arguments of eksrun plan
--- @return integer exit status
function M.run(parsed)
  for _, name in ipairs(OTHER) do
    if parsed[name] then util.fail("usage", "--%s is not for --simulate", (name:gsub("_", "-"))) end
  end
  local count = parsed.seeds or SEEDS
  if count < 1 or count > SEEDS_MAX then
    util.fail("usage", "--seeds: %d is not between 1 and %d", count, SEEDS_MAX)
  end
  local region = simulated.region(parsed)
  local counter <close> = counting.start(parsed, "simulating")
  local found = simulate(parsed.recipe, parsed.params, {
    seeds = count, region = region, faults = parsed.faults,
    state = type(parsed.sandbox) == "string" and store.load(parsed.sandbox) or nil,
  }, counter)
  counter:close()
  local report = session.report(parsed, io.stdout)
  if parsed.json then
    report:event(as_json(found, region))
  else
    say(report, found, region)
  end
  return 0
end

return M
