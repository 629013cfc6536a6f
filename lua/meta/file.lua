---@meta eksrun.file

--- Files, whole. Errors have code "not_found", "io", "limit" or "timeout".
local file = {}

--- All bytes of a file. A private one has to be the user's own, no symbolic link, and writable by
--- nobody else; if it is not, that is an "io" error. Waits, as a task does, while a pipe or a
--- terminal has nothing to give.
---@param path string
---@param options? {max: integer, private: boolean} max in bytes; 64 MiB
---@return string
function file.read(path, options) end

--- The same, returning the error.
---@param path string
---@param options? {max: integer, private: boolean}
---@return string|nil
---@return eksrun.Error? err
function file.try_read(path, options) end

--- Replaces a file: whoever reads sees the old or the new, also after a crash. A symbolic link is
--- replaced, not followed. A private file goes into no folder that others own or can write.
---@param path string
---@param bytes string
---@param options? {mode: integer, private: boolean} 0600
---@return true
function file.write_atomic(path, bytes, options) end

--- The same, returning the error.
---@param path string
---@param bytes string
---@param options? {mode: integer, private: boolean}
---@return true|nil
---@return eksrun.Error? err
function file.try_write_atomic(path, bytes, options) end

---@class eksrun.file.Stat
---@field type "file"|"directory"|"other"
---@field size integer
---@field mode integer permission bits
---@field uid integer
---@field mtime number seconds since 1970

--- What a path leads to, links followed; nil if it leads nowhere, or nowhere that may be looked at.
---@param path string
---@return eksrun.file.Stat|nil
function file.stat(path) end

--- Whether a path leads to something.
---@param path string
---@return boolean
function file.exists(path) end

--- Whether this process may write to a file, or make files in a folder.
---@param path string
---@return boolean
function file.is_writable(path) end

--- The path without symbolic links, or nil if it leads nowhere.
---@param path string
---@return string|nil
function file.realpath(path) end

--- What is in a folder.
---@param path string
---@return string[]|nil names in no order; nil if it cannot be read
function file.list(path) end

--- Makes a folder and those above it.
---@param path string
---@param options? {mode: integer} 0700
function file.mkdir_p(path, options) end

--- Removes a file.
---@param path string
---@return boolean whether it was there
function file.remove(path) end

---@class eksrun.file.Log
---@field write fun(self, bytes: string) what becomes of the process does not touch it any more
---@field sync fun(self) what was written is on disk when it returns
---@field close fun(self) also by <close>

--- Opens a regular file to append to.
---@param path string
---@param options? {mode: integer} 0600
---@return eksrun.file.Log
function file.append(path, options) end

---@class eksrun.file.Lock
---@field release fun(self) also by <close>, and when the process ends

--- Waits for a lock between processes on a file, which is made if need be and stays.
---@param path string
---@param options? {timeout: number} seconds; 10
---@return eksrun.file.Lock
function file.lock(path, options) end

return file
