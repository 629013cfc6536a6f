--- Price List: what clusters use, as prices.lua has it.
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local prices = require "eksrun.sandbox.prices"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

local LOCATION = "US East (N. Virginia)"

-- By service: the things that have an hour's price, with what tells them apart.
local things = {
  AmazonEKS = {
    { "eks.cluster", "Compute", { usagetype = "USE1-AmazonEKS-Hours:perCluster",
      operation = "CreateOperation" } },
    { "eks.cluster.extended", "Compute",
      { usagetype = "USE1-AmazonEKS-Hours:extendedSupport", operation = "ExtendedSupport" } },
  },
  AmazonVPC = {
    { "ec2.vpc_endpoint.interface", "VpcEndpoint",
      { usagetype = "USE1-VpcEndpoint-Hours", operation = "VpcEndpoint" } },
    { "ec2.address", "VpcPublicIPv4Address",
      { usagetype = "USE1-PublicIPv4:InUseAddress", operation = "" } },
  },
  AmazonEC2 = {
    { "ec2.nat_gateway", "NAT Gateway", { usagetype = "USE1-NatGateway-Hours", operation = "NatGateway" } },
  },
}

local NAMES = { AmazonEC2 = { "instanceType", "location", "regionCode", "operatingSystem", "tenancy",
  "capacitystatus", "preInstalledSw", "usagetype", "operation", "servicecode" } }
local USUAL = { "location", "regionCode", "usagetype", "operation", "servicecode" }

local function product(call, service, family, attributes, price, what)
  local sku = call.world:hash("sku", service, what):sub(1, 16):upper()
  attributes.servicecode, attributes.location, attributes.locationType = service, LOCATION, "AWS Region"
  attributes.regionCode = prices.region
  local term, rate = sku .. ".JRTCKXETXF", sku .. ".JRTCKXETXF.6YS6EN2CT7"
  return {
    product = { sku = sku, productFamily = family, attributes = attributes }, serviceCode = service,
    version = prices.date,
    terms = {
      OnDemand = {
        [term] = {
          sku = sku, offerTermCode = "JRTCKXETXF", effectiveDate = prices.date .. "-01T00:00:00Z",
          termAttributes = {},
          priceDimensions = {
            [rate] = {
              unit = "Hrs", beginRange = "0", endRange = "Inf", rateCode = rate, appliesTo = json.array {},
              description = ("$%s per Hrs"):format(price), pricePerUnit = { USD = ("%.10f"):format(price) },
            },
          },
        },
      },
    },
  }
end

local function products(call, service, wanted)
  local list = {}
  for _, thing in ipairs(things[service]) do
    list[#list + 1] = product(call, service, thing[2], util.copy(thing[3]), prices.hourly[thing[1]], thing[1])
  end
  for _, kind in ipairs(service == "AmazonEC2" and (wanted and { wanted } or prices.types()) or {}) do
    local price = prices.instance(kind)
    if price then
      list[#list + 1] = product(call, service, "Compute Instance", {
        instanceType = kind, operatingSystem = "Linux", tenancy = "Shared", capacitystatus = "Used",
        preInstalledSw = "NA", usagetype = "BoxUsage:" .. kind, operation = "RunInstances",
      }, price, kind)
    end
  end
  return list
end

local function need(service)
  if things[service or ""] then return end
  fault.raise("NotFoundException", "The service code %s does not exist.", tostring(service))
end

function operations.GetProducts(call, params)
  need(params.ServiceCode)
  local wanted, list = nil, json.array {}
  for _, filter in ipairs(params.Filters or {}) do
    if filter.Field == "instanceType" then wanted = filter.Value end
  end
  for _, one in ipairs(products(call, params.ServiceCode, wanted)) do
    local attributes, shown = one.product.attributes, true
    for _, filter in ipairs(params.Filters or {}) do
      local have = filter.Field == "productFamily" and one.product.productFamily or attributes[filter.Field]
      shown = shown and have == filter.Value
    end
    if shown then list[#list + 1] = json.encode(one, { sort = true }) end
  end
  return { FormatVersion = params.FormatVersion or "aws_v1", PriceList = list }
end

function operations.DescribeServices(_, params)
  local list = json.array {}
  if params.ServiceCode then need(params.ServiceCode) end
  for service in util.sorted_pairs(things) do
    if not params.ServiceCode or params.ServiceCode == service then
      list[#list + 1] = { ServiceCode = service, AttributeNames = NAMES[service] or USUAL }
    end
  end
  return { Services = list, FormatVersion = "aws_v1" }
end

function operations.GetAttributeValues(call, params)
  need(params.ServiceCode)
  local seen, list = {}, json.array {}
  for _, one in ipairs(products(call, params.ServiceCode)) do
    local value = one.product.attributes[params.AttributeName]
    if value then seen[value] = true end
  end
  for i, value in ipairs(util.sorted_keys(seen)) do list[i] = { Value = value } end
  return { AttributeValues = list }
end

return M
