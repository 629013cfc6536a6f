--- The resource types of EC2: `local ec2 = require "eksrun.ec2"`, then `ec2.vpc { ... }`.
return require("eksrun.resource").namespace "ec2"
