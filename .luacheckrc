std = "lua54"
max_line_length = 110
exclude_files = { "build*/**", "tools/lua-gate/**", ".deps/**", ".venv/**" }
files["tests/spec"] = { std = "+busted" }
files["tests/integration"] = { std = "+busted" }
files["lua/meta"] = { ignore = { "212", "241", "631", "122", "143" } }
