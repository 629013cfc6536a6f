/* Loads libmicrohttpd. */
#include "loop/mhd.h"

#include <dlfcn.h>

#define LIBRARY "libmicrohttpd.so.12"

struct ek_mhd ek_mhd;

int ek_mhd_load(struct ek_error *e) {
  if (ek_mhd.suspend_connection != NULL) return 0; /* the last of the table */
  void *library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);
  if (library == NULL)
    return ek_error_set(e, EK_ERR_IO, "cannot load libmicrohttpd: %s", dlerror());
  struct ek_mhd found;
#define LOOK_UP(name)                                   \
  *(void **)&found.name = dlsym(library, "MHD_" #name); \
  if (found.name == NULL)                               \
    return ek_error_set(e, EK_ERR_IO, "%s is too old: it has no MHD_%s", LIBRARY, #name);
  EK_MHD_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
  ek_mhd = found;
  return 0;
}
