--- EKS Anywhere: subscriptions, which are paid for and run nothing here.
local json = require "eksrun.json"
local support = require "eksrun.sandbox.eks.support"

local M = { operations = {} }
local operations = M.operations

local MONTH = 30 * 86400

local function need(call, id)
  local subscription = call:get("eks.anywhere", id)
  if subscription then return subscription end
  support.refuse("ResourceNotFoundException", ("No subscription found for ID: %s"):format(id))
end

function operations.CreateEksAnywhereSubscription(call, params)
  local months = params.term.duration
  if months ~= 12 and months ~= 36 then
    support.refuse_parameter("The term of a subscription is 12 or 36 months, not %s", tostring(months))
  end
  local id, quantity = call:uuid "subscription", params.licenseQuantity or 1
  local arns, licenses = json.array {}, json.array {}
  for i = 1, quantity do
    local license = "l-" .. call:hash("license", i):sub(1, 32)
    arns[i] = ("arn:%s:license-manager::%s:license:%s"):format(call.partition, call.account, license)
    licenses[i] = { id = license, token = call:hash("license", i, "token"):sub(1, 40) }
  end
  local subscription = call:put("eks.anywhere", id, {
    id = id, arn = call:arn("eks", "eks-anywhere-subscription/" .. id), createdAt = support.time(call),
    effectiveDate = support.time(call), expirationDate = support.time(call) + months * MONTH,
    licenseQuantity = quantity, licenseType = params.licenseType or "Cluster", term = params.term,
    status = "CREATING", autoRenew = params.autoRenew or false, licenseArns = arns, licenses = licenses,
    tags = params.tags or {}, _name = params.name,
  })
  call:becomes(call:duration("eks.update", id), "eks.anywhere", id, { status = "ACTIVE" })
  return { subscription = subscription }
end

function operations.DescribeEksAnywhereSubscription(call, params)
  return { subscription = need(call, params.id) }
end

function operations.ListEksAnywhereSubscriptions(call, params)
  return {
    subscriptions = json.array(call:all("eks.anywhere", function(subscription)
      return support.is_wanted(params.includeStatus, subscription.status)
    end)),
  }
end

function operations.UpdateEksAnywhereSubscription(call, params)
  local subscription = need(call, params.id)
  subscription.autoRenew = params.autoRenew
  return { subscription = subscription }
end

function operations.DeleteEksAnywhereSubscription(call, params)
  local subscription = need(call, params.id)
  if subscription.status == "ACTIVE" and subscription.expirationDate > call.now then
    support.refuse("InvalidRequestException", ("Subscription %s is active and cannot be deleted"):format(
      params.id))
  end
  subscription.status = "DELETING"
  call:vanishes(call:duration("eks.update", params.id, call.now), "eks.anywhere", params.id)
  return { subscription = subscription }
end

return M
