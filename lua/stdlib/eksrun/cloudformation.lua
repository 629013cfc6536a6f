--- The resource types of CloudFormation: `local cloudformation = require "eksrun.cloudformation"`, then
--- `cloudformation.stack { ... }`.
return require("eksrun.resource").namespace "cloudformation"
