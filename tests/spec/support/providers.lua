--- What providers of credentials see of the world: variables, files, a clock, and answers to their requests.
local credentials = require "eksrun.aws.credentials"
local errors = require "eksrun.aws.errors"
local system = require "eksrun.aws.system"

local M = {}

M.home = "/home/me"
M.now = 1700000000 -- 2023-11-14T22:13:20Z
--- A profile with keys of its own, for roles to start from.
M.base = "[profile base]\naws_access_key_id = AKBASE\naws_secret_access_key = s\n"

--- A world: files by path (those below ~/.aws without it), answers in turn, each {status, body}, a
--- function of the request, or an error object of http.
function M.new(world_of)
  local env, files, answers = world_of.env or {}, {}, world_of.answers or {}
  env.HOME = env.HOME or M.home
  env.AWS_REGION = env.AWS_REGION or "eu-west-1"
  for path, contents in pairs(world_of.files or {}) do
    files[path:sub(1, 1) == "/" and path or M.home .. "/.aws/" .. path] = contents
  end
  local w
  w = system.with {
    requests = {}, sleeps = {}, written = {}, prompts = {}, time = M.now,
    env = function(name) return env[name] end,
    read_file = function(path) return files[path] end,
    read_private = function(path) return files[path] end,
    write_private = function(path, bytes)
      w.written[path], files[path] = bytes, bytes
      return true
    end,
    remove = function(path)
      local was = files[path] ~= nil
      files[path] = nil
      return was
    end,
    mode = function() return world_of.mode or 384 end,
    now = function() return w.time end,
    sleep = function(seconds)
      w.sleeps[#w.sleeps + 1] = seconds
      w.time = w.time + seconds
    end,
    random = function() return 0.5 end,
    prompt = function(text)
      w.prompts[#w.prompts + 1] = text
      return world_of.code
    end,
    run = world_of.run,
    request = function(request)
      w.requests[#w.requests + 1] = request
      local answer = table.remove(answers, 1) or { code = "network", message = "nobody there" }
      if type(answer) == "function" then answer = answer(request) end
      if answer.code then return nil, errors.new(answer) end
      return { status = answer[1], headers = answer[3] or {}, body = answer[2] }
    end,
  }
  return w
end

--- An answer of AssumeRole.
function M.assumed(id, expires)
  return { 200, ([[<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>%s</AccessKeyId>
    <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%s</Expiration>
    </Credentials><AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn>
    <AssumedRoleId>A:s</AssumedRoleId>
    </AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>]])
    :format(id, expires or "2023-11-14T23:13:20Z"),
    { ["content-type"] = "text/xml" } }
end

function M.resolve(w, options) return credentials.try_resolve(options or {}, w) end

--- What is said where there are none.
function M.refused(w, options)
  local found, err = M.resolve(w, options)
  assert(found == nil)
  assert(errors.is_credentials(err) or err.code == "config")
  return tostring(err)
end

return M
