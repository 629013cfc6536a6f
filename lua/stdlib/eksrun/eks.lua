--- The resource types of EKS: `local eks = require "eksrun.eks"`, then `eks.cluster { ... }`.
return require("eksrun.resource").namespace "eks"
