--- The resource types of Systems Manager: `local ssm = require "eksrun.ssm"`, then `ssm.parameter { ... }`.
return require("eksrun.resource").namespace "ssm"
