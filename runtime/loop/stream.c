/* What a transfer receives and sends in pieces, who waits for it, and for how long. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop/pool.h"

/* Bytes of a streamed answer that are held before the server has to wait. */
#define WINDOW ((size_t)256 * 1024)

/* -- who waits -----------------------------------------------------------------------------------
 */

static bool has_come(const struct ek_transfer *t) {
  if (!t->running || t->starved) return true;
  return t->stream && t->header_ended && t->body.len - t->taken >= t->wanted;
}

void ek_transfer_tell(struct ek_transfer *t) {
  if (!t->awaited || !has_come(t)) return;
  t->awaited = false;
  t->done(t);
}

bool ek_transfer_await(struct ek_transfer *t, size_t n) {
  t->wanted = n;
  /* More than the window is wanted: it has to be let in. */
  if (t->running && t->paused && !has_come(t)) ek_transfer_take(t, 0);
  t->awaited = !has_come(t);
  return t->awaited;
}

static void fire_deadline(struct ek_timer *timer) {
  struct ek_transfer *t =
      (struct ek_transfer *)((char *)timer - offsetof(struct ek_transfer, deadline));
  ek_transfer_finish(t, CURLE_OPERATION_TIMEDOUT);
}

int ek_transfer_start_deadline(struct ek_transfer *t, struct ek_error *e) {
  return ek_timer_start(t->loop, &t->deadline, t->timeout, fire_deadline, e);
}

/* -- streams -------------------------------------------------------------------------------------
 */

/* Both directions go on; a callback may run at once. */
static void go_on(struct ek_transfer *t) {
  t->paused = false;
  CURLcode rc = ek_curl.easy_pause(t->easy, CURLPAUSE_CONT);
  if (rc != CURLE_OK && t->running) ek_transfer_finish(t, rc);
}

size_t ek_transfer_there(const char **bytes, const struct ek_transfer *t) {
  *bytes = t->body.len == 0 ? "" : t->body.data + t->taken;
  return t->body.len - t->taken;
}

void ek_transfer_take(struct ek_transfer *t, size_t n) {
  t->taken += n;
  if (t->taken == t->body.len) {
    ek_buf_clear(&t->body);
    t->taken = 0;
  }
  size_t there = t->body.len - t->taken;
  if (t->running && t->paused && (there < WINDOW / 2 || there < t->wanted)) go_on(t);
}

/* Makes room at the front, where it is worth moving the rest. */
static void compact(struct ek_transfer *t) {
  size_t there = t->body.len - t->taken;
  if (t->taken == 0 || t->taken < there) return;
  memmove(t->body.data, t->body.data + t->taken, there);
  t->body.len = there;
  t->taken = 0;
}

size_t ek_transfer_on_stream(char *bytes, size_t one, size_t n, void *user) {
  struct ek_transfer *t = user;
  (void)one;
  size_t there = t->body.len - t->taken;
  if (there >= WINDOW && there >= t->wanted) {
    t->paused = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  compact(t);
  t->received += n;
  ek_buf_append(&t->body, bytes, n);
  if (t->body.failed) return 0;
  ek_transfer_tell(t);
  return n;
}

/* -- bodies in pieces ----------------------------------------------------------------------------
 */

static int file_error(const char *path, struct ek_error *e) {
  return ek_error_set(e, errno == ENOENT ? EK_ERR_NOTFOUND : EK_ERR_IO, "cannot read %s: %s", path,
                      uv_strerror(-errno));
}

int ek_transfer_file(struct ek_transfer *t, const char *path, uint64_t offset, uint64_t length,
                     struct ek_error *e) {
  struct stat st;
  /* O_NONBLOCK: to open a pipe, which is refused below, must not wait for its writer. */
  t->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (t->fd < 0 || fstat(t->fd, &st) != 0) return file_error(path, e);
  if (!S_ISREG(st.st_mode))
    return ek_error_set(e, EK_ERR_INVALID, "cannot send %s: it is no regular file", path);
  uint64_t size = (uint64_t)st.st_size;
  uint64_t rest = offset < size ? size - offset : 0;
  if (length == UINT64_MAX) length = rest;
  if (offset > size || length > rest)
    return ek_error_set(e, EK_ERR_INVALID, "cannot send %s: it has only %llu bytes", path,
                        (unsigned long long)size);
  t->sourced = true;
  t->offset = (off_t)offset;
  t->length = t->unsent = length;
  return 0;
}

void ek_transfer_pieces(struct ek_transfer *t, uint64_t length) {
  t->sourced = true;
  t->length = t->unsent = length;
}

int ek_transfer_feed(struct ek_transfer *t, const void *bytes, size_t n, struct ek_error *e) {
  size_t rest = t->piece.len - (size_t)t->offset;
  if (n > t->unsent || rest > t->unsent - n)
    return ek_error_set(e, EK_ERR_INVALID, "the body is longer than the %llu bytes announced",
                        (unsigned long long)t->length);
  if (rest == 0) {
    ek_buf_clear(&t->piece);
    t->offset = 0;
  }
  ek_buf_append(&t->piece, bytes, n);
  if (t->piece.failed) return ek_error_set(e, EK_ERR_NOMEM, "not enough memory for the body");
  if (n == 0) return 0;
  t->starved = false;
  if (t->running) go_on(t);
  return 0;
}

static size_t next_of_file(struct ek_transfer *t, char *out, size_t n) {
  ssize_t got;
  do got = pread(t->fd, out, n, t->offset);
  while (got < 0 && errno == EINTR);
  if (got > 0) return (size_t)got;
  if (got < 0)
    (void)ek_error_set(&t->error, EK_ERR_IO, "cannot read the file to send: %s",
                       uv_strerror(-errno));
  else
    (void)ek_error_set(&t->error, EK_ERR_IO, "the file to send became shorter");
  return CURL_READFUNC_ABORT;
}

static size_t next_of_pieces(struct ek_transfer *t, char *out, size_t n) {
  size_t rest = t->piece.len - (size_t)t->offset;
  if (rest == 0) {
    t->starved = true;
    ek_transfer_tell(t);
    return CURL_READFUNC_PAUSE;
  }
  if (n > rest) n = rest;
  memcpy(out, t->piece.data + t->offset, n);
  return n;
}

size_t ek_transfer_on_read(char *out, size_t one, size_t n, void *user) {
  struct ek_transfer *t = user;
  (void)one;
  if (n > t->unsent) n = (size_t)t->unsent;
  if (n == 0) return 0;
  size_t got = t->fd >= 0 ? next_of_file(t, out, n) : next_of_pieces(t, out, n);
  if (got > n) return got; /* to abort or to pause */
  t->offset += (off_t)got;
  t->unsent -= got;
  bool answered = t->stream && t->header_ended; /* before all was sent: see end_header */
  if (t->unsent == 0 && !answered && ek_transfer_start_deadline(t, &t->error) != 0)
    return CURL_READFUNC_ABORT;
  return got;
}
