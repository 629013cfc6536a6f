-- Instances and what they are made of: types, images, keys, volumes, interfaces, addresses.
local support = require "tests.spec.support.sandbox"
local task = require "eksrun.task"

local function filter(name, ...) return { { Name = name, Values = { ... } } } end

describe("instances in the sandbox", function()
  local aws, ec2, world, vpc, subnets, image
  before_each(function()
    aws, world = support.open()
    ec2 = aws.ec2
    vpc, subnets = support.network(aws)
    image = aws.ssm:get_parameter({
      Name = "/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/x86_64/standard/recommended/image_id",
    }).Parameter.Value
  end)
  after_each(support.close)

  local function refused(operation, params) return (support.refused(ec2, operation, params)) end

  local function params(more)
    local all = {
      ImageId = image, InstanceType = "m7i.large", MinCount = 1, MaxCount = 1, SubnetId = subnets[1],
    }
    for key, value in pairs(more or {}) do all[key] = value end
    return all
  end

  local function run(more) return ec2:run_instances(params(more)).Instances[1] end

  local function state(id)
    return ec2:describe_instances({ InstanceIds = { id } }).Reservations[1].Instances[1].State.Name
  end

  it("start, stop, start again and end", function()
    local made = ec2:run_instances(params { MaxCount = 2, UserData = "#!/bin/sh" })
    assert.equal(2, #made.Instances)
    local id = made.Instances[1].InstanceId
    assert.equal("pending", state(id))
    task.sleep(60)
    assert.equal("running", state(id))
    assert.equal(1, #ec2:describe_instances({}).Reservations)
    local status = ec2:describe_instance_status({ InstanceIds = { id } }).InstanceStatuses[1]
    assert.equal("initializing", status.InstanceStatus.Status)
    ec2:wait("instance_status_ok", { InstanceIds = { id } })
    ec2:stop_instances { InstanceIds = { id } }
    assert.equal("stopping", state(id))
    assert.equal("IncorrectInstanceState", refused("reboot_instances", { InstanceIds = { id } }))
    task.sleep(120)
    assert.equal(0, #ec2:describe_instance_status({ InstanceIds = { id } }).InstanceStatuses)
    assert.equal(1, #ec2:describe_instance_status({ InstanceIds = { id }, IncludeAllInstances = true })
      .InstanceStatuses)
    assert.equal("stopped",
      ec2:start_instances({ InstanceIds = { id } }).StartingInstances[1].PreviousState.Name)
    task.sleep(60)
    ec2:reboot_instances { InstanceIds = { id } }
    assert.equal("DependencyViolation", refused("delete_subnet", { SubnetId = subnets[1] }))
    assert.equal("running", ec2:terminate_instances({ InstanceIds = { id } })
      .TerminatingInstances[1].PreviousState.Name)
    ec2:terminate_instances { InstanceIds = { made.Instances[2].InstanceId } }
    task.sleep(120)
    assert.equal("terminated", state(id))
    assert.equal(0, #ec2:describe_network_interfaces({}).NetworkInterfaces)
    assert.equal(0, #ec2:describe_volumes({}).Volumes)
    task.sleep(3600)
    assert.equal("InvalidInstanceID.NotFound", refused("describe_instances", { InstanceIds = { id } }))
  end)

  it("are refused what is not there", function()
    assert.equal("InvalidAMIID.NotFound", refused("run_instances",
      params { ImageId = "ami-00000000000000000" }))
    assert.equal("InvalidAMIID.Malformed", refused("run_instances", params { ImageId = "ami-x" }))
    assert.equal("InvalidParameterValue", refused("run_instances", params { InstanceType = "m99.large" }))
    assert.equal("InvalidParameterValue", refused("run_instances", params { InstanceType = "m7g.large" }))
    assert.equal("InvalidKeyPair.NotFound", refused("run_instances", params { KeyName = "none" }))
    assert.equal("InvalidParameterValue", refused("run_instances",
      params { IamInstanceProfile = { Name = "none" } }))
    assert.equal("InvalidParameterValue", refused("run_instances", params { UserData = ("x"):rep(16385) }))
    assert.equal("InvalidGroup.NotFound", refused("run_instances",
      params { SecurityGroupIds = { "sg-00000000000000000" } }))
    local none = params()
    none.SubnetId = nil
    assert.equal("VPCIdNotSpecified", refused("run_instances", none))
  end)

  it("have quotas of vCPUs, and capacity may be short", function()
    assert.equal("VcpuLimitExceeded", refused("run_instances", params {
      InstanceType = "m7i.48xlarge", MinCount = 7, MaxCount = 7,
    }))
    world.world.state.shortages = { "m7i.*@us-east-1a" }
    assert.equal("InsufficientInstanceCapacity", refused("run_instances", params()))
    assert.is_string(run({ SubnetId = subnets[2] }).InstanceId)
    local old = ec2:create_subnet({ VpcId = vpc, CidrBlock = "10.0.3.0/24", AvailabilityZoneId = "use1-az3" })
      .Subnet.SubnetId
    assert.equal("Unsupported", refused("run_instances", params { SubnetId = old }))
    assert.is_string(run({ SubnetId = old, InstanceType = "m5.large" }).InstanceId)
  end)

  it("are refused with zones that have room, if any has", function()
    local function said(...)
      world.world.state.shortages = { ... }
      local code, message = support.refused(ec2, "run_instances", params())
      assert.equal("InsufficientInstanceCapacity", code)
      return message
    end
    assert.matches("requested %(us%-east%-1a%).* or choosing us%-east%-1b, us%-east%-1d", said "m7i.*@*a")
    assert.matches("or choosing us%-east%-1d", said("m7i.*@*a", "m7i.*@*b"))
    assert.not_matches("us%-east%-1", said "m7i.*")
  end)

  it("are made of a template, which the request goes before", function()
    local key = ec2:create_key_pair({ KeyName = "k" })
    assert.matches("^%-%-%-%-%-BEGIN RSA PRIVATE KEY", key.KeyMaterial)
    assert.equal("InvalidKeyPair.Duplicate", refused("create_key_pair", { KeyName = "k" }))
    ec2:import_key_pair { KeyName = "l", PublicKeyMaterial = "ssh-ed25519 AAAA me" }
    assert.equal("InvalidKey.Format", refused("import_key_pair", { KeyName = "m", PublicKeyMaterial = "x" }))
    assert.equal("ssh-ed25519 AAAA me", ec2:describe_key_pairs({ KeyNames = { "l" },
      IncludePublicKey = true })
      .KeyPairs[1].PublicKey)
    local template = ec2:create_launch_template({
      LaunchTemplateName = "t", LaunchTemplateData = {
        ImageId = image, InstanceType = "m5.large", KeyName = "k",
        MetadataOptions = { HttpTokens = "optional", HttpPutResponseHopLimit = 1 },
        BlockDeviceMappings = { { DeviceName = "/dev/xvda", Ebs = { VolumeSize = 100,
        VolumeType = "gp3" } } },
        TagSpecifications = { { ResourceType = "instance", Tags = { { Key = "a", Value = "b" } } } },
      },
    }).LaunchTemplate.LaunchTemplateId
    local instance = ec2:run_instances({
      LaunchTemplate = { LaunchTemplateId = template }, MinCount = 1, MaxCount = 1, SubnetId = subnets[1],
      InstanceType = "c6i.large",
    }).Instances[1]
    assert.equal("c6i.large", instance.InstanceType)
    assert.equal("k", instance.KeyName)
    assert.equal("optional", instance.MetadataOptions.HttpTokens)
    local volume = ec2:describe_volumes({ Filters = filter("attachment.instance-id",
      instance.InstanceId) }).Volumes
    assert.equal(100, volume[1].Size)
    local by_tag = ec2:describe_instances({ Filters = filter("tag:aws:ec2launchtemplate:id", template) })
    assert.equal(1, #by_tag.Reservations)
    ec2:delete_key_pair { KeyName = "l" }
    ec2:delete_key_pair { KeyName = "l" }
    local data = ec2:get_launch_template_data({ InstanceId = instance.InstanceId }).LaunchTemplateData
    assert.equal("c6i.large", data.InstanceType)
  end)

  it("have attributes", function()
    local id = run().InstanceId
    task.sleep(60)
    ec2:modify_instance_attribute { InstanceId = id, DisableApiTermination = { Value = true } }
    assert.is_true(ec2:describe_instance_attribute({ InstanceId = id, Attribute = "disableApiTermination" })
      .DisableApiTermination.Value)
    for _, name in ipairs { "instanceType", "userData", "groupSet", "blockDeviceMapping", "rootDeviceName",
      "instanceInitiatedShutdownBehavior", "sourceDestCheck", "ebsOptimized", "disableApiStop", "enaSupport",
      "kernel", "sriovNetSupport", "productCodes", "enclaveOptions" } do
      ec2:describe_instance_attribute { InstanceId = id, Attribute = name }
    end
    assert.equal("OperationNotPermitted", refused("terminate_instances", { InstanceIds = { id } }))
    assert.equal("IncorrectInstanceState", refused("modify_instance_attribute",
      { InstanceId = id, InstanceType = { Value = "c6i.large" } }))
    ec2:modify_instance_attribute { InstanceId = id, Attribute = "disableApiTermination", Value = "false" }
    ec2:modify_instance_metadata_options { InstanceId = id, HttpTokens = "optional" }
    assert.equal("enabled",
      ec2:monitor_instances({ InstanceIds = { id } }).InstanceMonitorings[1].Monitoring.State)
    ec2:unmonitor_instances { InstanceIds = { id } }
    assert.equal(0, #ec2:describe_instance_credit_specifications({ InstanceIds = { id } })
      .InstanceCreditSpecifications)
    ec2:terminate_instances { InstanceIds = { id } }
    assert.is_true(#ec2:describe_account_attributes({}).AccountAttributes > 3)
    assert.is_false(ec2:get_ebs_encryption_by_default({}).EbsEncryptionByDefault)
    ec2:enable_ebs_encryption_by_default {}
    assert.is_true(ec2:get_ebs_encryption_by_default({}).EbsEncryptionByDefault)
    ec2:disable_ebs_encryption_by_default {}
  end)

  it("have interfaces, which come and go", function()
    local id = run().InstanceId
    task.sleep(60)
    local made = ec2:create_network_interface({
      SubnetId = subnets[1], Description = "mine", SecondaryPrivateIpAddressCount = 1,
      TagSpecifications = { { ResourceType = "network-interface", Tags = { { Key = "a", Value = "b" } } } },
    }).NetworkInterface
    local eni = made.NetworkInterfaceId
    assert.equal("available", made.Status)
    assert.equal(2, #made.PrivateIpAddresses)
    assert.equal("InvalidParameterValue", refused("create_network_interface",
      { SubnetId = subnets[1], PrivateIpAddress = "10.9.9.9" }))
    assert.equal("InvalidIPAddress.InUse", refused("create_network_interface",
      { SubnetId = subnets[1], PrivateIpAddress = made.PrivateIpAddress }))
    local count = #ec2:describe_network_interfaces({}).NetworkInterfaces
    assert.equal("InvalidIPAddress.InUse", refused("create_network_interface",
      { SubnetId = subnets[1], PrivateIpAddresses = { { PrivateIpAddress = made.PrivateIpAddress } } }))
    assert.equal(count, #ec2:describe_network_interfaces({}).NetworkInterfaces)
    local attached = ec2:attach_network_interface({ InstanceId = id, NetworkInterfaceId = eni,
      DeviceIndex = 1 })
    assert.equal("InvalidNetworkInterface.InUse", refused("attach_network_interface",
      { InstanceId = id, NetworkInterfaceId = eni, DeviceIndex = 2 }))
    assert.equal("InvalidParameterValue", refused("delete_network_interface", { NetworkInterfaceId = eni }))
    assert.equal(1, #ec2:describe_network_interfaces({ Filters = filter("attachment.attachment-id",
      attached.AttachmentId) }).NetworkInterfaces)
    assert.equal(8, #ec2:assign_private_ip_addresses({ NetworkInterfaceId = eni,
      SecondaryPrivateIpAddressCount = 8 }).AssignedPrivateIpAddresses)
    assert.equal("PrivateIpAddressLimitExceeded", refused("assign_private_ip_addresses",
      { NetworkInterfaceId = eni, SecondaryPrivateIpAddressCount = 1 }))
    ec2:unassign_private_ip_addresses { NetworkInterfaceId = eni,
      PrivateIpAddresses = { made.PrivateIpAddresses[2].PrivateIpAddress } }
    ec2:modify_network_interface_attribute { NetworkInterfaceId = eni, Description = { Value = "yours" } }
    ec2:modify_network_interface_attribute { NetworkInterfaceId = eni, SourceDestCheck = { Value = false } }
    for _, name in ipairs { "description", "groupSet", "sourceDestCheck", "attachment" } do
      ec2:describe_network_interface_attribute { NetworkInterfaceId = eni, Attribute = name }
    end
    local shown = ec2:describe_instances({ InstanceIds = { id } }).Reservations[1].Instances[1]
    assert.equal(2, #shown.NetworkInterfaces)
    local primary = shown.NetworkInterfaces[1].Attachment.AttachmentId
    assert.equal("OperationNotPermitted", refused("detach_network_interface", { AttachmentId = primary }))
    ec2:terminate_instances { InstanceIds = { id } }
    task.sleep(120)
    local left = ec2:describe_network_interfaces({}).NetworkInterfaces
    assert.equal(1, #left)
    assert.equal("available", left[1].Status)
    ec2:delete_network_interface { NetworkInterfaceId = eni }
    assert.equal(251, ec2:describe_subnets({ SubnetIds = { subnets[1] } }).Subnets[1].AvailableIpAddressCount)
  end)

  it("have addresses that stay", function()
    local igw = ec2:create_internet_gateway({}).InternetGateway.InternetGatewayId
    ec2:attach_internet_gateway { InternetGatewayId = igw, VpcId = vpc }
    ec2:modify_subnet_attribute { SubnetId = subnets[2], MapPublicIpOnLaunch = { Value = true } }
    local id, other = run().InstanceId, run({ SubnetId = subnets[2] })
    assert.is_string(other.PublicIpAddress)
    task.sleep(60)
    local address = ec2:allocate_address {}
    local association = ec2:associate_address { InstanceId = id, AllocationId = address.AllocationId }
    assert.equal("Resource.AlreadyAssociated", refused("associate_address",
      { InstanceId = other.InstanceId, AllocationId = address.AllocationId, AllowReassociation = false }))
    local shown = ec2:describe_instances({ Filters = filter("ip-address", address.PublicIp) })
    assert.equal(id, shown.Reservations[1].Instances[1].InstanceId)
    assert.equal("DependencyViolation", refused("detach_internet_gateway",
      { InternetGatewayId = igw, VpcId = vpc }))
    assert.equal("InvalidIPAddress.InUse", refused("release_address",
      { AllocationId = address.AllocationId }))
    ec2:disassociate_address(association)
    ec2:associate_address { InstanceId = id, AllocationId = address.AllocationId }
    ec2:terminate_instances { InstanceIds = { id } }
    task.sleep(120)
    local found = ec2:describe_addresses({ PublicIps = { address.PublicIp } }).Addresses[1]
    assert.is_nil(found.AssociationId)
    ec2:describe_addresses_attribute { AllocationIds = { address.AllocationId }, Attribute = "domain-name" }
    ec2:release_address { AllocationId = address.AllocationId }
    assert.equal("InvalidAddress.NotFound", refused("describe_addresses",
      { PublicIps = { address.PublicIp } }))
  end)

  it("have volumes", function()
    local id = run().InstanceId
    task.sleep(60)
    local volume = ec2:create_volume({ AvailabilityZone = "us-east-1a", Size = 10, VolumeType = "gp3" })
    assert.equal("creating", volume.State)
    ec2:wait("volume_available", { VolumeIds = { volume.VolumeId } })
    assert.equal("InvalidVolume.ZoneMismatch", refused("attach_volume", { Device = "/dev/sdf", InstanceId =
      run({ SubnetId = subnets[2] }).InstanceId, VolumeId = volume.VolumeId }))
    ec2:attach_volume { Device = "/dev/sdf", InstanceId = id, VolumeId = volume.VolumeId }
    assert.equal("VolumeInUse", refused("delete_volume", { VolumeId = volume.VolumeId }))
    assert.equal(2, #ec2:describe_instances({ InstanceIds = { id } }).Reservations[1].Instances[1]
      .BlockDeviceMappings)
    assert.equal(20, ec2:modify_volume({ VolumeId = volume.VolumeId,
      Size = 20 }).VolumeModification.TargetSize)
    assert.equal("InvalidParameterValue", refused("modify_volume", { VolumeId = volume.VolumeId, Size = 5 }))
    ec2:detach_volume { VolumeId = volume.VolumeId }
    ec2:delete_volume { VolumeId = volume.VolumeId }
    assert.equal("InvalidVolume.NotFound", refused("describe_volumes", { VolumeIds = { volume.VolumeId } }))
  end)

  it("are of types that zones have", function()
    local function types(...) return ec2:describe_instance_types({ Filters = filter(...) }).InstanceTypes end
    local function one(name)
      return ec2:describe_instance_types({ InstanceTypes = { name } }).InstanceTypes[1]
    end
    assert.equal(2, one("m7i.large").VCpuInfo.DefaultVCpus)
    assert.equal(8192, one("m7i.large").MemoryInfo.SizeInMiB)
    assert.equal("A10G", one("g5.xlarge").GpuInfo.Gpus[1].Name)
    assert.equal("Inferentia2", one("inf2.xlarge").NeuronInfo.NeuronDevices[1].Name)
    assert.equal("arm64", one("c8g.medium").ProcessorInfo.SupportedArchitectures[1])
    for _, found in ipairs(types("processor-info.supported-architecture", "arm64")) do
      assert.equal("AWS", found.ProcessorInfo.Manufacturer)
    end
    assert.equal(7, #types("instance-type", "t3.*"))
    assert.equal("InvalidInstanceType", refused("describe_instance_types", { InstanceTypes = { "x.large" } }))
    local offered = ec2:describe_instance_type_offerings({
      LocationType = "availability-zone", Filters = filter("instance-type", "m7i.large"),
    }).InstanceTypeOfferings
    assert.equal(5, #offered)
    assert.equal("us-east-1", ec2:describe_instance_type_offerings({
      Filters = filter("instance-type", "m5.large"),
    }).InstanceTypeOfferings[1].Location)
  end)

  it("are of images that AWS publishes", function()
    local found = ec2:describe_images({ ImageIds = { image } }).Images[1]
    assert.matches("^amazon%-eks%-node%-al2023%-x86_64%-standard%-1%.34", found.Name)
    assert.equal(24, #ec2:describe_images({ Owners = { "092701018921" } }).Images)
    assert.equal(1, #ec2:describe_images({
      Owners = { "amazon" }, Filters = filter("name", "amazon-eks-node-al2023-arm64-standard-1.33-*"),
    }).Images)
    assert.equal(0, #ec2:describe_images({ Owners = { "self" } }).Images)
    assert.equal("InvalidAMIID.NotFound",
      refused("describe_images", { ImageIds = { "ami-0123456789abcdef0" } }))
  end)

  it("are started by fleets, around what is short", function()
    local template = ec2:create_launch_template({
      LaunchTemplateName = "t", LaunchTemplateData = { ImageId = image },
    }).LaunchTemplate.LaunchTemplateId
    world.world.state.shortages = { "m7i.large" }
    local fleet = {
      Type = "instant", TargetCapacitySpecification = { TotalTargetCapacity = 1,
        DefaultTargetCapacityType = "spot" },
      LaunchTemplateConfigs = { {
        LaunchTemplateSpecification = { LaunchTemplateId = template, Version = "$Latest" },
        Overrides = {
          { InstanceType = "m7i.large", SubnetId = subnets[1] },
            { InstanceType = "c7i.large", SubnetId = subnets[1] },
        },
      } },
      TagSpecifications = { { ResourceType = "instance", Tags = { { Key = "a", Value = "b" } } } },
    }
    local made = ec2:create_fleet(fleet)
    assert.equal("InsufficientInstanceCapacity", made.Errors[1].ErrorCode)
    assert.equal("c7i.large", made.Instances[1].InstanceType)
    local instance = ec2:describe_instances({ Filters = filter("tag:a", "b") }).Reservations[1].Instances[1]
    assert.equal("spot", instance.InstanceLifecycle)
    fleet.Type = "maintain"
    assert.equal("InvalidParameterValue", refused("create_fleet", fleet))
  end)

  it("change their profile, stand in groups, and leave snapshots", function()
    aws.iam:create_instance_profile { InstanceProfileName = "one" }
    aws.iam:create_instance_profile { InstanceProfileName = "two" }
    task.sleep(60)
    assert.equal("InvalidPlacementGroup.Unknown", refused("run_instances",
      params { Placement = { GroupName = "near" } }))
    local group = ec2:create_placement_group({ GroupName = "near", Strategy = "spread" }).PlacementGroup
    assert.equal("rack", group.SpreadLevel)
    assert.equal("InvalidPlacementGroup.Duplicate", refused("create_placement_group", { GroupName = "near" }))
    local id = run({ Placement = { GroupName = "near" }, IamInstanceProfile = { Name = "one" } }).InstanceId
    assert.equal("InvalidPlacementGroup.InUse", refused("delete_placement_group", { GroupName = "near" }))
    assert.equal(1, #ec2:describe_placement_groups({ GroupNames = { "near" } }).PlacementGroups)
    local association = ec2:describe_iam_instance_profile_associations({
      Filters = filter("instance-id", id),
    }).IamInstanceProfileAssociations[1]
    assert.equal("IncorrectState", refused("associate_iam_instance_profile",
      { InstanceId = id, IamInstanceProfile = { Name = "two" } }))
    local new = ec2:replace_iam_instance_profile_association({ AssociationId = association.AssociationId,
      IamInstanceProfile = { Name = "two" } }).IamInstanceProfileAssociation
    assert.matches("two$", new.IamInstanceProfile.Arn)
    ec2:disassociate_iam_instance_profile { AssociationId = new.AssociationId }
    assert.equal("InvalidAssociationID.NotFound", refused("disassociate_iam_instance_profile",
      { AssociationId = new.AssociationId }))
    ec2:associate_iam_instance_profile { InstanceId = id, IamInstanceProfile = { Name = "one" } }
    local volume = ec2:describe_volumes({}).Volumes[1].VolumeId
    local snapshot = ec2:create_snapshot({ VolumeId = volume }).SnapshotId
    ec2:wait("snapshot_completed", { SnapshotIds = { snapshot } })
    assert.equal(1, #ec2:describe_snapshots({ OwnerIds = { "self" } }).Snapshots)
    assert.equal(0, #ec2:describe_snapshots({ OwnerIds = { "amazon" } }).Snapshots)
    ec2:delete_snapshot { SnapshotId = snapshot }
    assert.equal("InvalidSnapshot.NotFound", refused("delete_snapshot", { SnapshotId = snapshot }))
    assert.equal(0, #ec2:describe_capacity_reservations({}).CapacityReservations)
    ec2:terminate_instances { InstanceIds = { id } }
    task.sleep(120)
    ec2:delete_placement_group { GroupName = "near" }
  end)

  it("are made of templates whose versions go", function()
    local id = ec2:create_launch_template({ LaunchTemplateName = "t",
      LaunchTemplateData = { ImageId = image } }).LaunchTemplate.LaunchTemplateId
    ec2:create_launch_template_version { LaunchTemplateId = id, LaunchTemplateData = { ImageId = image } }
    local gone = ec2:delete_launch_template_versions({ LaunchTemplateId = id, Versions = { "1", "2", "2" } })
    assert.equal(1, #gone.SuccessfullyDeletedLaunchTemplateVersions)
    assert.equal(2, gone.SuccessfullyDeletedLaunchTemplateVersions[1].VersionNumber)
    assert.equal(1, gone.UnsuccessfullyDeletedLaunchTemplateVersions[1].VersionNumber)
    assert.equal(2, gone.UnsuccessfullyDeletedLaunchTemplateVersions[2].VersionNumber)
    local codes = {}
    for i, item in ipairs(gone.UnsuccessfullyDeletedLaunchTemplateVersions) do
      codes[i] = item.ResponseError.Code
    end
    assert.same({ "unexpectedError", "launchTemplateVersionDoesNotExist" }, codes) -- 1 is the default
    assert.equal(1, #ec2:describe_launch_template_versions({ LaunchTemplateId = id,
      Filters = filter("is-default-version", "true") }).LaunchTemplateVersions)
  end)
end)
