-- The command line: from the arguments to the exit status.

--- @param ... string the arguments behind the program's name
--- @return integer exit status
return function(...)
  print("eksrun", ...)
  return 0
end
