/* lua_gate CASE.lua...: refuses a Lua that has one of the known defects. Run by the build with the
 * Lua that is about to be linked.
 *
 * Every case is a file whose comment names the defect, the release that repaired it and what it
 * does to a recipe. A case runs in a child process of its own, so that a crash or an endless loop
 * is an answer too. Its memory comes from an allocator that fills what is freed and never hands it
 * out again: who writes there is found out, who reads there reads nonsense. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lualib.h>

#define CPU_SECONDS 5
#define FREED       0xEB

struct freed {
  struct freed *next;
  size_t size;
};

struct memory {
  struct freed *freed;
  bool fail_once; /* the next allocation fails, so that Lua collects and tries again */
};

static void *allocate(void *ud, void *block, size_t old, size_t size) {
  struct memory *m = ud;
  if (block == NULL) old = 0;
  if (size > old && m->fail_once) {
    m->fail_once = false;
    return NULL;
  }
  unsigned char *fresh = NULL;
  if (size > 0) {
    struct freed *head = malloc(sizeof *head + size);
    if (head == NULL) return NULL;
    head->size = size;
    fresh = (unsigned char *)(head + 1);
    if (old > 0) memcpy(fresh, block, old < size ? old : size);
  }
  if (old > 0) {
    struct freed *head = (struct freed *)block - 1;
    memset(block, FREED, old);
    head->next = m->freed;
    m->freed = head; /* kept on purpose */
  }
  return fresh;
}

static bool written_after_free(const struct memory *m) {
  for (const struct freed *head = m->freed; head != NULL; head = head->next) {
    const unsigned char *bytes = (const unsigned char *)(head + 1);
    for (size_t i = 0; i < head->size; i++) {
      if (bytes[i] != FREED) return true;
    }
  }
  return false;
}

/* fail_allocation(): lets the next allocation fail once. */
static int l_fail_allocation(lua_State *L) {
  struct memory *m = lua_touserdata(L, lua_upvalueindex(1));
  m->fail_once = true;
  return 0;
}

/* Runs one case in this process, which then ends: 0 if it held. */
static int run_case(const char *file) {
  struct rlimit cpu = {CPU_SECONDS, CPU_SECONDS + 1}, core = {0, 0};
  (void)setrlimit(RLIMIT_CPU, &cpu);
  (void)setrlimit(RLIMIT_CORE, &core);
  struct memory memory = {0};
  lua_State *L = lua_newstate(allocate, &memory);
  if (L == NULL) return 2;
  luaL_openlibs(L);
  lua_pushlightuserdata(L, &memory);
  lua_pushcclosure(L, l_fail_allocation, 1);
  lua_setglobal(L, "fail_allocation");
  if (luaL_dofile(L, file) != LUA_OK) {
    const char *message = lua_tostring(L, -1);
    (void)fprintf(stderr, "  %s\n", message != NULL ? message : "error without a message");
    return 1;
  }
  (void)lua_gc(L, LUA_GCCOLLECT, 0);
  if (written_after_free(&memory)) {
    (void)fprintf(stderr, "  wrote to memory that was freed\n");
    return 1;
  }
  return 0;
}

/* The comment at the head of a case. */
static void explain(const char *file) {
  char line[256];
  FILE *f = fopen(file, "r");
  if (f == NULL) return;
  while (fgets(line, sizeof line, f) != NULL && strncmp(line, "--", 2) == 0) {
    (void)fprintf(stderr, " %s", line + 2);
  }
  (void)fclose(f);
}

static bool holds(const char *file) {
  (void)fflush(NULL);
  pid_t child = fork();
  if (child < 0) {
    (void)fprintf(stderr, "lua_gate: fork: %s\n", strerror(errno));
    return false;
  }
  if (child == 0) _exit(run_case(file));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  if (WIFSIGNALED(status)) {
    (void)fprintf(stderr, "  ended by signal %d (%s)\n", WTERMSIG(status),
                  strsignal(WTERMSIG(status)));
  }
  explain(file);
  return false;
}

int main(int argc, char **argv) {
  int refused = 0;
  for (int i = 1; i < argc; i++) {
    if (!holds(argv[i])) refused++;
  }
  if (refused > 0) {
    (void)fprintf(
        stderr,
        "%s has %d known defect(s), above. Use 5.4.8 or newer (script/setup gets it), or live\n"
        "with what they do: -DEKSRUN_LUA_ACCEPT=<their ids, by semicolons>\n",
        LUA_RELEASE, refused);
  }
  return refused > 0;
}
