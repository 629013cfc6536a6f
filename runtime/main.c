/* The process: from main() to the exit status. */
#include "host.h"

#include <lauxlib.h>

int main(int argc, char **argv) {
  lua_State *L = ek_host_new(getenv("EKSRUN_STDLIB"));
  if (L == NULL) {
    (void)fprintf(stderr, "eksrun: out of memory\n");
    return 1;
  }
  int status = ek_host_run(L, argc, argv);
  lua_close(L);
  return status;
}
