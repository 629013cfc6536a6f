--- The resource types of CloudWatch Logs: `local logs = require "eksrun.logs"`, then `logs.log_group { ... }`.
return require("eksrun.resource").namespace "logs"
