--- ECR: repositories and their policies. No images are pushed into them here.
local calls = require "eksrun.sandbox.call"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local tags = require "eksrun.sandbox.tags"
local text = require "eksrun.text"

local M = { operations = {} }
local operations = M.operations

local HALF_A_DAY = 12 * 3600

local function need(call, name)
  local repository = call:get("ecr.repository", name)
  if repository then return repository end
  fault.raise("RepositoryNotFoundException", "The repository with name '%s' does not exist in the registry "
    .. "with id '%s'", name, call.account)
end

function operations.CreateRepository(call, params)
  local name = params.repositoryName
  if call:get("ecr.repository", name) then
    fault.raise("RepositoryAlreadyExistsException", "The repository with name '%s' already exists in the "
      .. "registry with id '%s'", name, call.account)
  end
  return {
    repository = call:put("ecr.repository", name, {
      repositoryArn = call:arn("ecr", "repository/" .. name), registryId = call.account,
      repositoryName = name,
      repositoryUri = ("%s.dkr.ecr.%s.amazonaws.com/%s"):format(call.account, call.region, name),
      createdAt = call:time(), imageTagMutability = params.imageTagMutability or "MUTABLE",
      imageScanningConfiguration = params.imageScanningConfiguration or { scanOnPush = false },
      encryptionConfiguration = params.encryptionConfiguration or { encryptionType = "AES256" },
      _tags = calls.tag_map(params.tags),
    }),
  }
end

function operations.DescribeRepositories(call, params)
  local names = params.repositoryNames
  if not names or not names[1] then return { repositories = json.array(call:all "ecr.repository") } end
  local list = json.array {}
  for i, name in ipairs(names) do list[i] = need(call, name) end
  return { repositories = list }
end

function operations.DeleteRepository(call, params)
  local repository = need(call, params.repositoryName)
  call:remove("ecr.repository", params.repositoryName)
  return { repository = repository }
end

function operations.ListImages(call, params)
  need(call, params.repositoryName)
  return { imageIds = json.array {} }
end

function operations.DescribeImages(call, params)
  need(call, params.repositoryName)
  local wanted = params.imageIds and params.imageIds[1]
  if wanted then
    fault.raise("ImageNotFoundException", "The image with imageId {imageDigest:'%s', imageTag:'%s'} does not "
      .. "exist within the repository with name '%s' in the registry with id '%s'",
      wanted.imageDigest or "null", wanted.imageTag or "null", params.repositoryName, call.account)
  end
  return { imageDetails = json.array {} }
end

function operations.GetAuthorizationToken(call)
  return {
    authorizationData = {
      {
        authorizationToken = text.base64("AWS:" .. call:hash "password"),
        expiresAt = call:time() + HALF_A_DAY,
        proxyEndpoint = ("https://%s.dkr.ecr.%s.amazonaws.com"):format(call.account, call.region),
      },
    },
  }
end

-- Policies: the member of the call, the error when there is none.
for what, found in pairs {
  LifecyclePolicy = { "lifecyclePolicyText", "LifecyclePolicyNotFoundException", "Put" },
  RepositoryPolicy = { "policyText", "RepositoryPolicyNotFoundException", "Set" },
} do
  local member, code, verb = table.unpack(found)
  local field = "_" .. member
  local function answer(call, repository, value)
    return { registryId = call.account, repositoryName = repository.repositoryName, [member] = value }
  end
  local function present(call, params)
    local repository = need(call, params.repositoryName)
    if repository[field] then return repository, repository[field] end
    fault.raise(code, "%s does not exist for the repository with name '%s' in the registry with id '%s'",
      what == "LifecyclePolicy" and "Lifecycle policy" or "Repository policy", params.repositoryName,
        call.account)
  end
  operations[verb .. what] = function(call, params)
    local repository = need(call, params.repositoryName)
    if type(json.try_decode(params[member])) ~= "table" then
      fault.raise("InvalidParameterException", "Invalid parameter at '%s'", member)
    end
    repository[field] = params[member]
    return answer(call, repository, params[member])
  end
  operations["Get" .. what] = function(call, params)
    local repository, value = present(call, params)
    return answer(call, repository, value)
  end
  operations["Delete" .. what] = function(call, params)
    local repository, value = present(call, params)
    repository[field] = nil
    return answer(call, repository, value)
  end
end

function operations.PutImageTagMutability(call, params)
  local repository = need(call, params.repositoryName)
  repository.imageTagMutability = params.imageTagMutability
  return { registryId = call.account, repositoryName = params.repositoryName,
    imageTagMutability = params.imageTagMutability }
end

function operations.PutImageScanningConfiguration(call, params)
  local repository = need(call, params.repositoryName)
  repository.imageScanningConfiguration = params.imageScanningConfiguration
  return { registryId = call.account, repositoryName = params.repositoryName,
    imageScanningConfiguration = params.imageScanningConfiguration }
end

tags.by_arn(operations, function(call, arn) return need(call, arn:match ":repository/(.+)$" or arn) end, true)
M.all_tags = tags.of_all("ecr.repository", "repositoryArn")

return M
