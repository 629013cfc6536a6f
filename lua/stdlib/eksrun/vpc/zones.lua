--- Zones in which EKS places no control plane, by id: their names differ from account to account.
return { ["use1-az3"] = true, ["usw1-az2"] = true, ["cac1-az3"] = true }
