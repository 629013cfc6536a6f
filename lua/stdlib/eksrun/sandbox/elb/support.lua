--- What the handlers of classic load balancers share: balancers by their names, and what is checked of them.
local fault = require "eksrun.sandbox.fault"

local M = {}

local PROTOCOLS = { HTTP = "HTTP", HTTPS = "HTTP", TCP = "TCP", SSL = "TCP" }
local SECURE = { HTTPS = true, SSL = true }

--- @param call eksrun.sandbox.Call
--- @param name string
--- @return table
function M.need(call, name)
  local balancer = call:get("elb.load_balancer", name)
  if balancer then return balancer end
  fault.raise("LoadBalancerNotFound", "There is no ACTIVE Load Balancer named '%s'", name)
end

--- Listeners as they are shown: protocols in capitals, that of instances filled in.
--- @param listeners table[]
--- @return table[]
function M.listeners(listeners)
  local list, ports = {}, {}
  for i, given in ipairs(listeners) do
    local protocol, port = given.Protocol:upper(), given.LoadBalancerPort
    local inner = (given.InstanceProtocol or PROTOCOLS[protocol] or protocol):upper()
    if not PROTOCOLS[protocol] or PROTOCOLS[inner] ~= PROTOCOLS[protocol] then
      fault.raise("UnsupportedProtocol",
        "Listener protocol %s and instance protocol %s do not go together", protocol, inner)
    elseif SECURE[protocol] and not given.SSLCertificateId then
      fault.raise("CertificateNotFound", "A listener of %s wants a certificate", protocol)
    elseif port < 1 or port > 65535 or given.InstancePort < 1 or given.InstancePort > 65535 then
      fault.raise("ValidationError", "Ports are from 1 to 65535")
    elseif ports[port] then
      fault.raise("DuplicateListener", "A listener already exists for port %d", port)
    end
    ports[port] = true
    list[i] = {
      Protocol = protocol, LoadBalancerPort = port, InstanceProtocol = inner,
      InstancePort = given.InstancePort, SSLCertificateId = given.SSLCertificateId,
    }
  end
  return list
end

return M
