---@meta eksrun.native.aws
-- AWS's API models: requests from parameters, tables from answers. `eksrun.aws` is the client that
-- stands on it: it adds endpoints, credentials, retries.

---@class eksrun.native.aws
local native = {}

--- A service by the name the AWS CLI has for it.
---@param name string "eks"
---@return eksrun.native.aws.Service? service nil: there is none of that name
function native.service(name) end

--- The names of all services.
---@return string[] sorted
function native.services() end

--- The image of a service model. Raises { code = "syntax" } or { code = "invalid" }, naming the line,
--- shape or operation at fault.
---@param json string a file of models/, or botocore's service-2.json
---@param name? string of the service, where the text does not say it
---@return string image
function native.compile(json, name) end

--- The service of an image. Raises { code = "invalid" } for anything else.
---@param image string
---@return eksrun.native.aws.Service
function native.open(image) end

--- A name as AWS's SDKs for Python spell it: DescribeCluster is describe_cluster.
---@param name string
---@return string
function native.snake_case(name) end

--- The value of CBOR bytes. Raises { code = "invalid_response" }.
---@param bytes string
---@return any value what is tagged as if it were not
function native.decode_cbor(bytes) end

--- The message that an event stream begins with. Raises { code = "syntax" } or { code = "limit" }.
---@param bytes string
---@return {headers: {name: string, type: integer, value: any}[], payload: string}? message nil: it is not whole
---@return integer? length in bytes
function native.decode_event(bytes) end

---@class eksrun.native.aws.Service
local Service = {}

--- botocore's metadata: serviceId, endpointPrefix, signingName, signatureVersion, protocol, ...; and
--- service, its name.
---@return table
function Service:metadata() end

--- The names of its operations.
---@return string[] names in AWS's spelling, sorted
function Service:operations() end

--- An operation by its name, in either spelling.
---@param name string DescribeCluster or describe_cluster
---@return eksrun.native.aws.Operation? operation nil: there is none
function Service:operation(name) end

--- Names of operations like this one, in the same spelling, the nearest first, at most three.
---@param name string
---@return string[]
function Service:suggest(name) end

--- A waiter by its name, in either spelling.
---@param name string ClusterActive or cluster_active
---@return table? facts operation, delay (seconds), maxAttempts, acceptors
function Service:waiter(name) end

--- The names of its waiters.
---@return string[]
function Service:waiters() end

--- How the answers of an operation come in pages; nil: they do not.
---@param operation string
---@return table? facts input_token, output_token, result_key, limit_key, more_results
function Service:paginator(operation) end

---@class eksrun.native.aws.Received
---@field method string
---@field path string as it was sent
---@field query? string
---@field headers? table<string, string> names in lower case
---@field body? string

--- A server's view of a request: which operation it asks for, and its parameters, which are not
--- validated. A service whose model lists several protocols takes each of them.
---@param request eksrun.native.aws.Received
---@return eksrun.native.aws.Operation? operation answers in the protocol of the request
---@return table params or the error: code, message, status, protocol, for serialize_error
---@return eksrun.native.aws.Operation? operation of a request that could not be read, if known
function Service:route(request) end

--- An answer to what is no operation: an error in the protocol that err names.
---@param err eksrun.native.aws.ServiceError
---@param options? {request_id?: string}
---@return eksrun.native.aws.Answer
function Service:serialize_error(err, options) end

---@class eksrun.native.aws.Operation
local Operation = {}

--- Its name in AWS's spelling.
---@return string name DescribeCluster
function Operation:name() end

--- Whether the operation is sent without credentials.
---@return boolean
function Operation:is_unsigned() end

---@class eksrun.native.aws.OperationInfo
---@field service string
---@field name string
---@field snake_name string
---@field method string
---@field path string template
---@field token? string the parameter that is an idempotency token
---@field errors string[] codes
---@field deprecated? boolean
---@field idempotent? boolean
---@field readonly? boolean
---@field unsigned? boolean
---@field unsigned_payload? boolean
---@field checksum? boolean a checksum header is required
---@field stream_input? string the member that is the request's body: a stream of bytes
---@field stream_output? string the member that is the answer's body: a stream of bytes
---@field raw_output? string the member that is the answer's body: bytes or text, stream or not
---@field event_output? boolean the answer's body is a stream of events
---@field contextParams? table<string, string> parameter -> parameter of the endpoint rules

--- Facts on the operation; also staticContextParams, httpChecksum and such, as botocore has them.
---@return eksrun.native.aws.OperationInfo
function Operation:info() end

---@class eksrun.native.aws.Shape
---@field name? string of the member
---@field shape string
---@field type "structure"|"list"|"map"|"string"|"blob"|"boolean"|"integer"|"long"|"float"|"double"|"timestamp"|"document"
---@field required? boolean
---@field token? boolean an idempotency token
---@field sensitive? boolean
---@field deprecated? boolean
---@field union? boolean exactly one member is set
---@field json? boolean any JSON value, as text in a header
---@field streaming? boolean a body that may be a file
---@field events? boolean a stream of events
---@field recursive? boolean the shape is the one of an outer member; its parts are left out
---@field min? number of a number's value, a text's length, a list's length
---@field max? number
---@field enum? string[]
---@field members? eksrun.native.aws.Shape[] of a structure
---@field element? eksrun.native.aws.Shape of a list
---@field key? eksrun.native.aws.Shape of a map
---@field value? eksrun.native.aws.Shape of a map

--- The structure of its parameters.
---@return eksrun.native.aws.Shape? nil: it takes no parameters
function Operation:input() end

--- The structure of its answer.
---@return eksrun.native.aws.Shape? nil: it gives nothing
function Operation:output() end

---@class eksrun.native.aws.Request
---@field method string
---@field path string percent-encoded, begins with "/"
---@field query string percent-encoded, "" if there is none
---@field headers table<string, string>
---@field body string
---@field host_prefix? string goes before the endpoint's host
---@field token? string the idempotency token in the request

--- A request, but for host, date and signature. Timestamps are epoch seconds or ISO 8601 text, blobs
--- are strings of bytes.
--- Raises { code = "validation", message, problems = { { path, message }, ... } }.
---@param params? table
---@param options? { token: string? } an idempotency token instead of a random one
---@return eksrun.native.aws.Request
function Operation:build(params, options) end

--- Output of a successful call. Timestamps are epoch seconds, integers where whole; lists carry
--- json.array_mt. Raises { code = "invalid_response" } for what the service cannot have meant.
---@param status integer
---@param headers table<string, string> names in lower case
---@param body string
---@return table output
---@return string? request_id
function Operation:parse(status, headers, body) end

--- What an error answer says: code, message, request_id, type, the error's own fields; retryable and
--- throttling, where the model says that of the error. Never raises: HTML and garbage have the code
--- "invalid_response", an empty body its status as code.
---@param status integer
---@param headers table<string, string> names in lower case
---@param body string
---@return table
function Operation:parse_error(status, headers, body) end

--- A reader of the events that the body of an answer is.
---@return eksrun.native.aws.Events? reader nil: the output has no event stream
function Operation:events() end

--- Whether params are what the operation takes, as build checks them.
---@param params table
---@return true|nil
---@return eksrun.Error? err code "validation", problems
function Operation:validate(params) end

---@class eksrun.native.aws.Answer
---@field status integer
---@field headers table<string, string>
---@field body string

--- A server's answer. Raises { code = "validation" } for what does not fit the model. Of an output
--- with events, the body is what comes before the first of them.
---@param output table
---@param options? {request_id?: string}
---@return eksrun.native.aws.Answer
function Operation:serialize(output, options) end

---@class eksrun.native.aws.ServiceError
---@field code string the error's name in the model, or on the wire, or one of its own
---@field message? string
---@field status? integer of HTTP; the model's, or 400
---@field query_code? string of services that once spoke the query protocol
---@field [string] any the modeled error's own fields

--- An answer that is an error.
---@param err eksrun.native.aws.ServiceError
---@param options? {request_id?: string}
---@return eksrun.native.aws.Answer
function Operation:serialize_error(err, options) end

--- A message of the output's event stream.
---@param name string of the event, or of an exception
---@param value table
---@return string bytes
function Operation:serialize_event(name, value) end

---@class eksrun.native.aws.Events
local Events = {}

--- Takes what came of the body.
---@param bytes string
function Events:feed(bytes) end

--- The next message: kind "event" with { [name] = members }, "initial" with the other members of the
--- output, "error" with { code, message, ... }. Events that the model does not know are passed over.
--- Raises { code = "invalid_response" } for what is no event stream.
---@return table? message nil: more bytes are needed
---@return "event"|"initial"|"error"|nil kind
function Events:next() end

--- Raises { code = "invalid_response" } if the bytes end within a message.
function Events:finish() end

return native
