/* Hardening of the process, and the saved environment. */
#include "harden.h"

#include <openssl/crypto.h>
#include <signal.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/wipe.h"

extern char **environ;

/* The variables whose values were taken out: their "NAME=value" copies. */
static char **saved;
static size_t saved_count;

static const char *const secrets[] = {
    "AWS_SECRET_ACCESS_KEY",    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",       "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_BEARER_TOKEN_BEDROCK",
};

static int is_secret(const char *variable) {
  const char *equals = strchr(variable, '=');
  if (equals == NULL || equals[1] == '\0') return 0;
  size_t n = (size_t)(equals - variable);
  for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
    if (strlen(secrets[i]) == n && memcmp(variable, secrets[i], n) == 0) return 1;
  /* A proxy's user and password. */
  return n >= 6 && strncasecmp(equals - 6, "_proxy", 6) == 0 && strchr(equals, '@') != NULL;
}

static void fatal(const char *what) {
  (void)fprintf(stderr, "eksrun: %s\n", what);
  _exit(1);
}

static void scrub_environment(void) {
  size_t count = 0;
  for (char **v = environ; *v != NULL; v++) count += (size_t)is_secret(*v);
  if (count == 0) return;
  saved = calloc(count, sizeof(char *));
  if (saved == NULL) fatal("not enough memory");
  for (char **v = environ; *v != NULL;) {
    if (!is_secret(*v)) {
      v++;
      continue;
    }
    saved[saved_count] = strdup(*v);
    if (saved[saved_count] == NULL) fatal("not enough memory");
    saved_count++;
    explicit_bzero(strchr(*v, '=') + 1, strlen(strchr(*v, '=') + 1));
    for (char **w = v; *w != NULL; w++) w[0] = w[1];
  }
}

static const char *find_saved(const char *name) {
  size_t n = strlen(name);
  for (size_t i = 0; i < saved_count; i++)
    if (strncmp(saved[i], name, n) == 0 && saved[i][n] == '=') return saved[i] + n + 1;
  return NULL;
}

const char *ek_env(const char *name) {
  const char *value = find_saved(name);
  return value != NULL ? value : getenv(name);
}

static void *crypto_malloc(size_t n, const char *file, int line) {
  (void)file;
  (void)line;
  return malloc(n);
}

static void *crypto_realloc(void *p, size_t n, const char *file, int line) {
  (void)file;
  (void)line;
  return ek_wipe_realloc(p, n);
}

static void crypto_free(void *p, const char *file, int line) {
  (void)file;
  (void)line;
  ek_wipe_free(p);
}

void ek_harden(void) {
#if !EKSRUN_DEBUGGABLE
  const struct rlimit none = {0, 0};
  (void)setrlimit(RLIMIT_CORE, &none);
  (void)prctl(PR_SET_DUMPABLE, 0); /* also for cores that go into a pipe, and against ptrace */
#endif
  scrub_environment();
  (void)signal(SIGPIPE, SIG_IGN);
  (void)CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free);
}
