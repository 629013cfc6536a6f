--- ec2.address: an Elastic IP address. Found by its tags; AWS gives no name and takes no token.
local resource = require "eksrun.resource"

return resource.define {
  name = "ec2.address",
  identity = "tag",
  id = "AllocationId",
  tagging = { "ec2", "elastic-ip" },
  inputs = {
    Domain = { type = "string", immutable = true, default = "vpc" },
    NetworkBorderGroup = { type = "string", immutable = true },
    PublicIpv4Pool = { type = "string", immutable = true },
  },
  outputs = { "PublicIp" },
  -- For a moment behind the deletion of a NAT gateway its address still counts as used; EC2 then says so in
  -- either way.
  retry = {
    delete = {
      { code = "InvalidIPAddress.InUse" },
      { code = "AuthFailure", message = "do not have permission to access the specified resource" },
    },
  },
  typical = { create = 1, delete = 2 },

  observe = function(ctx)
    local addresses = ctx:list("ec2", "describe_addresses", { Filters = ctx:stack_filter() }, "Addresses")
    return ctx:each(addresses, function(address) return ctx:record(address) end)
  end,

  create = function(ctx, inputs)
    return ctx.aws.ec2:allocate_address(ctx:tagged {
      Domain = inputs.Domain or "vpc",
      NetworkBorderGroup = inputs.NetworkBorderGroup,
      PublicIpv4Pool = inputs.PublicIpv4Pool,
    })
  end,

  delete = function(ctx, record) ctx.aws.ec2:release_address { AllocationId = record.AllocationId } end,
}
