--- eksrun completion SHELL: the script that completes eksrun's words in a shell.
local stdout = require "eksrun.stdout"
local util = require "eksrun.util"

local M = {
  summary = "print the script that completes eksrun's words in a shell",
  examples = {
    "source <(eksrun completion bash)",
    "eksrun completion fish > ~/.config/fish/completions/eksrun.fish",
  },
  description = "SHELL is bash, zsh or fish. Commands, flags and their values, the parameters of\n"
    .. "a recipe, services and operations of call are completed, files by the shell.",
  arguments = {
    { "shell", "bash, zsh or fish" },
    -- `eksrun completion words -- WORD...`: what the scripts ask.
    { "words", "of the line at hand, for the scripts", optional = true, rest = true },
  },
}

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  if parsed.shell == "words" then
    for _, word in ipairs(require("eksrun.cli.completion.words").complete(parsed.words)) do
      stdout.write(word[1], "\t", word[2] or "", "\n")
    end
    return 0
  end
  local shells = require "eksrun.cli.completion.shells"
  local script = shells[parsed.shell]
  if not script then
    util.fail("usage", "there is no script for '%s': bash, zsh and fish have one", parsed.shell)
  end
  stdout.write(script)
  return 0
end

return M
