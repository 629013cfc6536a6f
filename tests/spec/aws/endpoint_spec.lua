local endpoint = require "eksrun.aws.endpoint"

describe("endpoint", function()
  for _, case in ipairs {
    { "eks", "eks", "eu-west-1", "eks.eu-west-1.amazonaws.com", "eu-west-1" },
    { "ec2", "ec2", "cn-north-1", "ec2.cn-north-1.amazonaws.com.cn", "cn-north-1" },
    { "sts", "sts", "us-gov-east-1", "sts.us-gov-east-1.amazonaws.com", "us-gov-east-1" },
    { "eks", "eks", "us-iso-west-1", "eks.us-iso-west-1.c2s.ic.gov", "us-iso-west-1" },
    { "eks", "eks", "eusc-de-east-1", "eks.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1" },
    { "ecr", "api.ecr", "eu-west-1", "api.ecr.eu-west-1.amazonaws.com", "eu-west-1" },
    { "eks-auth", "eks-auth", "eu-west-1", "eks-auth.eu-west-1.api.aws", "eu-west-1" },
    { "iam", "iam", "eu-west-1", "iam.amazonaws.com", "us-east-1" },
    { "iam", "iam", "cn-northwest-1", "iam.cn-north-1.amazonaws.com.cn", "cn-north-1" },
    { "iam", "iam", "us-gov-east-1", "iam.us-gov.amazonaws.com", "us-gov-west-1" },
    { "route53", "route53", "ap-south-1", "route53.amazonaws.com", "us-east-1" },
    { "eks", "eks", "xx-new-1", "eks.xx-new-1.amazonaws.com", "xx-new-1" },
  } do
    it(("finds %s in %s"):format(case[1], case[3]), function()
      local found = endpoint.resolve(case[1], case[2], case[3])
      assert.are.equal(case[4], found.host)
      assert.are.equal("https://" .. case[4], found.url)
      assert.are.equal(case[5], found.region)
    end)
  end

  it("takes only what can be a host name for a region", function()
    for _, good in ipairs { "us-east-1", "eusc-de-east-1", "local" } do
      assert.is_true(endpoint.is_region(good))
    end
    for _, bad in ipairs {
      "", "us-east-1.evil.com", "us_east_1", "US-EAST-1", "-x", "x-", "a/b", "a\nb", 1, ("a"):rep(64),
    } do
      assert.is_false(endpoint.is_region(bad))
    end
  end)

  it("splits a user's URL", function()
    local found = endpoint.parse("http://127.0.0.1:5000/base/", "eu-west-1")
    assert.are.same({ url = "http://127.0.0.1:5000/base", host = "127.0.0.1:5000", path = "/base",
      region = "eu-west-1", custom = true }, found)
    assert.are.equal("[::1]:80", endpoint.parse("https://[::1]:80", "r").host)
    assert.are.equal("x.example", endpoint.parse("https://x.example:443", "r").host)
  end)

  it("refuses what is no URL, without showing a password in it", function()
    for _, url in ipairs {
      "localhost:5000", "ftp://x", "http://", "http://x:99999", "http://a b", "http://x?y",
    } do
      local found, err = endpoint.parse(url, "r")
      assert.is_nil(found)
      assert.are.equal("config", err.code)
    end
    local _, err = endpoint.parse("http://user:secret@x", "r")
    assert.is_nil(tostring(err):find("secret", 1, true))
  end)
end)
