--- The resource types of KMS: `local kms = require "eksrun.kms"`, then `kms.key { ... }`.
return require("eksrun.resource").namespace "kms"
