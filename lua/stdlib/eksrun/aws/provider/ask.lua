--- Calls whose answers hold secrets.
local error = error
local errors = require "eksrun.aws.errors"
local is_error = require("eksrun.error").is

--- Makes a call: what cannot be read of it is not shown, and what the
--- model refuses of the parameters is the profile's mistake, not the program's.
--- @param client eksrun.aws.Client
--- @param name string of the operation
--- @param parameters table
--- @param options? table of the call
--- @return table|nil output, table|nil error object
return function(client, name, parameters, options)
  local ok, output, err = pcall(client.invoke, client, name, parameters, options)
  if not ok then
    if not is_error(output) or output.code ~= "validation" then error(output, 0) end
    output, err = nil, output
  end
  if err and err.code == "invalid_response" then
    err = errors.new {
      code = err.code,
      message = ("%s: the answer cannot be read (HTTP status %s)"):format(err.operation or name,
        err.status or "unknown"),
      retryable = err.retryable,
    }
  end
  return output, err
end
