# busted and what it stands on, as the distribution has them, for `eksrun test`: copied below
# <build>/vendor/eksrun/vendor, from where they go into the binary beside the library. They are found
# there under their own names by `eksrun test` alone (lua/stdlib/eksrun/cli/test/busted.lua).
#
# EKSRUN_BUSTED names the folder that has busted/core.lua, if it is none of the usual ones.
set(EKSRUN_BUSTED "" CACHE PATH "folder of busted, luassert, say, mediator and penlight (default: of Lua 5.4)")
find_path(busted_root busted/core.lua
  HINTS ${EKSRUN_BUSTED} PATHS /usr/local/share/lua/5.4 /usr/share/lua/5.4 /opt/homebrew/share/lua/5.4
  NO_DEFAULT_PATH)
if(NOT busted_root)
  message(FATAL_ERROR "busted not found: run script/setup, or give -DEKSRUN_BUSTED=<folder with busted/core.lua>")
endif()
set(vendor_root ${CMAKE_BINARY_DIR}/vendor)
set(vendor_files)
foreach(pattern
    busted/block busted/compatibility busted/context busted/core busted/done busted/environment
    busted/execute busted/fixtures busted/init busted/status busted/utils
    busted/modules/filter_loader busted/outputHandlers/base busted/outputHandlers/TAP
    busted/outputHandlers/junit busted/languages/en
    luassert/* luassert/formatters/* luassert/matchers/* luassert/languages/en
    say say/init mediator
    pl/compat pl/lexer pl/path pl/pretty pl/stringx pl/tablex pl/types pl/utils pl/xml)
  file(GLOB found RELATIVE ${busted_root} ${busted_root}/${pattern}.lua)
  foreach(name ${found})
    configure_file(${busted_root}/${name} ${vendor_root}/eksrun/vendor/${name} COPYONLY)
    list(APPEND vendor_files ${vendor_root}/eksrun/vendor/${name})
  endforeach()
endforeach()
