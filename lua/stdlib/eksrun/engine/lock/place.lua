--- Where the records of locks are kept: SSM parameters, an S3 bucket, a DynamoDB table. Each is a module of
--- this folder with new(aws, place, id) -> a store (see log.lua), newest(aws, place), permissions(place, id).
local util = require "eksrun.util"

local M = {}

--- @class eksrun.lock.Place
--- @field kind "ssm"|"s3"|"dynamodb"
--- @field bucket? string of s3
--- @field prefix? string of s3: keys begin with it
--- @field table? string of dynamodb

--- What --lock says.
--- @param text string "ssm", "s3://BUCKET[/PREFIX]", "dynamodb://TABLE"
--- @param from string who says it: "--lock"
--- @return eksrun.lock.Place
--- Raises { code = "usage" } for anything else.
function M.parse(text, from)
  if text == "ssm" then return { kind = "ssm" } end
  local bucket, prefix = text:match "^s3://([%w.-]+)/?(.-)/*$"
  if bucket then return { kind = "s3", bucket = bucket, prefix = prefix ~= "" and prefix or "eksrun" } end
  local name = text:match "^dynamodb://([%w_.-]+)$"
  if name then return { kind = "dynamodb", table = name } end
  util.fail("usage", "%s: '%s' is neither ssm nor s3://BUCKET[/PREFIX] nor dynamodb://TABLE", from, text)
end

--- @param place eksrun.lock.Place
--- @return table module
function M.module(place) return require("eksrun.engine.lock." .. place.kind) end

--- What tells the lock of a stack from others, in names of any kind.
--- @param stack eksrun.Stack
--- @return string
function M.id(stack)
  local slug = stack.name:gsub("[^%w]+", "-"):sub(1, 80):gsub("^%-+", ""):gsub("%-+$", "")
  return ("%s-%s"):format(slug, util.fingerprint(stack.name):sub(1, 8))
end

return M
