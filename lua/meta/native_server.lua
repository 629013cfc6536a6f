---@meta eksrun.native.server

--- An HTTP server on the loop: requests of others, each to be answered by whoever takes it.
local server = {}

---@class eksrun.native.server.Options
---@field address? string of IPv4, numbers; default 127.0.0.1
---@field port? integer default 0: one that is free
---@field certificate? string PEM, those of authorities behind; with it the server speaks TLS
---@field key? string PEM
---@field max_body? integer bytes of a request's body; default 16 MiB; more is answered with 413
---@field max_connections? integer at a time, more wait; default 16384
---@field idle_timeout? integer seconds of silence until a connection is closed; default 60

--- Serves from now on. Raises { code = "io" }: the address is taken, or not one of this machine's.
---@param options eksrun.native.server.Options
---@return eksrun.native.server.Server
function server.listen(options) end

---@class eksrun.native.server.Server: closable
local Server = {}

--- Where it listens, also if any free port was asked for.
---@return integer
function Server:port() end

--- Waits for a request that has come whole. One task at a time may wait.
---@return eksrun.native.server.Exchange? exchange nil: no more come, and none is under way
function Server:next() end

--- Accepts no more connections, and closes those that there are behind their next answer.
function Server:quiesce() end

--- Closes all connections; who waits in next() gets nil. Also by <close> and collection.
function Server:close() end

--- A request under way. By <close> and collection it is dropped unless it was answered.
---@class eksrun.native.server.Exchange: closable
local Exchange = {}

--- What was sent. May be called once.
---@return eksrun.native.aws.Received
function Exchange:request() end

--- Sends the answer. Raises when there was one already, or the server is closed.
---@param answer { status?: integer, headers?: table<string, string>, body?: string } default status 200; the
--- length and the date are added
function Exchange:answer(answer) end

--- Begins an answer whose body comes in pieces. Raises as answer() does.
---@param answer { status?: integer, headers?: table<string, string> }
function Exchange:begin(answer) end

--- Sends a piece. Raises { code = "limit" } when the client does not read.
---@param bytes string
---@return boolean there whether the client may still be there
function Exchange:write(bytes) end

--- The body ends here.
function Exchange:finish() end

--- Closes the connection instead. Raises as answer() does.
function Exchange:drop() end

return server
