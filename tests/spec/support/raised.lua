--- What a call raises, which it must.
--- @param f function
--- @param ... any its arguments
--- @return any error
return function(f, ...)
  local ok, err = pcall(f, ...)
  assert(not ok, "nothing was raised")
  return err
end
