/* A growable byte buffer.
 *
 * What it holds may be secret: bytes that are left behind when it grows are overwritten. Only its
 * owner knows whether the last ones have to be: ek_buf_wipe.
 *
 * Failure to grow is sticky: after it every append does nothing and `failed` stays true, so a
 * writer checks once, at the end. The bytes may hold NUL; ek_buf_cstr adds one behind them. */
#ifndef EK_CORE_BUF_H
#define EK_CORE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct ek_buf {
  char *data; /* owned; NULL while cap is 0 */
  size_t len;
  size_t cap;
  bool failed;
};

#define EK_BUF_INIT \
  { NULL, 0, 0, false }

void ek_buf_init(struct ek_buf *b);
/* Frees the bytes; the buffer is empty and usable again. Secrets: ek_buf_wipe first. */
void ek_buf_fini(struct ek_buf *b);
/* Overwrites all the bytes ever held (up to cap) with zeros and empties the buffer. */
void ek_buf_wipe(struct ek_buf *b);
void ek_buf_clear(struct ek_buf *b);

/* The slow part of ek_buf_reserve. */
bool ek_buf_grow(struct ek_buf *b, size_t n);

/* Room for n more bytes behind len. False: out of memory (sticky). */
static inline bool ek_buf_reserve(struct ek_buf *b, size_t n) {
  return (!b->failed && n <= b->cap - b->len) || ek_buf_grow(b, n);
}

static inline void ek_buf_append(struct ek_buf *b, const void *data, size_t n) {
  if (n == 0 || !ek_buf_reserve(b, n)) return;
  memcpy(b->data + b->len, data, n);
  b->len += n;
}

static inline void ek_buf_puts(struct ek_buf *b, const char *s) {
  ek_buf_append(b, s, strlen(s));
}

static inline void ek_buf_putc(struct ek_buf *b, char c) {
  if (ek_buf_reserve(b, 1)) b->data[b->len++] = c;
}

void ek_buf_printf(struct ek_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The bytes with a NUL behind them; valid until the next append. "" if growing failed. */
const char *ek_buf_cstr(struct ek_buf *b);

#endif
