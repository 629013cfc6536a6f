/* gzip by zlib. zlib counts in 32 bits, so data goes in and out in pieces. */
#include "core/gzip.h"

#include <stdint.h>

#define ZLIB_CONST
#include <zlib.h>

enum { GZIP_WINDOW = 15 + 16, LEVEL = 6, PIECE = 64 * 1024 };

static uInt piece_of(size_t n) {
  return n > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uInt)n;
}

/* Room for a piece behind what b holds; false: out of memory. */
static bool make_room(z_stream *z, struct ek_buf *b) {
  if (!ek_buf_reserve(b, PIECE)) return false;
  z->next_out = (unsigned char *)b->data + b->len;
  z->avail_out = PIECE;
  return true;
}

int ek_gzip(struct ek_buf *out, const void *data, size_t n, struct ek_error *e) {
  z_stream z = {0};
  int rc = Z_OK;
  if (deflateInit2(&z, LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return ek_error_set(e, EK_ERR_NOMEM, "not enough memory to compress");
  z.next_in = data;
  while (rc != Z_STREAM_END && make_room(&z, out)) {
    if (z.avail_in == 0) n -= z.avail_in = piece_of(n);
    rc = deflate(&z, n == 0 ? Z_FINISH : Z_NO_FLUSH);
    out->len += PIECE - z.avail_out;
  }
  (void)deflateEnd(&z);
  return out->failed ? ek_error_set(e, EK_ERR_NOMEM, "not enough memory to compress") : 0;
}

int ek_gunzip(struct ek_buf *out, const void *data, size_t n, size_t max, struct ek_error *e) {
  z_stream z = {0};
  size_t before = out->len;
  int rc = 0, state = Z_OK;
  if (inflateInit2(&z, GZIP_WINDOW) != Z_OK)
    return ek_error_set(e, EK_ERR_NOMEM, "not enough memory to decompress");
  z.next_in = data;
  while (rc == 0) {
    if (z.avail_in == 0) n -= z.avail_in = piece_of(n);
    if (state == Z_STREAM_END && z.avail_in == 0) break;
    if (state == Z_STREAM_END) (void)inflateReset(&z); /* one more */
    if (!make_room(&z, out)) {
      rc = ek_error_set(e, EK_ERR_NOMEM, "not enough memory to decompress");
      break;
    }
    state = inflate(&z, Z_NO_FLUSH);
    out->len += PIECE - z.avail_out;
    if (out->len - before > max)
      rc = ek_error_set(e, EK_ERR_LIMIT, "more than %zu bytes decompressed", max);
    else if (state != Z_OK && state != Z_STREAM_END)
      rc = ek_error_set(e, EK_ERR_SYNTAX, "not gzip, or damaged or cut");
  }
  (void)inflateEnd(&z);
  return rc;
}
