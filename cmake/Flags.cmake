# Compiler and linker flags of our own code (target eksrun_flags) and of everything (the rest).
add_library(eksrun_flags INTERFACE)
target_include_directories(eksrun_flags INTERFACE ${CMAKE_SOURCE_DIR}/runtime ${CMAKE_SOURCE_DIR})
target_compile_definitions(eksrun_flags INTERFACE _GNU_SOURCE EKSRUN_VERSION="${PROJECT_VERSION}")
target_compile_options(eksrun_flags INTERFACE $<$<COMPILE_LANGUAGE:C>:
  -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla
  -Wundef -Wwrite-strings -Wpointer-arith -Wimplicit-fallthrough
  -include ${CMAKE_SOURCE_DIR}/runtime/core/banned.h>)
if(EKSRUN_WERROR)
  target_compile_options(eksrun_flags INTERFACE $<$<COMPILE_LANGUAGE:C>:-Werror>)
endif()

set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_C_FLAGS_DEBUG "-Og -g3")
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported()

if(EKSRUN_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(EKSRUN_SANITIZE)
  add_compile_options(-fsanitize=${EKSRUN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${EKSRUN_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong
    -ffunction-sections -fdata-sections)
  include(CheckCCompilerFlag)
  foreach(flag -fstack-clash-protection -fcf-protection -ftrivial-auto-var-init=zero)
    string(MAKE_C_IDENTIFIER "EKSRUN_CC${flag}" known)
    check_c_compiler_flag(${flag} ${known}) # of this compiler, on this machine
    if(${known})
      add_compile_options(${flag})
    endif()
  endforeach()
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    # The C library's start files and zlib's archive do not say that they can, but they are plain code. (IBT is
    # another matter: they have no landing pads.)
    add_link_options(-Wl,-z,shstk)
  endif()
  add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack,--gc-sections,--as-needed)
endif()

# A process that debuggers, sanitizers and core dumps may look into; never in a release.
if(NOT CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(eksrun_flags INTERFACE EKSRUN_DEBUGGABLE=1)
else()
  target_compile_definitions(eksrun_flags INTERFACE EKSRUN_DEBUGGABLE=0)
endif()
