-- Parses an answer of DescribeInstances: 1,000 instances, about 3 MB of XML.
--
--   eksrun lua tests/bench/describe_instances.lua [FILE]
--
-- FILE: where to put the document, for other parsers to read.
local native = require "eksrun.native.aws"

local INSTANCE = [[
<item><reservationId>r-%017x</reservationId><ownerId>123456789012</ownerId><groupSet/><instancesSet>
<item><instanceId>i-%017x</instanceId><imageId>ami-0abcdef1234567890</imageId>
<instanceState><code>16</code><name>running</name></instanceState>
<privateDnsName>ip-10-0-%d-%d.eu-west-1.compute.internal</privateDnsName><dnsName></dnsName><reason/>
<keyName>eks</keyName><amiLaunchIndex>0</amiLaunchIndex><productCodes/><instanceType>m7g.large</instanceType>
<launchTime>2026-01-02T03:04:05.000Z</launchTime><placement><availabilityZone>eu-west-1a</availabilityZone>
<groupName></groupName><tenancy>default</tenancy></placement><monitoring><state>disabled</state></monitoring>
<subnetId>subnet-0abcdef1234567890</subnetId><vpcId>vpc-0abcdef1234567890</vpcId>
<privateIpAddress>10.0.%d.%d</privateIpAddress><sourceDestCheck>true</sourceDestCheck>
<groupSet><item><groupId>sg-0abcdef1234567890</groupId><groupName>nodes</groupName></item></groupSet>
<architecture>arm64</architecture><rootDeviceType>ebs</rootDeviceType>
<rootDeviceName>/dev/xvda</rootDeviceName>
<blockDeviceMapping><item><deviceName>/dev/xvda</deviceName><ebs><volumeId>vol-0abcdef1234567890</volumeId>
<status>attached</status><attachTime>2026-01-02T03:04:06.000Z</attachTime>
<deleteOnTermination>true</deleteOnTermination></ebs></item></blockDeviceMapping>
<virtualizationType>hvm</virtualizationType><clientToken>0b2f3a1e-7c55-4b7e-9d0a-3f1f2e4d5c6b</clientToken>
<tagSet><item><key>Name</key><value>node-%d</value></item>
<item><key>eks:cluster-name</key><value>demo</value></item>
<item><key>eks:nodegroup-name</key><value>general</value></item>
<item><key>kubernetes.io/cluster/demo</key><value>owned</value></item></tagSet><hypervisor>xen</hypervisor>
<networkInterfaceSet><item><networkInterfaceId>eni-0abcdef1234567890</networkInterfaceId>
<subnetId>subnet-0abcdef1234567890</subnetId><vpcId>vpc-0abcdef1234567890</vpcId><description/>
<ownerId>123456789012</ownerId><status>in-use</status><macAddress>0a:1b:2c:3d:4e:5f</macAddress>
<privateIpAddress>10.0.%d.%d</privateIpAddress><sourceDestCheck>true</sourceDestCheck>
<groupSet><item><groupId>sg-0abcdef1234567890</groupId><groupName>nodes</groupName></item></groupSet>
<attachment><attachmentId>eni-attach-0abcdef1234567890</attachmentId><deviceIndex>0</deviceIndex>
<status>attached</status><attachTime>2026-01-02T03:04:05.000Z</attachTime>
<deleteOnTermination>true</deleteOnTermination></attachment>
<privateIpAddressesSet><item><privateIpAddress>10.0.%d.%d</privateIpAddress><primary>true</primary></item>
</privateIpAddressesSet></item></networkInterfaceSet><iamInstanceProfile>
<arn>arn:aws:iam::123456789012:instance-profile/eks-nodes</arn>
<id>AIPAABCDEFGHIJKLMNOPQ</id></iamInstanceProfile>
<ebsOptimized>false</ebsOptimized><enaSupport>true</enaSupport><metadataOptions><state>applied</state>
<httpTokens>required</httpTokens><httpPutResponseHopLimit>2</httpPutResponseHopLimit>
<httpEndpoint>enabled</httpEndpoint></metadataOptions></item></instancesSet></item>]]

local parts = { '<?xml version="1.0" encoding="UTF-8"?>\n<DescribeInstancesResponse '
  .. 'xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId><reservationSet>' }
for i = 0, 999 do
  local a, b = i // 250, i % 250
  parts[#parts + 1] = INSTANCE:format(i, i, a, b, a, b, i, a, b, a, b)
end
parts[#parts + 1] = "</reservationSet></DescribeInstancesResponse>"
local body = table.concat(parts)
if arg and arg[1] then
  local file = assert(io.open(arg[1], "w"))
  file:write(body)
  file:close()
end
local _, elements = body:gsub("<%a", "")

local operation = native.service("ec2"):operation("describe_instances")
local best = math.huge
for _ = 1, 10 do
  collectgarbage()
  local start = os.clock()
  local output = operation:parse(200, {}, body)
  best = math.min(best, os.clock() - start)
  assert(#output.Reservations == 1000)
end
print(("%d bytes, %d elements: %.1f ms (best of 10)"):format(#body, elements, best * 1000))
