--- The resource types of Auto Scaling: `local autoscaling = require "eksrun.autoscaling"`, then
--- `autoscaling.group { ... }`.
return require("eksrun.resource").namespace "autoscaling"
