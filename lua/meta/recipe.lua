---@meta
-- What editors should know of recipes; the functions themselves are annotated in lua/stdlib/eksrun/.

--- A value that AWS says when the recipe is applied: index it, concatenate it, pass it on, or map it.
---@class eksrun.Ref
---@operator concat(string|number|eksrun.Ref): eksrun.Ref
---@field [any] eksrun.Ref
---@field map fun(self: eksrun.Ref, f: fun(value: any): any): eksrun.Ref

--- What declaring a resource returns: its fields are values or refs; it stands for its id in inputs.
---@class eksrun.Handle
---@field address string
---@field [string] any

--- What every resource takes beside its inputs.
---@class eksrun.Declaration
---@field [1]? string name, the last part of the address; default: the type's own
---@field tags? table<string, string>
---@field depends_on? (eksrun.Handle|string)[] what comes first: resources, or addresses declared anywhere
---@field protect? boolean refuse to replace or delete it
