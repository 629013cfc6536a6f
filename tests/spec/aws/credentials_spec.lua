local config = require "eksrun.aws.config"
local credentials = require "eksrun.aws.credentials"
local errors = require "eksrun.aws.errors"
local json = require "eksrun.json"
local system = require "eksrun.aws.system"

local home = "/home/me"
local paths = { config = home .. "/.aws/config", credentials = home .. "/.aws/credentials" }

-- A world of variables and files; reads counts the files read.
local function world(env, files)
  env.HOME = env.HOME or home
  local w
  w = system.with {
    reads = 0,
    env = function(name) return env[name] end,
    read_file = function(path)
      w.reads = w.reads + 1
      return files and files[path]
    end,
    read_private = function() return nil end,
    write_private = function() return true end,
    request = function() return nil, errors.new { code = "network", message = "no network" } end,
    now = function() return 1000 end,
  }
  return w
end

local function static(id) return ("aws_access_key_id = %s\naws_secret_access_key = s%s\n"):format(id, id) end

describe("credentials", function()
  it("come from the environment without a look at any file", function()
    local w = world {
      AWS_ACCESS_KEY_ID = "AKID", AWS_SECRET_ACCESS_KEY = "secret", AWS_SESSION_TOKEN = "token",
    }
    local found = credentials.resolve({}, w)
    assert.are.equal("AKID", found.access_key_id)
    assert.are.equal("secret", found.secret_access_key)
    assert.are.equal("token", found.session_token)
    assert.are.equal("the environment", found.source)
    assert.are.equal(0, w.reads)
  end)

  it("come from the environment even if AWS_PROFILE is set, from a profile the caller names", function()
    local w = world({ AWS_ACCESS_KEY_ID = "AKENV", AWS_SECRET_ACCESS_KEY = "x", AWS_PROFILE = "p" },
      { [paths.credentials] = "[p]\n" .. static "AKP" })
    assert.are.equal("AKENV", credentials.resolve({}, w).access_key_id)
    assert.are.equal("AKP", credentials.resolve({ profile = "p" }, w).access_key_id)
  end)

  it("come from the credentials file before the config file", function()
    local w = world({}, {
      [paths.credentials] = "[default]\n" .. static "AKC",
      [paths.config] = "[default]\nregion = eu-west-1\n" .. static "AKF",
    })
    local found = credentials.resolve({}, w)
    assert.are.equal("AKC", found.access_key_id)
    assert.are.equal("profile 'default'", found.source)
    assert.are.equal("eu-west-1", config.region({}, w))
    assert.are.equal(2, w.reads)
  end)

  it("come from [profile x] of the config file", function()
    local w = world({ AWS_PROFILE = "x" }, { [paths.config] = "[profile x]\n" .. static "AKX" })
    assert.are.equal("AKX", credentials.resolve({}, w).access_key_id)
  end)

  it("are looked for in the files that the variables name", function()
    local w = world({ AWS_SHARED_CREDENTIALS_FILE = "~/c", AWS_CONFIG_FILE = "/etc/aws" },
      { [home .. "/c"] = "[default]\n" .. static "AKC", ["/etc/aws"] = "[default]\nregion = r-1\n" })
    assert.are.equal("AKC", credentials.resolve({}, w).access_key_id)
    assert.are.equal("r-1", config.region({}, w))
  end)

  it("say what was looked at when there are none", function()
    local found, err = credentials.try_resolve({}, world {})
    assert.is_nil(found)
    assert.are.equal("credentials", err.code)
    assert.is_true(errors.is_credentials(err))
    assert.are.equal("no credentials: not in the environment (AWS_ACCESS_KEY_ID), not for profile 'default' "
      .. "in /home/me/.aws/credentials and /home/me/.aws/config, nor of a container or an instance (the "
      .. "metadata service is not there: no network); set the variables, name a profile with --profile, or "
      .. "see eksrun config", tostring(err))
  end)

  it("name a profile that does not exist, and one like it", function()
    local w = world({}, { [paths.credentials] = "[production]\n" .. static "AK" })
    local _, err = credentials.try_resolve({ profile = "prodution" }, w)
    assert.is_true(errors.is_credentials(err))
    assert.matches("^profile 'prodution' %(%-%-profile%) is not in .*, did you mean 'production'$",
      tostring(err))
  end)

  it("refuse halves", function()
    local _, err = credentials.try_resolve({}, world { AWS_ACCESS_KEY_ID = "AK" })
    assert.are.equal("AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not", tostring(err))
    local w = world({}, { [paths.credentials] = "[default]\naws_access_key_id = AK\n" })
    _, err = credentials.try_resolve({}, w)
    assert.are.equal("profile 'default' has only one of aws_access_key_id and aws_secret_access_key",
      tostring(err))
  end)

  it("name file and line of a damaged file", function()
    local w = world({}, { [paths.config] = "[default]\nregion = r\n[broken\n" })
    local _, err = credentials.try_resolve({}, w)
    assert.matches("^/home/me/%.aws/config:3: ", tostring(err))
  end)

  it("of files damaged anywhere are credentials, none, or an error of one line without a secret", function()
    local files = {
      config = "[default]\nregion = eu-west-1\ns3 =\n  addressing_style = path\n[profile p]\nrole_arn = "
        .. "arn:aws:iam::1:role/r\nsource_profile = default\n[sso-session s]\nsso_region = eu-west-1\n",
      credentials = "[default]\n" .. static "CANARYCANARY" .. "[p]\naws_session_token = CANARYCANARY\n",
    }
    local function try(kind, text)
      local all = { [paths.config] = files.config, [paths.credentials] = files.credentials }
      all[paths[kind]] = text
      for _, profile in ipairs { "default", "p" } do
        local w = world({}, all)
        local ok, found, err = pcall(credentials.try_resolve, { profile = profile }, w)
        assert.is_true(ok, found)
        if found then
          assert.is_string(found.access_key_id)
        else
          assert.is_string(err.code)
          assert.is_nil(err.message:find "CANARYCANARY", err.message)
          assert.is_nil(err.message:find "%c", err.message)
          assert.is_number(utf8.len(err.message), err.message)
        end
      end
    end
    for kind, text in pairs(files) do
      for n = 0, #text do
        try(kind, text:sub(1, n))
        for _, bytes in ipairs { "\0", "\xff", "\r", "\n", "[", "=", "\n ", "\xef\xbb\xbf" } do
          try(kind, text:sub(1, n) .. bytes .. text:sub(n + 2))
        end
      end
      try(kind, text:rep(2000))
      try(kind, text:gsub("\n", "\r\n"))
    end
  end)

  it("never show a secret", function()
    local w = world {
      AWS_ACCESS_KEY_ID = "AKIAEXAMPLE", AWS_SECRET_ACCESS_KEY = "s3cret", AWS_SESSION_TOKEN = "t0ken",
    }
    local found = credentials.resolve({}, w)
    assert.are.equal("credentials AKIA... from the environment", tostring(found))
    local text = json.encode(found)
    for _ in pairs(found) do text = text .. "field" end
    assert.are.equal("{}", text)
    assert.is_false(pcall(function() found.access_key_id = "x" end))
    assert.is_false(getmetatable(found))
  end)

  it("refuse what cannot stand in a header, without showing it", function()
    local w = world { AWS_ACCESS_KEY_ID = "AK\nX: y", AWS_SECRET_ACCESS_KEY = "s" }
    local _, err = credentials.try_resolve({}, w)
    assert.are.equal("access_key_id from the environment holds a control character", tostring(err))
  end)

  it("are found once, and again when a service calls them expired", function()
    local env = { AWS_ACCESS_KEY_ID = "AK1", AWS_SECRET_ACCESS_KEY = "s" }
    local resolver = credentials.resolver({}, world(env))
    local first = resolver:get()
    env.AWS_ACCESS_KEY_ID = "AK2"
    assert.are.equal(first, resolver:get())
    resolver:drop(first)
    assert.are.equal("AK2", resolver:get().access_key_id)
  end)
end)

describe("the trace id of Lambda", function()
  local trace = require "eksrun.aws.trace"

  it("is passed on, within Lambda only, and does not break a header", function()
    local function header(env) return trace.header(world(env)) end
    assert.are.equal("Root=1;a%0D%0Ab%C2%BC", header {
      AWS_LAMBDA_FUNCTION_NAME = "f", _X_AMZN_TRACE_ID = "Root=1;a\r\nb\u{bc}",
    })
    assert.is_nil(header { _X_AMZN_TRACE_ID = "Root=1" })
    assert.is_nil(header { AWS_LAMBDA_FUNCTION_NAME = "f" })
  end)
end)

describe("config", function()
  it("finds the region: option, variables, profile", function()
    local files = { [paths.config] = "[default]\nregion = from-file-1\n[profile x]\nregion = x-1\n" }
    local function region(options, env) return config.region(options, world(env, files)) end
    assert.are.equal("given-1", region({ region = "given-1" }, { AWS_REGION = "env-1" }))
    assert.are.equal("env-1", region({}, { AWS_REGION = "env-1", AWS_DEFAULT_REGION = "d-1" }))
    assert.are.equal("d-1", region({}, { AWS_DEFAULT_REGION = "d-1" }))
    assert.are.equal("from-file-1", region({}, {}))
    assert.are.equal("x-1", region({ profile = "x" }, {}))
  end)

  it("says how to give a region, and refuses what is none", function()
    local _, err = config.try_region({}, world {})
    assert.matches("^no region: give %-%-region", tostring(err))
    _, err = config.try_region({ region = "evil.example/" }, world {})
    assert.are.equal("region 'evil.example/' is not a region's name, like us-east-1", tostring(err))
  end)

  it("says of a setting where it comes from", function()
    local w = world({ AWS_MAX_ATTEMPTS = "5" }, {
      [paths.config] = "[profile p]\nuse_fips_endpoint = TRUE\ns3 =\n  addressing_style = Path\n",
      [paths.credentials] = "[p]\n\noutput = text\n",
    })
    local function find(name, options) return config.find(name, options or { profile = "p" }, w) end
    assert.same({ value = true, source = paths.config .. ":2" }, find "use_fips_endpoint")
    assert.same({ value = "path", source = paths.config .. ":4" }, find "s3_addressing_style")
    assert.same({ value = "text", source = paths.credentials .. ":3" }, find "output")
    assert.same({ value = 5, source = "AWS_MAX_ATTEMPTS" }, find "max_attempts")
    assert.same({ value = 2, source = "the caller" }, find("max_attempts", { max_attempts = 2 }))
    assert.same({ value = "standard", source = "the default" }, find "retry_mode")
    assert.same({ value = false, source = "the default" }, find("use_fips_endpoint", {}))
    assert.same({ source = "the default" }, find "ca_bundle")
  end)

  it("refuses what a setting cannot be, naming the place", function()
    local w = world({ AWS_RETRY_MODE = "hard" }, { [paths.config] = "[default]\nuse_fips_endpoint = yes\n"
      .. "max_attempts = 0\nmetadata_service_timeout = soon\nec2_metadata_service_endpoint = a b\n" })
    local function refused(name)
      local value, err = config.get(name, {}, w)
      assert.is_nil(value)
      assert.are.equal("config", err.code)
      return tostring(err)
    end
    assert.are.equal("retry_mode 'hard' (AWS_RETRY_MODE) is none of standard, adaptive, legacy",
      refused "retry_mode")
    assert.are.equal(("use_fips_endpoint 'yes' (%s:2) is neither true nor false"):format(paths.config),
      refused "use_fips_endpoint")
    assert.matches("max_attempts '0' %(.*:3%) is not a whole number from 1 on", refused "max_attempts")
    assert.matches("'soon' %(.*:4%) is not a number of seconds", refused "metadata_service_timeout")
    assert.matches("'a b' %(.*:5%) is not a URL", refused "ec2_metadata_service_endpoint")
  end)

  it("knows how to read every setting, and has it in the reference", function()
    local text = require("eksrun.file").read "docs/reference/configuration.md"
    local settings, takes_all = require "eksrun.aws.settings", { string = true, region = true, proxy = true }
    local names = settings.names()
    assert.equal(39, #names)
    for _, name in ipairs(names) do
      local setting = settings.find(name)
      local word = setting.key or setting.env[1]
      assert.is_truthy(text:find("`" .. word .. "`", 1, true), word .. " is not in the reference")
      assert.is_nil(select(2, config.find(name, {}, world({}, {}))), name)
      if setting.env[1] and not takes_all[setting.kind] then
        local _, err = config.find(name, {}, world({ [setting.env[1]] = "%" }, {}))
        assert.matches(name .. " '%%' %(%S+%) is n", err and err.message or name)
      end
    end
  end)

  it("leaves out sections that are no profiles", function()
    local w = world({}, {
      [paths.config] = "[default]\na = 1\n[profile default]\nb = 2\n[plain]\nc = 3\n[profile x!]\nd = 4\n",
      [paths.credentials] = "[profile y]\ne = 5\n[ z ]\nf = 6\n[default]\ng = 7\n",
    })
    assert.same({ default = { b = "2", g = "7" }, z = { f = "6" } }, config.files(w).profiles)
  end)

  local services = "[profile p]\nservices = mine\nendpoint_url = http://profile\n"
    .. "[services mine]\nauto_scaling =\n  endpoint_url = http://profile-asg\n"

  for name, case in pairs {
    ["the option"] = {
      "http://option", { endpoint = "http://option" }, { AWS_ENDPOINT_URL_EKS = "http://env" },
    },
    ["the service's variable"] = {
      "http://env-eks", {}, { AWS_ENDPOINT_URL_EKS = "http://env-eks", AWS_ENDPOINT_URL = "http://env" },
    },
    ["the common variable"] = { "http://env", { profile = "p" }, { AWS_ENDPOINT_URL = "http://env" } },
    ["the profile"] = { "http://profile", { profile = "p" }, {} },
    ["the profile's services"] = { "http://profile-asg", { profile = "p" }, {}, "Auto Scaling" },
    ["nothing if they are to be ignored"] = {
      nil, { profile = "p" },
      { AWS_IGNORE_CONFIGURED_ENDPOINT_URLS = "true", AWS_ENDPOINT_URL = "http://env" },
    },
    ["nothing"] = { nil, {}, {} },
  } do
    it("takes endpoints from " .. name, function()
      local w = world(case[3], { [paths.config] = services })
      local url, err = config.endpoint(case[4] or "EKS", case[2], w)
      assert.is_nil(err)
      assert.are.equal(case[1], url)
    end)
  end
end)
