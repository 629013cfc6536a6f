--- How CloudFormation makes what is neither EC2's, EKS's nor IAM's.
--- @type table<string, eksrun.sandbox.cloudformation.Type>
local M = {}

M["AWS::AutoScaling::AutoScalingGroup"] = {
  service = "autoscaling", create = "CreateAutoScalingGroup", name = "AutoScalingGroupName",
  id = function(_, properties) return properties.AutoScalingGroupName end, kind = "autoscaling.group",
  params = function(properties, convert)
    local own = {}
    for name, value in pairs(properties) do own[name] = value end
    if type(own.VPCZoneIdentifier) == "table" then
      own.VPCZoneIdentifier = table.concat(own.VPCZoneIdentifier, ",")
    end
    own.MetricsCollection, own.NotificationConfigurations = nil, nil
    return convert(own)
  end,
  tags = "autoscaling",
  remove = function(run, id)
    run("autoscaling", "DeleteAutoScalingGroup", { AutoScalingGroupName = id, ForceDelete = true })
  end,
  mutable = { MinSize = true, MaxSize = true, DesiredCapacity = true, LaunchTemplate = true },
  update = function(run, id, properties, convert)
    local all = convert(properties)
    run("autoscaling", "UpdateAutoScalingGroup", {
      AutoScalingGroupName = id, MinSize = all.MinSize, MaxSize = all.MaxSize,
      DesiredCapacity = all.DesiredCapacity, LaunchTemplate = all.LaunchTemplate,
    })
  end,
}

M["AWS::KMS::Key"] = {
  service = "kms", create = "CreateKey", id = "KeyMetadata.KeyId", kind = "kms.key",
  drop = { "EnableKeyRotation", "PendingWindowInDays", "Enabled" }, rename = { KeyPolicy = "Policy" },
  tags = "kms",
  after = function(run, id, properties)
    if tostring(properties.EnableKeyRotation) == "true" then
      run("kms", "EnableKeyRotation", { KeyId = id })
    end
  end,
  remove = function(run, id, properties)
    run("kms", "ScheduleKeyDeletion", { KeyId = id, PendingWindowInDays = properties.PendingWindowInDays })
  end,
  gone = { KeyState = "PendingDeletion" }, attributes = { Arn = "Arn", KeyId = "KeyId" },
}

M["AWS::KMS::Alias"] = {
  service = "kms", create = "CreateAlias", kind = "kms.alias",
  id = function(_, properties) return properties.AliasName end, delete = { "DeleteAlias", "AliasName" },
}

M["AWS::Logs::LogGroup"] = {
  service = "logs", create = "CreateLogGroup", name = "LogGroupName", kind = "logs.log_group",
  id = function(_, properties) return properties.LogGroupName end, drop = { "RetentionInDays" },
  after = function(run, id, properties)
    if properties.RetentionInDays then
      run("logs", "PutRetentionPolicy",
        { logGroupName = id, retentionInDays = math.tointeger(tonumber(properties.RetentionInDays)) })
    end
  end,
  mutable = { RetentionInDays = true },
  update = function(run, id, properties)
    run("logs", "PutRetentionPolicy",
      { logGroupName = id, retentionInDays = math.tointeger(tonumber(properties.RetentionInDays)) })
  end,
  delete = { "DeleteLogGroup", "logGroupName" }, attributes = { Arn = "arn" },
}

M["AWS::SSM::Parameter"] = {
  service = "ssm", create = "PutParameter", name = "Name", kind = "ssm.parameter",
  id = function(_, properties) return properties.Name end, delete = { "DeleteParameter", "Name" },
  tags = "map list", mutable = { Value = true, Description = true },
  update = function(run, id, properties)
    run("ssm", "PutParameter", { Name = id, Value = properties.Value, Type = properties.Type,
      Description = properties.Description, Overwrite = true })
  end,
  attributes = { Type = "Type", Value = "Value" },
}

M["AWS::CloudFormation::WaitConditionHandle"] = {
  service = "cloudformation",
  make = function(_, _, hash) return "https://cloudformation-waitcondition.s3.amazonaws.com/" .. hash end,
  remove = function() end,
}

return M
