--- All pages of an answer as one.
local paginator = require "eksrun.aws.paginator"

local M = {}

--- Lists joined, numbers and texts of the result added, as the model's result keys say; and what
--- the model says is the same on every page.
--- @param client eksrun.aws.Client
--- @param operation string
--- @param params table
--- @param _ table the model's paginator
--- @param limit? integer most elements of the (first) list
--- @return table answer
--- @return boolean cut whether there would have been more
function M.fetch(client, operation, params, _, limit)
  return paginator.merged(client, operation, params, { max_items = limit })
end

return M
