-- Credentials and configuration: where credentials come from and with which requests, what the shared
-- files mean, which container and metadata addresses are asked, which endpoints are configured.
--
-- A case runs against a world in tables: its variables, its files, its recorded traffic. An expected
-- error is checked to be one and of our kinds, not for its words, which are another SDK's.
local chain = require "eksrun.aws.provider.chain"
local config = require "eksrun.aws.config"
local container = require "eksrun.aws.provider.container"
local credentials = require "eksrun.aws.credentials"
local errors = require "eksrun.aws.errors"
local file = require "eksrun.file"
local imds = require "eksrun.aws.provider.imds"
local json = require "eksrun.json"
local process = require "eksrun.process"
local sso = require "eksrun.aws.sso"
local system = require "eksrun.aws.system"
local text = require "eksrun.text"
local trace = require "eksrun.aws.trace"
local lfs = require "lfs"

-- Cases that cannot be met, and why. Ours is the AWS CLI's order, in which a role by a web identity of
-- the environment comes before the keys of a profile; none of the cases at hand depends on it.
local other_order = {}

-- Recorded with a clock at the epoch.
local at_epoch = {
  imds_default_chain_success = true,
  imds_config_with_no_creds = true,
  imds_default_chain_retries = true,
}

local function read_json(path) return json.decode(file.read(path)) end

local function value_of(v) return v ~= json.null and v or nil end

-- ---- recorded traffic

-- { method, uri, headers, status, answer_headers, body } in the order of their connections.
local function exchanges(path)
  local by_id, order = {}, {}
  if not file.exists(path) then return order end
  for _, event in ipairs(read_json(path).events) do
    local id, action = event.connection_id, event.action
    local it = by_id[id]
    if action.Request then
      it = { method = action.Request.request.method, uri = action.Request.request.uri,
        headers = action.Request.request.headers, body = "" }
      by_id[id], order[#order + 1] = it, it
    elseif action.Response then
      local ok = action.Response.response.Ok
      it.status, it.answer_headers = ok and ok.status, {}
      for name, values in pairs(ok and ok.headers or {}) do
        it.answer_headers[name:lower()] = table.concat(values, ", ")
      end
    elseif action.Data and action.Data.direction == "Response" then
      local data = action.Data.data
      it.body = it.body .. (data.Utf8 or text.unbase64(data.Base64))
    end
  end
  return order
end

-- A URI with a path, its query sorted.
local function normal(uri)
  local base, query = uri:match "^([^?]*)%??(.*)$"
  local scheme, rest = base:match "^(%a+://)(.*)$"
  if not rest:find("/", 1, true) then rest = rest .. "/" end
  local parts = {}
  for part in query:gmatch "[^&]+" do parts[#parts + 1] = part end
  table.sort(parts)
  return scheme .. rest .. "?" .. table.concat(parts, "&")
end

local checked_headers = { "content-type", "x-aws-ec2-metadata-token" }

local function replay(recorded)
  local at = 0
  return function(request)
    at = at + 1
    local it = recorded[at]
    local function refuse(why)
      return nil, errors.new { code = "network", message = "no such recording: " .. why, retryable = false }
    end
    local method = request.method or "GET"
    if not it then return refuse(method .. " " .. request.url) end
    if it.method ~= method or normal(it.uri) ~= normal(request.url) then
      return refuse(("%s %s, not %s %s"):format(it.method, it.uri, method, request.url))
    end
    for name, values in pairs(it.headers) do
      for _, checked in ipairs(checked_headers) do
        local sent = request.headers and request.headers[checked]
        if name:lower() == checked and not (sent and sent:sub(1, #values[1]) == values[1]) then
          return refuse("header " .. name)
        end
      end
    end
    if not it.status then return refuse "the recording is of a failure" end
    return { status = it.status, headers = it.answer_headers, body = it.body, timing = {} }
  end
end

-- ---- worlds

local function world(env, read, more)
  local fields = {
    env = function(name)
      local value = env[name]
      return value ~= nil and value:find "%S" and value or nil
    end,
    read_file = read,
    read_private = read,
    write_private = function() return true end,
    remove = function() return false end,
    mode = function() return nil end,
    sleep = function() end,
    request = replay {},
    prompt = function() return nil end,
    -- The suite's commands are for a shell.
    run = function(command)
      return process.try_run { argv = { "sh", "-c", table.concat(command.argv, " ") }, timeout = 10 }
    end,
  }
  for key, value in pairs(more or {}) do fields[key] = value end
  return system.with(fields)
end

local function from_folder(root)
  return function(path)
    local bytes, err = file.try_read(root .. "/" .. path)
    if not bytes and err.code == "not_found" then return nil end
    return bytes, err
  end
end

local function from_table(files) return function(path) return files[path] end end

local function is_ours(err)
  return type(err) == "table"
    and (err.code == "config" or err.code == "credentials" or err.kind == "credentials")
end

-- ---- kinds of cases

local fields_of = { access_key_id = "access_key_id", secret_access_key = "secret_access_key",
  session_token = "session_token", account_id = "account_id", expiry = "expiration" }

local function folder_case(folder, name, wants_token)
  local case = read_json(folder .. "/test-case.json")
  local w = world(read_json(folder .. "/env.json"), from_folder(folder .. "/fs"), {
    request = replay(exchanges(folder .. "/http-traffic.json")),
    now = at_epoch[name] and function() return 0 end or nil,
  })
  local options = { max_attempts = name == "sso_server_error" and 1 or nil }
  local resolve = wants_token and sso.profile_token or credentials.try_resolve
  local found, err = resolve(options, w)
  local expected = case.result.Ok
  if not expected then
    if found then return false, "no error" end
    return is_ours(err), "error of another kind: " .. tostring(err)
  end
  if not found then return false, tostring(err) end
  if wants_token then
    local expiration = require("eksrun.clock").parse(expected.expiration)
    return found.token == expected.token and found.expiration == expiration, "another token"
  end
  for theirs, ours in pairs(fields_of) do
    local wanted = value_of(expected[theirs])
    if wanted ~= nil and found[ours] ~= wanted then
      return false, ("%s is %s"):format(ours, tostring(found[ours]))
    end
  end
  return true
end

-- A block's text as the suite shows it, as the table that it means.
local function expected_value(shown)
  if shown:sub(1, 1) ~= "\n" then return shown end
  local block = {}
  for line in shown:gmatch "[^\n]+" do
    local key, value = line:match "^%s*(.-)%s*=%s*(.-)%s*$"
    if key and not key:find "[^%w%-/.%%@_:+]" then block[key:lower()] = value end
  end
  -- A block of which nothing counts is an empty value.
  return next(block) and block or ""
end

local function same(a, b) return json.encode(a) == json.encode(b) end

local function parser_case(case)
  local w = world({ HOME = "/home" }, from_table {
    ["/home/.aws/config"] = case.input.configFile, ["/home/.aws/credentials"] = case.input.credentialsFile,
  })
  local files, err = config.files(w)
  if case.output.errorContaining then return files == nil and is_ours(err), "no error" end
  if not files then return false, tostring(err) end
  for kind, ours in pairs { profiles = files.profiles, sso_sessions = files.sessions } do
    local expected = json.object {}
    for name, keys in pairs(case.output.config[kind] or {}) do
      expected[name] = json.object {}
      for key, value in pairs(keys) do expected[name][key] = expected_value(value) end
    end
    if not same(expected, ours) then return false, kind .. " " .. json.encode(ours) end
  end
  return true
end

local function location_case(case)
  local w = world(case.environment, from_table {})
  local config_path, credentials_path = config.paths(w)
  if case.profile and config.profile_name({}, w) ~= case.profile then return false, "profile" end
  return config_path == case.configLocation and credentials_path == case.credentialsLocation,
    ("%s, %s"):format(config_path, credentials_path)
end

local function trace_case(case)
  local w = world(case.env, from_table {})
  local headers, expected = {}, {}
  for into, list in pairs { [headers] = case.requestHeadersBefore, [expected] = case.requestHeadersAfter } do
    for _, line in ipairs(list) do
      local name, value = line:match "^([^:]+): (.*)$"
      into[name:lower()] = value
    end
  end
  trace.add(w, headers)
  return same(headers, expected), json.encode(headers)
end

local function role_of(role)
  return { AssumeRole = { role_arn = role.role_arn, role_session_name = role.role_session_name,
    external_id = role.external_id } }
end

local function base_of(base, profile)
  local function pick(...)
    local out = {}
    for _, key in ipairs { ... } do out[key] = profile[key] end
    return out
  end
  if base.kind == "static" then
    return { AccessKey = { access_key_id = profile.aws_access_key_id, account_id = profile.aws_account_id,
      secret_access_key = profile.aws_secret_access_key, session_token = profile.aws_session_token } }
  elseif base.kind == "source" then
    return { NamedSource = base.source }
  elseif base.kind == "web_identity" then
    return { WebIdentityToken = pick("role_arn", "web_identity_token_file", "role_session_name") }
  elseif base.kind == "sso" then
    local sign_in = base.sso
    return { Sso = { sso_account_id = sign_in.account_id, sso_region = sign_in.region,
      sso_role_name = sign_in.role_name, sso_start_url = sign_in.start_url, sso_session = sign_in.session } }
  elseif base.kind == "process" then
    return { CredentialProcess = profile.credential_process }
  end
  return { LoginSession = pick "login_session" }
end

local function chain_case(case)
  local lines = {}
  for name, keys in pairs(case.input.profiles) do
    lines[#lines + 1] = ("[profile %s]"):format(name)
    for key, value in pairs(keys) do lines[#lines + 1] = ("%s = %s"):format(key, value) end
  end
  local w = world({ HOME = "/home" }, from_table { ["/home/.aws/config"] = table.concat(lines, "\n") })
  local files = assert(config.files(w))
  local steps, err = chain.of(files, case.input.selected_profile)
  local expected = case.output.ProfileChain
  if not expected then return steps == nil and is_ours(err), "no error" end
  if not steps then return false, tostring(err) end
  local profile = files.profiles[steps.base.profile]
  local ours = { base_of(steps.base, profile) }
  if type(expected[1].CredentialProcess) == "table" then
    ours[1].CredentialProcess = { command = profile.credential_process, account_id = profile.aws_account_id }
  end
  for _, role in ipairs(steps.roles) do ours[#ours + 1] = role_of(role) end
  return same(expected, ours), json.encode(ours)
end

local function container_case(case)
  local url, err = container.url(world(case.env, from_table {}))
  if not case.result.Ok then
    return url == nil and (err == nil or is_ours(err)), "no error but " .. tostring(url)
  end
  return url == case.result.Ok, tostring(url or err)
end

local function imds_case(case)
  local options = { ec2_metadata_service_endpoint_mode = case.mode_override }
  local url, err = imds.endpoint(credentials.context(options, world(case.env, from_table(case.fs))))
  if not case.result.Ok then return url == nil and is_ours(err), "no error but " .. tostring(url) end
  return url ~= nil and url .. "/latest/api/token" == case.result.Ok, tostring(url or err)
end

-- The service's answers to the calls of a case, by our requests.
local function login_service(calls)
  local at = 0
  return function(request)
    at = at + 1
    local call = calls and calls[at]
    local proof = request.headers and request.headers.dpop
    if not call or not proof or not proof:find "^[%w_-]+%.[%w_-]+%.[%w_-]+$" then
      return nil, errors.new { code = "network", message = "no such call", retryable = false }
    end
    if not same(call.request.tokenInput, json.decode(request.body)) then
      return nil, errors.new { code = "network", message = "another request", retryable = false }
    end
    local body = call.response and call.response.tokenOutput or json.object {}
    return { status = call.responseCode or 200, headers = { ["content-type"] = "application/json" },
      body = json.encode(body), timing = {} }
  end
end

local login_fields = { accessKeyId = "access_key_id", secretAccessKey = "secret_access_key",
  sessionToken = "session_token", accountId = "account_id" }

-- The suite does not state the time of its calls, so what is renewed ends at a time of ours.
local function login_outcome(outcome, found, err, written, renewed)
  if outcome.result == "error" then return found == nil and is_ours(err), tostring(found or err) end
  if outcome.result == "credentials" then
    if not found then return false, tostring(err) end
    for theirs, ours in pairs(login_fields) do
      if outcome[theirs] and outcome[theirs] ~= found[ours] then return false, ours end
    end
    local expires = not renewed and outcome.expiresAt and require("eksrun.clock").parse(outcome.expiresAt)
    return not expires or math.abs(found.expiration - expires) < 5, "expires " .. tostring(found.expiration)
  end
  for name, expected in pairs(outcome) do
    if type(expected) == "table" and name ~= "result" then
      for path, contents in pairs(expected) do
        local got = written[path]
        if not got then return false, "not written: " .. path end
        for key, value in pairs(contents) do
          if type(value) ~= "table" and got[key] ~= value then return false, "written " .. key end
        end
        for key, value in pairs(contents.accessToken or {}) do
          if key ~= "expiresAt" and got.accessToken[key] ~= value then return false, "written " .. key end
        end
      end
    end
  end
  return true
end

local function login_case(case)
  local files, written = { ["/home/.aws/config"] = case.configContents }, {}
  for name, contents in pairs(case.cacheContents or {}) do
    files["/home/.aws/login/cache/" .. name] = json.encode(contents)
  end
  local env = { HOME = "/home", AWS_REGION = "us-east-1", AWS_EC2_METADATA_DISABLED = "true" }
  local w = world(env, from_table(files), {
    request = login_service(case.mockApiCalls),
    write_private = function(path, bytes)
      written[path:match "[^/]*$"] = json.decode(bytes)
      return true
    end,
  })
  local found, err = credentials.try_resolve({ profile = "signin", max_attempts = 1 }, w)
  for _, outcome in ipairs(case.outcomes) do
    local ok, why = login_outcome(outcome, found, err, written, case.mockApiCalls ~= nil)
    if not ok then return false, ("%s: %s"):format(outcome.result, why) end
  end
  return true
end

local function endpoint_case(suite, case)
  local lines = {}
  for name, keys in pairs(suite.profiles) do
    lines[#lines + 1] = ("[profile %s]"):format(name)
    for key, value in pairs(keys) do lines[#lines + 1] = ("%s = %s"):format(key, value) end
  end
  for name, services in pairs(suite.services) do
    lines[#lines + 1] = ("[services %s]"):format(name)
    for service, keys in pairs(services) do
      lines[#lines + 1] = service .. " ="
      for key, value in pairs(keys) do lines[#lines + 1] = ("  %s = %s"):format(key, value) end
    end
  end
  local w = world({ HOME = "/home" }, from_table { ["/home/.aws/config"] = table.concat(lines, "\n") }, {
    env = function(name)
      return name == "HOME" and "/home" or suite.environments[case.environment][name]
    end,
  })
  local given = suite.client_configs[case.client_config]
  local options = { profile = case.profile, endpoint = given.endpoint_url,
    ignore_configured_endpoint_urls = given.ignore_configured_endpoint_urls }
  local url, err = config.endpoint(case.service, options, w)
  if err then return false, tostring(err) end
  -- None configured: AWS's own.
  url = url or ("https://%s.%s.amazonaws.com"):format(case.service, config.region(options, w))
  return url == case.output.endpointUrl, url
end

-- Anything may come out of damaged files but a crash, and an error is one of ours.
local function damaged_case(bytes)
  for _, name in ipairs { "config", "credentials" } do
    local w = world({ HOME = "/home", AWS_EC2_METADATA_DISABLED = "true" },
      from_table { ["/home/.aws/" .. name] = bytes })
    local files, err = config.files(w)
    if not files and not is_ours(err) then return false, tostring(err) end
    for profile in pairs(files and files.profiles or {}) do
      local found
      found, err = chain.of(files, profile)
      if not found and not is_ours(err) then return false, tostring(err) end
    end
  end
  return true
end

-- ---- the suite

return function(dir)
  dir = dir .. "/credentials"
  local totals = require("tests.conformance.support.totals").new()
  local function count(name, f, ...)
    totals:judge(name, f, ...)
    config.reset()
  end

  local function folders(name, wants_token)
    local root = dir .. "/smithy-rs/" .. name
    if not lfs.attributes(root) then return end
    for case in lfs.dir(root) do
      if file.exists(root .. "/" .. case .. "/test-case.json") then
        local title = name .. "/" .. case
        if other_order[case] then
          totals:skip(title, other_order[case])
        else
          count(title, folder_case, root .. "/" .. case, case, wants_token)
        end
      end
    end
  end
  local function list(path, key, each)
    if not file.exists(dir .. "/" .. path) then return end
    local cases = read_json(dir .. "/" .. path)
    for i, case in ipairs(key and cases[key] or cases) do
      local title = case.name or case.docs or case.documentation or i
      each(("%s %s"):format(path:match "([^/]*)%.json$", title), case)
    end
  end

  folders "default-credential-provider-chain"
  folders "profile-provider"
  folders("default-token-provider-chain", true)
  list("profile/profile-parser-tests.json", "tests", function(name, case) count(name, parser_case, case) end)
  list("profile/file-location-tests.json", "tests", function(name, case)
    if case.platform == "windows" then
      totals:skip(name, "of Windows")
    else
      count(name, location_case, case)
    end
  end)
  list("profile/recursion-detection.json", nil, function(name, case) count(name, trace_case, case) end)
  list("smithy-rs/assume-role-tests.json", nil, function(name, case) count(name, chain_case, case) end)
  list("smithy-rs/ecs-tests.json", "tests", function(name, case) count(name, container_case, case) end)
  for path, f in pairs {
    ["smithy-rs/imds-config/imds-endpoint-tests.json"] = { "tests", imds_case },
    ["smithy-rs/login-provider-test-cases.json"] = { nil, login_case },
  } do
    list(path, f[1], function(name, case) count(name, f[2], case) end)
  end
  list("configured-endpoint-urls/profile-tests.json", "testSuites", function(_, suite)
    for _, case in ipairs(suite.endpointUrlTests) do count(case.name, endpoint_case, suite, case) end
  end)
  list("fuzz-profile-corpus.json", "cases", function(_, case)
    count(case.id, damaged_case, text.unbase64(case.b64))
  end)
  local cfg = dir .. "/botocore-cfg"
  if lfs.attributes(cfg) then
    for name in lfs.dir(cfg) do
      if not name:find "^%." then
        count("botocore-cfg/" .. name, damaged_case, file.read(cfg .. "/" .. name))
      end
    end
  end
  return totals
end
