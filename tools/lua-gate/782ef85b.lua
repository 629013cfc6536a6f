-- 782ef85b: indexing the globals with a comparison is compiled wrong, repaired in 5.4.8.
-- _ENV[1 < 2] looks up another key.
_ENV[true], _ENV[false] = "yes", "no"
assert(_ENV[1 < 2] == "yes")
assert(_ENV[2 < 1] == "no")
