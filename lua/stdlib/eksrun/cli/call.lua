--- eksrun call SERVICE OPERATION: any operation of AWS, by its model.
local error_object = require "eksrun.error"
local json = require "eksrun.json"
local stdout = require "eksrun.stdout"
local util = require "eksrun.util"

--- @type eksrun.cli.Command
local M = {
  summary = "call any operation of AWS",
  usage = "eksrun call SERVICE OPERATION [--param value ...] [flags]",
  one_document = true,
  paged = true,
  examples = {
    "eksrun call eks describe-cluster --name demo --query cluster.status",
    "eksrun call ec2 describe-vpcs --filters Name=isDefault,Values=true --all-pages",
    "eksrun call eks wait cluster-active --name demo",
    "eksrun call eks create-cluster @cluster.json --dry-run",
    "eksrun call eks create-cluster --help",
    "eksrun call --list",
  },
  description = [[
Names are AWS's (DescribeCluster), with dashes or with underscores. Parameters
stand behind the operation, as the AWS CLI takes them:

  --name demo                       text, numbers, times (2026-01-31T12:00:00Z)
  --flag, --no-flag                 booleans
  --subnet-ids a b c                lists, as several words
  --tags Key=a,Value=b Key=c        structures: also List=[a,b], In={x=1}
  --tags '[{"Key": "a"}]'           JSON
  --policy-document file://p.json   what a file holds (fileb://: its bytes)
  --plaintext aGVsbG8=              blobs as base64, or fileb://

@FILE (@- is standard input) gives all parameters as one JSON or YAML object;
flags add to it. A parameter that has the name of one of the flags below takes
AWS's spelling: --DryRun is EC2's, --dry-run sends nothing.]],
  flags = {
    { "params", "all parameters, as JSON, @FILE or @-", value = "JSON" },
    { "query", "what of the answer to print, in JMESPath", value = "EXPR" },
    { "output", "form of the answer", value = "FORM", choices = { "json", "yaml", "text", "table", "off" } },
    { "json", "JSON, also of errors and of --help and --list" },
    { "all-pages", "fetch all pages and join them" },
    { "max-items", "fetch pages until there are so many elements", value = "N", type = "integer" },
    { "dry-run", "print the signed request, send nothing" },
    { "timeout", "of wait: seconds to wait at most", value = "SECONDS", type = "number" },
    { "cli-binary-format", "how text stands for blobs", value = "FORM",
      choices = { "base64", "raw-in-base64-out" } },
    { "list", "the services, and how many operations each has" },
  },
}

-- A setting of the AWS CLI, where no flag decides.
local function setting(parsed, name)
  local value, err = require("eksrun.aws.config").get(name, { profile = parsed.profile })
  if err then error(err, 0) end
  return value
end

--- @param argv string[] words behind the command's name
--- @return eksrun.cli.Parsed
function M.parse(argv)
  local parsed = require("eksrun.cli.call.arguments").parse(M, argv, setting)
  if parsed.query then parsed.query = require("eksrun.jmespath").compile(parsed.query) end
  if parsed.max_items and parsed.max_items < 1 then
    util.fail("usage", "--max-items: %d is less than 1", parsed.max_items)
  end
  return parsed
end

--- @param parsed eksrun.cli.Parsed
--- @return string text of --help
function M.help(parsed)
  return require("eksrun.cli.call.help").text(parsed) or require("eksrun.cli.args").help(M)
end

local function note(message, ...)
  io.stderr:write("eksrun: ", util.escape(message:format(...), true), "\n")
end

-- ---- printing

local function form_of(parsed)
  local form = parsed.output or parsed.json and "json" or setting(parsed, "output")
  return form == "yaml-stream" and "yaml" or form
end

local function print_value(parsed, value, form, title)
  local tty = require("eksrun.terminal").is_tty(1)
  local report = tty and require("eksrun.engine.report").new { out = io.stdout, no_color = parsed.no_color }
  local text = require("eksrun.cli.output").format(value, form, title, {
    width = report and report.width or 80, color = report and report.color or false,
  })
  -- A terminal gets nothing that moves its cursor; a pipe gets the bytes. JSON is safe as it is.
  if tty and form ~= "json" and form ~= "table" then text = util.escape(text) end
  stdout.write(text)
end

local function print_answer(parsed, form, answer)
  local value = answer
  if parsed.query then
    value = parsed.query:search(answer)
  elseif next(answer) == nil then
    return
  end
  print_value(parsed, value, form, parsed.request.operation:name())
end

-- ---- streams

-- How the client takes the body of an answer: into the named file at once, if that is one; otherwise
-- it is written here, piece by piece.
local function body_options(request, stream)
  if not stream or stream.events then return nil end
  if request.outfile == "-" then return { stream = true } end
  local path = require("eksrun.cli.call.files").expand(request.outfile)
  local there = require("eksrun.file").stat(path)
  if there and there.type ~= "file" then return { stream = true } end
  return { save = path }
end

local function write_body(body, path)
  if path == "-" then
    for bytes in body:chunks() do stdout.write(bytes) end
    return
  end
  local file, err = io.open(require("eksrun.cli.call.files").expand(path), "wb")
  if not file then util.fail("io", "%s", err) end
  local written = true
  for bytes in body:chunks() do
    written, err = file:write(bytes)
    if not written then break end
  end
  local closed, why = file:close()
  if not written or not closed then util.fail("io", "%s: %s", path, err or why) end
end

-- A line of JSON for each event.
local function print_events(parsed, events, shape, times)
  local present = require "eksrun.cli.call.present"
  for event in function() return events:next() end do
    local value = present.answer(event, shape, times)
    if parsed.query then value = parsed.query:search(value) end
    if value ~= nil then stdout.write(json.encode(value, { replace_invalid = true }), "\n") end
  end
end

-- ---- what is asked for

local MARK = require("eksrun.aws.redact").MARK

local function redacted(headers)
  local out = {}
  for name, value in pairs(headers) do
    if name == "authorization" then
      value = value:gsub("(Signature=)%x+", "%1" .. MARK):gsub("^(Bearer ).*", "%1" .. MARK)
    elseif name == "x-amz-security-token" then
      value = MARK
    end
    out[name] = value
  end
  return out
end

local function dry_run(parsed, client)
  local request = parsed.request
  local signed = client:dry(request.operation:name(), request.given)
  local headers = redacted(signed.headers)
  local body = signed.body or ""
  if type(body) == "table" then body = ("<%d bytes of %s>"):format(body.length, body.path) end
  if parsed.json or parsed.output == "json" then
    local text = require "eksrun.text"
    stdout.write(json.encode({
      method = signed.method, url = signed.url, headers = json.object(headers),
      body = text.valid_utf8(body) and body or nil,
      body_base64 = not text.valid_utf8(body) and text.base64(body) or nil,
    }, { indent = 4 }), "\n")
    return 0
  end
  local out = { signed.method .. " " .. signed.url }
  for name, value in util.sorted_pairs(headers) do out[#out + 1] = name .. ": " .. value end
  out[#out + 1] = ""
  if body ~= "" then out[#out + 1] = util.escape(body) end
  stdout.write(table.concat(out, "\n"), "\n")
  return 0
end

local function wait(parsed, client)
  local request = parsed.request
  local kebab = require("eksrun.cli.call.names").kebab(request.waiter)
  local last
  client:wait(request.waiter, request.given, {
    timeout = parsed.timeout,
    on_state = function(state, _, progress)
      if state and state ~= last and not progress.failed then note("%s: %s", kebab, state) end
      last = state
    end,
  })
  return 0
end

-- Runs f; a person at a terminal is told meanwhile what it waits for.
local function watched(parsed, f)
  if not require("eksrun.terminal").is_tty(2) then return f() end
  return require("eksrun.cli.waiting").during(parsed, f)
end

local function paginated(parsed, client, facts)
  if not facts then
    util.fail("usage", "%s does not come in pages: leave out --%s",
      require("eksrun.cli.call.names").kebab(parsed.request.operation:name()),
      parsed.max_items and "max-items" or "all-pages")
  end
  local request = parsed.request
  local answer, cut = watched(parsed, function()
    return require("eksrun.cli.call.pages").fetch(client, request.operation:name(), request.given, facts,
      parsed.max_items)
  end)
  if cut then note("there is more than --max-items %d", parsed.max_items) end
  return answer
end

-- An answer that is one page of several looks whole: say that it is not.
local function tell_of_more(facts, answer)
  if facts and require("eksrun.aws.paginator").next_tokens(facts, answer) then
    note("there are more pages: --all-pages fetches them")
  end
end

local function call(parsed, client)
  local request = parsed.request
  local name, output = request.operation:name(), request.operation:output()
  local present = require "eksrun.cli.call.present"
  local stream = present.stream(output)
  if request.outfile and (not stream or stream.events) then
    util.fail("usage", "unexpected argument '%s'", util.escape(request.outfile, true))
  end
  if stream and not stream.events then request.outfile = request.outfile or "-" end
  local form = form_of(parsed)
  local times = setting(parsed, "cli_timestamp_format") == "wire" and request.service:metadata().protocol
  local facts = request.service:paginator(name)
  local answer
  if parsed.all_pages or parsed.max_items then
    answer = paginated(parsed, client, facts)
  else
    local err
    answer, err = watched(parsed, function()
      return client:invoke(name, request.given, body_options(request, stream))
    end)
    if err then error(err, 0) end
    tell_of_more(facts, answer)
  end
  local body
  if stream then
    body, answer[stream.name] = answer[stream.name], nil
    stdout.release()  -- a stream is shown as it comes, by no pager
  end
  if stream and stream.events then
    print_events(parsed, body, stream, times)
    return 0
  end
  if body and body.chunks then write_body(body, request.outfile) end
  if request.outfile ~= "-" then print_answer(parsed, form, present.answer(answer, output, times)) end
  return 0
end

local function perform(parsed)
  local request = parsed.request
  if parsed.list then
    stdout.write(require("eksrun.cli.call.help").list(parsed.json))
    return 0
  end
  if not request.service then
    util.fail("usage", "SERVICE is missing; usage: %s", M.usage)
  elseif request.wait and not request.waiter then
    util.fail("usage", "WAITER is missing; see eksrun call %s wait --help", request.service_name)
  elseif not request.operation then
    util.fail("usage", "OPERATION is missing; see eksrun call %s --help", request.service_name)
  end
  -- Not by cli.session, which loads all that recipes need.
  local aws = require "eksrun.aws"
  aws.configure { profile = parsed.profile, region = parsed.region, endpoint = parsed.endpoint_url }
  local client = aws.client(request.service_name)
  if parsed.dry_run then return dry_run(parsed, client) end
  if request.waiter then return wait(parsed, client) end
  return call(parsed, client)
end

-- The error in a form for programs.
local function report(err)
  io.stderr:write(json.encode({
    error = {
      code = err.code, message = tostring(err), operation = err.operation, status = err.status,
      request_id = err.request_id, account = err.account, region = err.region, hint = err.hint,
      state = err.state,
    },
  }, { replace_invalid = true }), "\n")
end

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  local ok, result = pcall(perform, parsed)
  if ok then return result end
  if not error_object.is(result) or parsed.debug or result.code == "interrupted" then error(result, 0) end
  if not parsed.json then error(result, 0) end
  report(require("eksrun.aws.denial").explain(result))
  return require("eksrun.cli.failure").status(result)
end

return M
