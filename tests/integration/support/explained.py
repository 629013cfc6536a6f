"""What moto and the sandbox answer differently, and why: (service, operation, what differs, why), the first three
as regular expressions. What differs is "A -> B" of outcomes, moto's and the sandbox's; "status"; or a place in the
answer, followed by "lacks" where the sandbox lacks it and "more" where moto does."""

# What each makes up. Later calls say it in the words of the one that they go to.
MADE = (r"\b(PublicIp|PublicIpAddress|PrivateIp|PrivateIpAddress|PublicDnsName|PrivateDnsName|MacAddress|Ipv6CidrBlock|"
        r"DestinationIpv6CidrBlock|Ipv6Address|KeyFingerprint|KeyMaterial|AvailabilityZoneId|DhcpOptionsId|UploadId|"
        r"ReceiptHandle|QueueUrl|SecretAccessKey|SessionToken|PublicKey|CiphertextBlob|"
        r"autoScalingGroups\[\]\.name|(InstanceProfile|Group|User|Policy|Role)Id)(\.\$bytes)?$")
# What AWS publishes, of which each has another selection; the tests of the sandbox's data look at them.
CATALOGUES = {"DescribeImages", "DescribeInstanceTypes", "DescribeInstanceTypeOfferings", "DescribeVpcEndpointServices",
              "DescribeRegions", "DescribePrefixLists"}

ANY, BOTH = r".*", r"(?!ok\b)\S+ -> (?!ok\b)"
LESS = "moto looks at less"
LEFT = "moto leaves it out"
SOON = "moto takes no time"
OWN = "moto's own"
FIRST = "several things are wrong, and each tells another first"

EXPLAINED = [
    # -- every service
    (ANY, ANY, r"\S+ -> MalformedPolicyDocument(Exception)?", LESS + ": it takes any text for a policy"),

    # -- iam
    ("iam", ANY, BOTH + r"(NoSuchEntity|EntityAlreadyExists|ValidationError|InvalidInput)", FIRST),
    ("iam", ANY, r"ok -> ValidationError", LESS + ": an ARN that is none, enums, letters of tags"),
    ("iam", "UpdateGroup|ListEntitiesForPolicy", r"ok -> NoSuchEntity", LESS + ": a thing that is not there"),
    ("iam", "DeleteServiceLinkedRole", r"DeleteConflict -> ok", "IAM takes its policies away with it"),
    ("iam", "CreatePolicy", r"Policy.PermissionsBoundaryUsageCount more", LEFT),
    ("iam", "GetAccountSummary", r"SummaryMap.Roles", "the sandbox counts service-linked roles, too"),
    ("iam", "ListRoles", r"Roles\[\] more", "moto has made no service-linked roles of EKS"),
    ("iam", "ListPolicyVersions", r"Versions\[\]\.Document lacks", "AWS leaves it out, as it documents"),
    ("iam", "GetServiceLinkedRoleDeletionStatus", r"ok -> NoSuchEntity", "to moto every deletion succeeded"),

    # -- ec2
    ("ec2", ANY, r"\S+ -> \S+\.Malformed", "moto takes any text for an id"),
    ("ec2", ANY, r"\S+ -> (MissingParameter|InvalidParameterCombination)", LESS),
    ("ec2", ANY, BOTH + r"(InvalidParameterValue|\S+\.NotFound|\S+\.Duplicate|\S+\.AlreadyExistsException|"
                        r"DependencyViolation)", FIRST),
    ("ec2", "AllocateAddress", r"ok -> InvalidPublicIpv4PoolID.NotFound", LESS + ": a pool that is not there"),
    ("ec2", "CreateInternetGateway", r"ok -> InternetGatewayLimitExceeded", "moto has no quotas"),
    ("ec2", "DeleteRouteTable", r"ok -> DependencyViolation", LESS + ": tables that subnets use"),
    ("ec2", "DeleteNetworkInterface|UnassignPrivateIpAddresses", r"ok -> InvalidParameterValue",
     LESS + ": what is in use, or is not there"),
    ("ec2", "DeleteFlowLogs", r"InvalidFlowLogId.NotFound -> ok", "AWS says of each whether it failed"),
    ("ec2", "DescribeDhcpOptions", r"InvalidDhcpOptionID.NotFound -> ok",
     "moto has no set of options for its networks"),
    ("ec2", "DescribeVpcs", r"InvalidVpcID.NotFound -> ok", "moto counts an id twice that is asked for twice"),
    ("ec2", "ImportKeyPair", r"InvalidKeyPair.Format -> InvalidKey.Format", "AWS documents both"),
    ("ec2", ".*Flow.*", BOTH + "InvalidParameter", FIRST),
    ("ec2", "Describe.*", r"ok -> InvalidParameterValue", "moto takes any name for a filter, a zone or a region"),
    ("ec2", "CreateSecurityGroup", r"ok -> InvalidParameterValue", LESS + ": characters of a description"),
    ("ec2", "(Create|Allocate).*", r"ok -> InvalidParameterValue", LESS + ": enums, and what can have tags"),
    ("ec2", "AssociateSubnetCidrBlock", r"ok -> InvalidSubnet.Range", LESS + ": text that is no range"),
    ("ec2", "AssignIpv6Addresses", r"ok -> InvalidParameterValue", LESS + ": a subnet without IPv6"),
    ("ec2", "AttachVolume", r"ok -> IncorrectState", LESS + ": a volume that is in use"),
    ("ec2", "CreateLaunchTemplateVersion", r"ok -> \S+VersionNotFound", "moto looks at no SourceVersion"),
    ("ec2", "CreateVpcEndpoint", r"ok -> InvalidServiceName", "moto takes any name of a service"),
    ("ec2", ANY, r".*\b(BlockPublicAccessStates|EnableDns64|MapCustomerOwnedIpOnLaunch|NetworkBorderGroup|"
                 r"PublicIpv4Pool|ClientToken|IpSource|Ipv6AddressAttribute|StorageTier|"
                 r"CapacityReservationSpecification|CpuOptions|CurrentInstanceBootMode|EnaSupport|EnclaveOptions|"
                 r"HibernationOptions|MaintenanceOptions|"
                 r"Operator|AvailabilityZoneId|PlatformDetails|PrivateDnsNameOptions|PrivateDnsName|UsageOperation|"
                 r"SecurityGroups|RequesterId|CreateTime|CreatedBy|LatestVersionNumber|Entries|AttachedEbsStatus|"
                 r"GroupOwnerId|SecurityGroupRuleArn|OriginalIops|OriginalSize|TargetIops|TargetSize|TargetThroughput|"
                 r"OriginalThroughput|KeyPairId|GroupLongName|GroupName|OptInStatus|HttpProtocolIpv6|HttpTokens|"
                 r"PrivateIpAddresses\[\]\.Association) more", LEFT),
    ("ec2", ".*Subnets?", r".*\.AvailabilityZone", "moto looks at no AvailabilityZoneId"),
    ("ec2", "DescribeSubnets", r"Subnets\[\]\.AvailableIpAddressCount", "of more instances"),
    ("ec2", "DescribeTags", r"Tags\[\](\.ResourceId| more)", "of instances of node groups"),
    ("ec2", "DescribeNetworkInterfaces", r"NetworkInterfaces\[\] more",
     "moto has none of clusters and instances of node groups"),
    ("ec2", ".*NetworkInterfaces?", r".*\.(RequesterId lacks|Description lacks|DeleteOnTermination|IpOwnerId)", OWN),
    ("ec2", "DescribeManagedPrefixLists", r"PrefixLists\[\]( lacks|\.PrefixListArn)",
     "AWS's own, of which each has others"),
    ("ec2", "DescribeInstanceCreditSpecifications", r".*CpuCredits", "a t3 is unlimited where nobody says"),
    ("ec2", "ModifyInstanceMetadataOptions", r".*HttpPutResponseHopLimit", "of another image"),
    ("ec2", "ModifyVolume", r".*OriginalVolumeType", "of another image"),
    ("ec2", "StartInstances", r".*CurrentState.*", "moto starts those that run, too"),
    ("ec2", "(Create|Run|Modify).*", r".*(State|Progress|ModificationState|EndTime lacks)", SOON),
    ("ec2", "DescribeInternetGateways", r"InternetGateways(\[\])? more", "moto's default network has none"),
    ("ec2", "DescribeRouteTables", r"RouteTables\[\]\.Routes\[\] more", "moto's default network has no gateway"),
    ("ec2", "DescribeSecurityGroups", r"SecurityGroups\[\]\.IpPermissions more",
     "moto's default group lets nobody in, AWS's its own members"),
    ("ec2", "DescribeInstances|RunInstances", r".*Instances\[\] more", "moto starts MinCount, AWS up to MaxCount"),
    ("ec2", "DescribeInstances", r"Reservations\[\] more", "moto has no instances of node groups"),
    ("ec2", "RunInstances|DescribeInstances", r".*\.(DeviceName|Platform lacks|SriovNetSupport lacks|HttpTokens|"
     r"HttpPutResponseHopLimit)", "of another image"),
    ("ec2", "RunInstances|DescribeInstances", r".*NetworkInterfaces\[\]\.(Description lacks|"
     r"Attachment\.DeleteOnTermination|.*IpOwnerId)", OWN),

    # -- eks
    ("eks", "CreateCluster", r"ok -> InvalidParameterException", LESS + ": a name with a dot"),
    ("eks", "CreateCluster", r"ok -> UnsupportedAvailabilityZoneException", LESS + ": zones without EKS"),
    ("eks", r"(Create|Update)\w+", r"ok -> (InvalidParameterException|AccessDeniedException)",
     LESS + ": roles, subnets, sizes, one kind of change"),
    ("eks", ANY, BOTH + r"(InvalidParameterException|AccessDeniedException)", FIRST),
    ("eks", "(List|Tag|Untag).*", r"ResourceNotFoundException -> NotFoundException",
     "the model of these has no other; moto's says so itself"),
    ("eks", ANY, r".*\.(accessConfig|deletionProtection|elasticLoadBalancing|ipFamily|endpointPrivateAccess|"
                 r"endpointPublicAccess|publicAccessCidrs|vpcId|clusterSecurityGroupId|upgradePolicy|updateConfig|"
                 r"health|desiredSize|maxSize) more", LEFT),
    ("eks", ANY, r".*\.clientRequestToken lacks", OWN),
    ("eks", "UpdateNodegroupConfig", r"update\.params.*", "moto writes them as Python does"),
    ("eks", "List.*", r"\w+ more", SOON),
    ("eks", "CreateCluster", r"cluster\.(certificateAuthority|endpoint|identity) lacks", SOON),
    ("eks", ANY, r".*\.(status)", SOON),
    ("eks", ANY, r".*\.(certificateAuthority\.data|endpoint|issuer)", "made; moto's are of no use"),
    ("eks", ANY, r".*\.(version|platformVersion|releaseVersion|amiType|minSize)", "moto's defaults are of 2021"),
    ("eks", ANY, r".*\.serviceIpv4Cidr", "AWS takes either range, the one that is free"),
    ("eks", ANY, r".*\.(remoteAccess|remoteAccessSecurityGroup) lacks", "moto makes up a key pair and a group"),

    # -- autoscaling
    ("autoscaling", "CreateLaunchConfiguration", r"\S+ -> UnsupportedOperation", "new accounts of AWS have none"),
    ("autoscaling", "DeleteAutoScalingGroup", r"ok -> ResourceInUse", "moto does not look for instances"),
    ("autoscaling", ANY, r"ok -> ValidationError", LESS + ": a group, hook, policy or instance that is not there"),
    ("autoscaling", ANY, BOTH + "(ValidationError|AlreadyExists)", FIRST),
    ("autoscaling", "Describe(AutoScalingGroups|Tags)", r"\w+(\[\])? more", "moto has no groups of node groups"),
    ("autoscaling", "DescribeAutoScalingGroups", r".*HealthCheckGracePeriod", "AWS waits 0 seconds when nobody says"),
    ("autoscaling", ANY, r".*(PolicyARN|AutoScalingGroupARN|Details|AvailabilityZoneDistribution|Context|"
                         r"EnabledMetrics|Enabled|MinAdjustmentStep|TargetTrackingConfiguration|Cooldown) more", LEFT),
    ("autoscaling", "DescribePolicies", r".*(PolicyARN|Cooldown lacks)", OWN),
    ("autoscaling", "DescribeScalingActivities", r"Activities more", LEFT),
    ("autoscaling", ANY, r"(Activity|Activities\[\])\.(Cause|EndTime lacks|Progress)", SOON),
    ("autoscaling", "EnterStandby", r"Activities\[\]\.Description", "AWS writes Standby"),
    ("autoscaling", "Describe.*", r".*(DefaultCooldown|LaunchTemplate\.Version|LaunchTemplate lacks|"
                                  r"SuspensionReason more|Instances\[\].*|Instances lacks)",
     "moto takes no cooldown, starts other instances, and says of all the same version"),
    ("autoscaling", "DescribeAutoScalingInstances", r".*HealthStatus", "AWS writes it in capitals there"),

    # -- sts
    ("sts", "AssumeRole", r"ok -> AccessDenied", "moto assumes any role for anybody"),
    ("sts", "AssumeRoleWithWebIdentity", r"ok -> InvalidIdentityToken", "moto takes any text for a token"),
    ("sts", "AssumeRole", r"PackedPolicySize lacks", "moto says 6 where nothing is packed"),
    ("sts", "AssumeRole", r"SourceIdentity more", LEFT),
    ("sts", ANY, r"(Arn|UserId|Credentials\.AccessKeyId)", "each has its own user"),

    # -- kms
    ("kms", ANY, BOTH + r"(InvalidCiphertextException|InvalidKeyUsageException|NotFoundException)", FIRST),
    ("kms", "CreateKey", r"ok -> ValidationException", LESS + ": an asymmetric key without KeyUsage"),
    ("kms", "CancelKeyDeletion", r"ok -> KMSInvalidStateException", LESS + ": a key that nobody deletes"),
    ("kms", "(Delete|Update)Alias", r"ok -> NotAuthorizedException", "moto lets AWS's own aliases be changed"),
    ("kms", r"Encrypt|GenerateDataKey\w*", r"\S+ -> (DisabledException|InvalidKeyUsageException)",
     LESS + ": a disabled key, or one for signatures"),
    ("kms", "GetKeyPolicy", r"NotFoundException -> ok", "moto wants a PolicyName, which AWS does not"),
    ("kms", "CreateKey|DescribeKey", r".*\w+Algorithms( lacks| more)", "moto goes by KeySpec alone"),
    ("kms", "Encrypt", r"EncryptionAlgorithm more", LEFT),
    ("kms", "ScheduleKeyDeletion", r"KeyId", "AWS answers with the ARN, as it documents"),
    ("kms", "RetireGrant", r"ok -> NotFoundException", "to moto no grant is no error"),
    ("kms", ANY, r".*\.(KeyUsage|MultiRegion) more", "moto leaves out what nobody gave"),
    ("kms", "GetKeyRotationStatus", r"KeyId more", LEFT),
    ("kms", "ListAliases", r"Aliases(\[\])? lacks", "moto has AWS's own before anybody used them"),
    ("kms", "ScheduleKeyDeletion", r"(KeyState|PendingWindowInDays) more", LEFT),
    ("kms", "GenerateRandom", r"Plaintext.*", "chance"),
    ("kms", "GenerateDataKey", r"Plaintext.*", "chance"),

    # -- ssm
    ("ssm", "(Add|Remove|List)Tags.*", r"InvalidResourceType -> InvalidResourceId", "moto has tags of parameters only"),
    ("ssm", ANY, BOTH + r"ValidationException", FIRST),
    ("ssm", "DescribeParameters", r"ok -> ValidationException", LESS + ": keys of the older filters"),
    ("ssm", "PutParameter", r"ok -> ValidationException",
     LESS + ": a parameter without a Type, or of none that there is"),
    ("ssm", "GetParameterHistory|DeleteParameter", r"ok -> ParameterNotFound", "to moto that is no error"),
    ("ssm", ANY, r".*\.ARN( more)?", "moto leaves it out; of a name that each made up"),
    ("ssm", "Get.*", r".*\.Value", "sealed, and each has its own way"),
    ("ssm", ANY, r".*\.LastModifiedUser( lacks)?", OWN),

    # -- s3
    ("s3", "(Put|Copy)Object", r"MissingUploadObjectWithObjectLockHeaders -> InvalidRequest", FIRST),
    ("s3", "GetBucketEncryption|GetBucketOwnershipControls|GetPublicAccessBlock", r"\S+ -> ok",
     "AWS sets these of new buckets since 2023"),
    ("s3", ANY, r"NoSuchVersion -> InvalidArgument", "no version can have such an id, which moto does not say"),
    ("s3", "HeadObject", r"400 -> (404|ok)", "AWS has the version null"),
    ("s3", "ListObjectVersions", r"Versions more", "moto takes KeyMarker for the end of a list"),
    ("s3", ANY, r".*(ChecksumType|ChecksumAlgorithm|ServerSideEncryption|BucketArn|EncodingType) more", LEFT),
    ("s3", "DeleteObject", r"ok -> InvalidArgument", "moto takes any text for the id of a version"),
    ("s3", "ListObjectVersions", r"(ok|NoSuchVersion) -> InvalidArgument",
     "moto takes any text for the id of a version"),
    ("s3", "ListMultipartUploads", r"MaxUploads", "moto says 1000 whatever one asks for"),
    ("s3", "ListObject.*", r"\w+\[\]\.Key", "AWS writes a space as +, as forms do"),
    ("s3", "ListObjectsV2", r"Contents\[\]\.Owner lacks", "AWS tells only whom FetchOwner asks for"),
    ("s3", ANY, r".*DisplayName lacks", "AWS gives no names any more"),

    # -- sqs
    ("sqs", r"SendMessage\w*", BOTH + r"\S+", FIRST),
    ("sqs", "SendMessageBatch", r"InvalidParameterValue -> ok", "AWS says of each entry whether it failed"),
    ("sqs", "ChangeMessageVisibilityBatch", r"Failed\[\]\.(Code|Message)", FIRST),
    ("sqs", "ChangeMessageVisibility", r"ok -> \S+\.MessageNotInflight", LESS),
    ("sqs", "ChangeMessageVisibility", r"ReceiptHandleIsInvalid -> \S+\.MessageNotInflight",
     "moto forgets a handle when the message is visible again"),
    ("sqs", "ChangeMessageVisibilityBatch", r"Failed\[\] lacks|Successful more",
     "moto wants a timeout, AWS's model does not"),
    ("sqs", "PurgeQueue", r"ok -> \S+\.PurgeQueueInProgress", LESS),
    ("sqs", "SetQueueAttributes", r"ok -> InvalidAttributeName", LESS + ": attributes that cannot be set"),
    ("sqs", "ReceiveMessage", BOTH + "InvalidParameterValue", FIRST),
    ("sqs", "ReceiveMessage", r".*\.Attributes lacks", "moto numbers the messages of a standard queue"),
    ("sqs", "ReceiveMessage", r"Messages(\[\])?( lacks| more)",
     "each has its own clock, by which messages are visible"),
    ("sqs", "ReceiveMessage", r".*\.MessageId", "standard queues have no order"),
    ("sqs", "SendMessageBatch", r"Failed more|Successful lacks", LESS + ": empty values of attributes"),
    ("sqs", "ListQueueTags", r"Tags.* lacks", "moto changes the tags of a queue that is made again"),
    ("sqs", ANY, r".*\.(\w+Timestamp|SenderId)", "each has its own clock and user"),

    # -- dynamodb
    ("dynamodb", "(Tag|Untag)Resource", r"ok -> ResourceNotFoundException", "to moto no table is no error"),
    ("dynamodb", "(Describe|Update)TimeToLive", r"ResourceNotFound -> ResourceNotFoundException", "moto misspells it"),
    ("dynamodb", ANY, BOTH + r"(ValidationException|ResourceNotFoundException)", FIRST),
    ("dynamodb", ANY, r".*\.TableStatus", SOON),
    ("dynamodb", ANY, r".*\.(TableId|NumberOfDecreasesToday) more", LEFT),
    ("dynamodb", ANY, r".*\.ItemCount", "AWS counts every six hours"),
    ("dynamodb", ANY, r".*\.(Stream\w+|LatestStream\w+) lacks", "the sandbox has no streams"),
    ("dynamodb", "UpdateTable", r"ok -> ValidationException", LESS + ": capacity of a table on demand"),
    ("dynamodb", "UpdateTable", r".*\.AttributeDefinitions.*", "of indexes, which the sandbox does not have"),
]
