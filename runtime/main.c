/* The process: from main() to the exit status. */
#include "host.h"

#include <curl/curlver.h>
#include <lua.h>
#include <openssl/crypto.h>

#include "harden.h"
#include "loop/loop.h"

/* libcurl is loaded by the first transfer only, so it is named by the version we were built with.
 */
static int version(void) {
  (void)printf("eksrun %s\n%s, libuv %s, %s, built with libcurl %s\n", EKSRUN_VERSION, LUA_RELEASE,
               uv_version_string(), OpenSSL_version(OPENSSL_VERSION), LIBCURL_VERSION);
  return 0;
}

int main(int argc, char **argv) {
  static struct ek_loop loop; /* not on the stack: os.exit leaves main() without unwinding */
  struct ek_error e;
  if (argc == 2 && strcmp(argv[1], "--version") == 0) return version();
  ek_harden();
  if (ek_loop_init(&loop, &e) != 0) {
    (void)fprintf(stderr, "eksrun: %s\n", e.message);
    return 1;
  }
  int status = 1;
  lua_State *L = ek_host_new(&loop, getenv("EKSRUN_STDLIB"));
  if (L != NULL) {
    status = ek_host_run(L, argc, argv);
    ek_host_free(L);
  }
  ek_loop_fini(&loop);
  return status;
}
