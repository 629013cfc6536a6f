/* A pager: a program of the user's that reads the text and has the terminal until it ends. It is
 * waited for without the loop, as nothing else is to run meanwhile; Ctrl-C is the pager's. */
#include "pager.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* A shell's statuses of what it could not run. */
#define NOT_EXECUTABLE 126
#define NOT_FOUND      127

/* What is ours to ignore while the pager runs, and not the pager's. */
static const int ignored[] = {SIGINT, SIGQUIT, SIGPIPE};
#define IGNORED (sizeof ignored / sizeof *ignored)

/* Quits where all fits on a screen, passes colors on, leaves the text on the screen. */
static const char *const less_options = "FRX";

/* 0, or an errno. */
static int spawn(pid_t *pid, int in, const char *command) {
  const char *const shell[] = {"sh", "-c", command, NULL}, *const less[] = {"less", NULL};
  const char *const *argv = command != NULL ? shell : less;
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  sigset_t set;
  int err = posix_spawn_file_actions_init(&files);
  if (err != 0) return err;
  if ((err = posix_spawnattr_init(&attributes)) != 0) goto out;
  (void)sigemptyset(&set);
  for (size_t i = 0; i < IGNORED; i++) (void)sigaddset(&set, ignored[i]);
  if ((err = posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO)) == 0 &&
      (err = posix_spawnattr_setsigdefault(&attributes, &set)) == 0 &&
      (err = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF)) == 0)
    err = posix_spawnp(pid, argv[0], &files, &attributes, (char *const *)argv, environ);
  (void)posix_spawnattr_destroy(&attributes);
out:
  (void)posix_spawn_file_actions_destroy(&files);
  return err;
}

/* A pager that is left early does not read all. */
static void feed(int out, const char *text, size_t len) {
  while (len > 0) {
    ssize_t n = write(out, text, len);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return;
    text += n;
    len -= (size_t)n;
  }
}

static bool was_shown(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return true;
  int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  return code != NOT_EXECUTABLE && code != NOT_FOUND;
}

int ek_pager_l_page(lua_State *L) {
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  const char *command = luaL_optstring(L, 2, NULL);
  struct sigaction before[IGNORED], ignore = {.sa_handler = SIG_IGN};
  int ends[2];
  pid_t pid;
  bool shown = false;
  (void)fflush(stdout);
  if (pipe2(ends, O_CLOEXEC) == 0) {
    (void)setenv("LESS", less_options, 0);
    /* Descriptors that libraries opened without it get the close-on-exec flag. */
    (void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    for (size_t i = 0; i < IGNORED; i++) (void)sigaction(ignored[i], &ignore, &before[i]);
    int err = spawn(&pid, ends[0], command);
    (void)close(ends[0]);
    if (err == 0) feed(ends[1], text, len);
    (void)close(ends[1]);
    if (err == 0) shown = was_shown(pid);
    for (size_t i = 0; i < IGNORED; i++) (void)sigaction(ignored[i], &before[i], NULL);
  }
  lua_pushboolean(L, shown);
  return 1;
}
