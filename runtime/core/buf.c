/* Growable byte buffers. */
#include "core/buf.h"

#include <stdarg.h>
#include <stdint.h>

#include "core/wipe.h"

void ek_buf_init(struct ek_buf *b) {
  *b = (struct ek_buf)EK_BUF_INIT;
}

void ek_buf_fini(struct ek_buf *b) {
  free(b->data);
  ek_buf_init(b);
}

void ek_buf_wipe(struct ek_buf *b) {
  if (b->data != NULL) explicit_bzero(b->data, b->cap);
  ek_buf_clear(b);
}

void ek_buf_clear(struct ek_buf *b) {
  b->len = 0;
  b->failed = false;
}

bool ek_buf_grow(struct ek_buf *b, size_t n) {
  if (b->failed) return false;
  if (n <= b->cap - b->len) return true;
  size_t cap = b->cap < 64 ? 64 : b->cap;
  while (cap - b->len < n) {
    if (cap > SIZE_MAX / 2) {
      b->failed = true;
      return false;
    }
    cap *= 2;
  }
  char *data = ek_wipe_realloc(b->data, cap);
  if (data == NULL) {
    b->failed = true;
    return false;
  }
  b->data = data;
  b->cap = cap;
  return true;
}

void ek_buf_printf(struct ek_buf *b, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, format, args);
  if (n >= 0 && ek_buf_reserve(b, (size_t)n + 1)) {
    (void)vsnprintf(b->data + b->len, (size_t)n + 1, format, again);
    b->len += (size_t)n;
  }
  va_end(again);
  va_end(args);
}

const char *ek_buf_cstr(struct ek_buf *b) {
  if (!ek_buf_reserve(b, 1)) return "";
  b->data[b->len] = '\0';
  return b->data;
}
