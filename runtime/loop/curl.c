/* Loads libcurl. */
#include "loop/curl.h"

#include <dlfcn.h>

#define LIBRARY "libcurl.so.4"

struct ek_curl ek_curl;

int ek_curl_load(struct ek_error *e) {
  if (ek_curl.url_set != NULL) return 0; /* the last of the table */
  void *library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);
  if (library == NULL) return ek_error_set(e, EK_ERR_IO, "cannot load libcurl: %s", dlerror());
  struct ek_curl found;
#define LOOK_UP(name)                                    \
  *(void **)&found.name = dlsym(library, "curl_" #name); \
  if (found.name == NULL)                                \
    return ek_error_set(e, EK_ERR_IO, "%s is too old: it has no curl_%s", LIBRARY, #name);
  EK_CURL_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
  ek_curl = found;
  return 0;
}
