# Lua, built with the project as a static library: target lua.
#
# EKSRUN_LUA names an archive or an unpacked folder; else the newest .deps/lua-*.tar.gz, which
# script/setup puts there. An archive must have one of the checksums below; tools/lua-gate then
# refuses a Lua with known defects, except those of EKSRUN_LUA_ACCEPT.
set(EKSRUN_LUA_SHA256
  2335b6c582a52654f94612bf10d2f4672805d05329aa6568b1d8cd9e5c6fb8e6  # 5.4.9
  4f18ddae154e793e46eeab727c59ef1c0c0c2b744e7b94219710d76f530629ae  # 5.4.8
)

set(lua_source "${EKSRUN_LUA}")
if(NOT lua_source)
  file(GLOB archives ${CMAKE_SOURCE_DIR}/.deps/lua-5.4.*.tar.gz)
  if(NOT archives)
    message(FATAL_ERROR "no Lua source found: run script/setup, or give -DEKSRUN_LUA=<archive or folder>")
  endif()
  list(SORT archives COMPARE NATURAL ORDER DESCENDING)
  list(GET archives 0 lua_source)
endif()

if(NOT IS_DIRECTORY ${lua_source})
  file(SHA256 ${lua_source} digest)
  if(NOT digest IN_LIST EKSRUN_LUA_SHA256)
    message(FATAL_ERROR "${lua_source}: unknown checksum ${digest}; unpack it and give the folder if you trust it")
  endif()
  set(unpacked ${CMAKE_BINARY_DIR}/lua-${digest})
  if(NOT EXISTS ${unpacked})
    file(ARCHIVE_EXTRACT INPUT ${lua_source} DESTINATION ${unpacked})
  endif()
  file(GLOB lua_source ${unpacked}/lua-5.4.*)
endif()

if(NOT EXISTS ${lua_source}/src/lua.h)
  message(FATAL_ERROR "${lua_source}: not a Lua source folder (src/lua.h is missing)")
endif()
file(STRINGS ${lua_source}/src/lua.h lua_release REGEX "define LUA_VERSION_RELEASE[ \t]")
string(REGEX MATCH "[0-9]+" lua_release "${lua_release}")
message(STATUS "Lua 5.4.${lua_release} from ${lua_source}")

file(GLOB lua_files ${lua_source}/src/*.c)
list(REMOVE_ITEM lua_files ${lua_source}/src/lua.c ${lua_source}/src/luac.c)
add_library(lua STATIC ${lua_files})
target_include_directories(lua SYSTEM PUBLIC ${lua_source}/src)
target_compile_definitions(lua PRIVATE LUA_USE_POSIX LUA_USE_DLOPEN)
if(EKSRUN_SANITIZE OR CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_definitions(lua PUBLIC LUAI_ASSERT LUA_USE_APICHECK)
endif()
target_compile_options(lua PRIVATE $<$<CONFIG:Release>:-O3>) # what a command does is mostly compiling
target_link_libraries(lua PUBLIC m ${CMAKE_DL_LIBS})
