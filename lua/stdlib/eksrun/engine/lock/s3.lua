--- The records of a lock as objects of an S3 bucket, which are put only if their key is free.
---
--- PREFIX/ACCOUNT/REGION/ID/lock/000000000001: a bucket may serve many accounts and regions.
local logs = require "eksrun.engine.lock.log"
local request = require "eksrun.engine.lock.request"
local task = require "eksrun.task"

local M = {}

local function root(aws, place) return ("%s/%s/%s/"):format(place.prefix, aws.account(), aws.region()) end

--- @param place eksrun.lock.Place
--- @return string for people
function M.permissions(place)
  return ("s3:GetObject, PutObject and DeleteObject on %s/%s/*, and s3:ListBucket on %s"):format(place.bucket,
    place.prefix, place.bucket)
end

--- @param aws table
--- @param place eksrun.lock.Place
--- @param id string of the stack's lock
--- @return table store
function M.new(aws, place, id)
  local client, bucket = aws.s3, place.bucket
  local folder = root(aws, place) .. id .. "/lock/"
  local hint = root(aws, place) .. id .. "/newest"
  local store = { text_max = 65536 }

  local function key(slot) return ("%s%012d"):format(folder, slot) end

  local function read(name)
    local output, now = request(client, "get_object", { Bucket = bucket, Key = name }, "NoSuchKey")
    return output and output.Body, now
  end

  -- ConditionalRequestConflict: somebody else's put to the same key is under way. The hint goes beside: one
  -- that is missing, or ahead, costs those who read a call more.
  function store.put(slot, text)
    local output, now
    local function put_record()
      output, now = request(client, "put_object", {
        Bucket = bucket, Key = key(slot), Body = text, ContentType = "application/json", IfNoneMatch = "*",
      }, "PreconditionFailed", "ConditionalRequestConflict")
    end
    local function put_hint()
      pcall(request, client, "put_object", { Bucket = bucket, Key = hint, Body = tostring(slot) })
    end
    task.all { put_record, put_hint }
    return output ~= nil, now
  end

  -- Numbers have no gap: behind the first that is free there is none.
  function store.get(slots)
    local texts, now = {}, nil
    for _, slot in ipairs(slots) do
      texts[slot], now = read(key(slot))
      if not texts[slot] then break end
    end
    return texts, now
  end

  function store.start()
    local text, now = read(hint)
    local newest = math.tointeger(tonumber(text))
    if not newest then return 0, {}, now end
    return newest, store.get(logs.batch(newest))
  end

  function store.list()
    local slots = {}
    for page in client:pages("list_objects_v2", { Bucket = bucket, Prefix = folder }) do
      for _, object in ipairs(page.Contents or {}) do
        slots[#slots + 1] = math.tointeger(tonumber(object.Key:match("(%d+)$")))
      end
    end
    return slots
  end

  function store.remove(slots)
    for _, slot in ipairs(slots) do
      request(client, "delete_object", { Bucket = bucket, Key = key(slot) })
    end
  end

  return store
end

--- The newest record of every lock of the account and region.
--- @param aws table
--- @param place eksrun.lock.Place
--- @return { name: string, text: string }[]
function M.newest(aws, place)
  local out, jobs, prefix = {}, {}, root(aws, place)
  local function look(id)
    local store, newest = M.new(aws, place, id), 0
    for _, slot in ipairs(store.list()) do newest = math.max(newest, slot) end
    local text = store.get({ newest })[newest]
    if text then out[#out + 1] = { name = prefix .. id, text = text } end
  end
  for page in aws.s3:pages("list_objects_v2", { Bucket = place.bucket, Prefix = prefix, Delimiter = "/" }) do
    for _, common in ipairs(page.CommonPrefixes or {}) do
      local id = common.Prefix:sub(#prefix + 1, -2)
      jobs[#jobs + 1] = function() look(id) end
    end
  end
  if jobs[1] then task.all(jobs) end
  return out
end

return M
