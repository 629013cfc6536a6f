--- EKS: a cluster's certificate authorities, which are made beside the one in use and then take its place.
local authority = require "eksrun.sandbox.eks.authority"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.eks.support"
local updates = require "eksrun.sandbox.eks.update"

local M = { operations = {}, events = {} }
local operations = M.operations

local TEN_YEARS = 3650 * 86400
local AT_MOST = 2

local function new(call, cluster, fields)
  local id = "ca-" .. call:hash("ca", cluster.name):sub(1, 17)
  local ca = {
    id = id, clusterName = cluster.name, createdAt = support.time(call), createdBy = "CUSTOMER",
    signingStatus = "NOT_USED", distributionStatus = "IN_PROGRESS", rollbackAvailable = false,
    data = authority, validity = { notBefore = support.time(call),
      notAfter = support.time(call) + TEN_YEARS },
  }
  for name, value in pairs(fields or {}) do ca[name] = value end
  return call:put("eks.certificate_authority", support.key(cluster.name, id), ca)
end

-- Those of a cluster; the first comes with it.
local function all_of(call, cluster)
  local list = support.within(call, "eks.certificate_authority", cluster.name)
  if list[1] or not cluster.certificateAuthority then return list end
  return {
    new(call, cluster, {
      createdBy = "EKS", activatedBy = "EKS", activatedAt = cluster.createdAt, createdAt = cluster.createdAt,
      signingStatus = "IN_USE", distributionStatus = "COMPLETE",
      validity = { notBefore = cluster.createdAt, notAfter = cluster.createdAt + TEN_YEARS },
    }),
  }
end

local function brief(ca)
  return {
    id = ca.id, createdAt = ca.createdAt, createdBy = ca.createdBy, activatedAt = ca.activatedAt,
    activatedBy = ca.activatedBy, signingStatus = ca.signingStatus,
    distributionStatus = ca.distributionStatus,
  }
end

local function need(call, cluster, id)
  for _, ca in ipairs(all_of(call, cluster)) do
    if ca.id == id then return ca end
  end
  support.refuse("ResourceNotFoundException", ("No certificate authority found with id: %s"):format(id),
    { clusterName = cluster.name })
end

local function start(call, cluster, ca, done)
  return updates.start(call, cluster, {
    kind = "eks.cluster", key = cluster.name, type = "CertificateAuthorityUpdate", fields = {},
    params = { CertificateAuthorityId = ca.id },
    seconds = call:duration("eks.update.CertificateAuthorityUpdate", cluster.name, call.now),
    done = { done, { cluster = cluster.name, id = ca.id } },
  })
end

function operations.CreateCertificateAuthority(call, params)
  local cluster = support.active_cluster(call, params.clusterName)
  updates.check_free(call, "eks.cluster", cluster.name, "CertificateAuthorityUpdate")
  if #all_of(call, cluster) >= AT_MOST then
    support.refuse("ResourceLimitExceededException",
      ("A cluster can have at most %d certificate authorities"):format(AT_MOST),
        { clusterName = cluster.name })
  end
  local ca = new(call, cluster)
  return { update = start(call, cluster, ca, "eks.certificate_authority.distributed"),
    certificateAuthority = brief(ca) }
end

M.events["eks.certificate_authority.distributed"] = function(call, arguments)
  local ca = call:get("eks.certificate_authority", support.key(arguments.cluster, arguments.id))
  if ca then ca.distributionStatus = "COMPLETE" end
end

function operations.ActivateCertificateAuthority(call, params)
  local cluster = support.active_cluster(call, params.clusterName)
  updates.check_free(call, "eks.cluster", cluster.name, "CertificateAuthorityUpdate")
  local ca = need(call, cluster, params.certificateAuthorityId)
  if ca.distributionStatus ~= "COMPLETE" or ca.signingStatus == "IN_USE" then
    support.refuse_parameter("Certificate authority %s cannot be activated: it is %s", ca.id,
      ca.signingStatus == "IN_USE" and "in use" or "not distributed")
  end
  ca.signingStatus = "ACTIVATING"
  return { update = start(call, cluster, ca, "eks.certificate_authority.active"),
    certificateAuthority = brief(ca) }
end

M.events["eks.certificate_authority.active"] = function(call, arguments)
  local cluster = call:get("eks.cluster", arguments.cluster)
  for _, ca in ipairs(all_of(call, cluster)) do
    ca.signingStatus = ca.id == arguments.id and "IN_USE" or "NOT_USED"
    if ca.id == arguments.id then
      ca.activatedAt, ca.activatedBy = support.time(call), "CUSTOMER"
    end
  end
end

function operations.DeleteCertificateAuthority(call, params)
  local cluster = support.active_cluster(call, params.clusterName)
  updates.check_free(call, "eks.cluster", cluster.name, "CertificateAuthorityUpdate")
  local ca = need(call, cluster, params.certificateAuthorityId)
  if ca.signingStatus == "IN_USE" then
    support.refuse("ResourceInUseException", ("Certificate authority %s is in use"):format(ca.id),
      { clusterName = cluster.name })
  end
  ca.distributionStatus = "DELETING"
  return { update = start(call, cluster, ca, "eks.certificate_authority.gone"),
    certificateAuthority = brief(ca) }
end

M.events["eks.certificate_authority.gone"] = function(call, arguments)
  call:remove("eks.certificate_authority", support.key(arguments.cluster, arguments.id))
end

function operations.DescribeCertificateAuthority(call, params)
  local cluster = support.cluster(call, params.clusterName)
  local ca = need(call, cluster, params.certificateAuthorityId)
  local shown = brief(ca)
  shown.validity, shown.data, shown.rollbackAvailable = ca.validity, ca.data, ca.rollbackAvailable
  return { certificateAuthority = shown }
end

function operations.ListCertificateAuthorities(call, params)
  local list = json.array {}
  for i, ca in ipairs(all_of(call, support.cluster(call, params.clusterName))) do list[i] = brief(ca) end
  return { certificateAuthorities = list }
end

return M
