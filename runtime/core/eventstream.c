/* Messages of event streams, read and written. */
#include "core/eventstream.h"

#include <string.h>

#include "core/crc.h"

/* Total length, length of the headers, check of both. */
enum { PRELUDE = 12, CHECK = 4 };

/* Bytes of a value; 0xff: a length of 16 bits stands before it. */
static const uint8_t value_size[EK_EVENT_TYPE_COUNT] = {0, 0, 1, 2, 4, 8, 0xff, 0xff, 8, 16};

static uint64_t big_endian(const char *bytes, size_t n) {
  uint64_t value = 0;
  for (size_t i = 0; i < n; i++) value = value << 8 | (uint8_t)bytes[i];
  return value;
}

static uint32_t u32(const char *bytes) {
  return (uint32_t)big_endian(bytes, 4);
}

static int64_t sign_extended(uint64_t value, size_t bytes) {
  if (bytes == 0) return 0;
  uint64_t sign = (uint64_t)1 << (8 * bytes - 1);
  return (int64_t)((value ^ sign) - sign);
}

/* One header; returns its end, NULL if it goes beyond the end or its type is unknown. */
static const char *read_header(struct ek_event_header *h, const char *at, const char *end) {
  if (at == end) return NULL;
  h->name_len = (uint8_t)*at++;
  h->name = at;
  if (h->name_len == 0 || (size_t)(end - at) < h->name_len + 1) return NULL;
  at += h->name_len;
  uint8_t type = (uint8_t)*at++;
  if (type >= EK_EVENT_TYPE_COUNT) return NULL;
  h->type = (enum ek_event_type)type;
  h->len = value_size[type];
  if (h->len == 0xff) {
    if (end - at < 2) return NULL;
    h->len = (size_t)big_endian(at, 2);
    at += 2;
  }
  if ((size_t)(end - at) < h->len) return NULL;
  h->bytes = at;
  h->integer = 0;
  bool is_number = (type >= EK_EVENT_BYTE && type <= EK_EVENT_LONG) || type == EK_EVENT_TIMESTAMP;
  if (is_number) h->integer = sign_extended(big_endian(at, h->len), h->len);
  return at + h->len;
}

ssize_t ek_event_read(struct ek_event *event, const void *bytes, size_t n, struct ek_error *e) {
  const char *at = bytes;
  if (n < PRELUDE) return 0;
  size_t total = u32(at), headers = u32(at + 4);
  if (ek_crc32(0, at, PRELUDE - CHECK) != u32(at + PRELUDE - CHECK))
    return ek_error_set(e, EK_ERR_SYNTAX, "event stream: prelude checksum mismatch");
  if (total < EK_EVENT_OVERHEAD || headers > total - EK_EVENT_OVERHEAD)
    return ek_error_set(e, EK_ERR_SYNTAX, "event stream: a message of %zu bytes, %zu of headers",
                        total, headers);
  if (headers > EK_EVENT_HEADERS_MAX || total - EK_EVENT_OVERHEAD - headers > EK_EVENT_PAYLOAD_MAX)
    return ek_error_set(e, EK_ERR_LIMIT, "event stream: a message of %zu bytes is too long", total);
  if (n < total) return 0;
  if (ek_crc32(0, at, total - CHECK) != u32(at + total - CHECK))
    return ek_error_set(e, EK_ERR_SYNTAX, "event stream: message checksum mismatch");
  *event = (struct ek_event){.headers = at + PRELUDE,
                             .headers_len = headers,
                             .payload = at + PRELUDE + headers,
                             .payload_len = total - EK_EVENT_OVERHEAD - headers};
  struct ek_event_header ignored;
  for (const char *h = event->headers; h != event->payload;) {
    h = read_header(&ignored, h, event->payload);
    if (h == NULL) return ek_error_set(e, EK_ERR_SYNTAX, "event stream: a header is malformed");
  }
  return (ssize_t)total;
}

bool ek_event_next_header(struct ek_event_header *header, const struct ek_event *event,
                          size_t *at) {
  const char *end = event->headers + event->headers_len;
  const char *next = read_header(header, event->headers + *at, end);
  if (next == NULL) return false;
  *at = (size_t)(next - event->headers);
  return true;
}

/* -- writing -------------------------------------------------------------------------------------
 */

static void put(struct ek_buf *b, uint64_t value, size_t n) {
  while (n-- > 0) ek_buf_putc(b, (char)(value >> 8 * n));
}

size_t ek_event_begin(struct ek_buf *b) {
  size_t start = b->len;
  put(b, 0, PRELUDE - 8); /* the lengths and their check are known at the end */
  put(b, 0, 8);
  return start;
}

void ek_event_write_header(struct ek_buf *b, const struct ek_event_header *header) {
  size_t size = value_size[header->type];
  ek_buf_putc(b, (char)header->name_len);
  ek_buf_append(b, header->name, header->name_len);
  ek_buf_putc(b, (char)header->type);
  if (size == 0xff) put(b, header->len, 2);
  if (size == 0xff || header->type == EK_EVENT_UUID)
    ek_buf_append(b, header->bytes, header->len);
  else
    put(b, (uint64_t)header->integer, size);
}

void ek_event_write_string(struct ek_buf *b, const char *name, const char *value) {
  ek_event_write_header(b, &(struct ek_event_header){.name = name,
                                                     .name_len = strlen(name),
                                                     .type = EK_EVENT_STRING,
                                                     .bytes = value,
                                                     .len = strlen(value)});
}

void ek_event_end(struct ek_buf *b, size_t start, const void *payload, size_t n) {
  size_t headers = b->len - start - PRELUDE;
  ek_buf_append(b, payload, n);
  if (b->failed) return;
  struct ek_buf prelude = EK_BUF_INIT;
  put(&prelude, headers + n + EK_EVENT_OVERHEAD, 4);
  put(&prelude, headers, 4);
  if (!prelude.failed) put(&prelude, ek_crc32(0, prelude.data, prelude.len), 4);
  if (prelude.failed)
    b->failed = true;
  else
    memcpy(b->data + start, prelude.data, PRELUDE);
  ek_buf_fini(&prelude);
  if (!b->failed) put(b, ek_crc32(0, b->data + start, b->len - start), CHECK);
}
