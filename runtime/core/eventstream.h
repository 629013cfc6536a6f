/* Messages of AWS's event streams (application/vnd.amazon.eventstream): prelude, headers, payload
 * and two checks, in big-endian. */
#ifndef EK_CORE_EVENTSTREAM_H
#define EK_CORE_EVENTSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/buf.h"
#include "core/error.h"

enum {
  EK_EVENT_HEADERS_MAX = 128 * 1024,
  EK_EVENT_PAYLOAD_MAX = 24 * 1024 * 1024,
  EK_EVENT_OVERHEAD = 16 /* bytes of a message without headers and payload */
};

/* As on the wire. */
enum ek_event_type {
  EK_EVENT_TRUE,
  EK_EVENT_FALSE,
  EK_EVENT_BYTE,
  EK_EVENT_SHORT,
  EK_EVENT_INTEGER,
  EK_EVENT_LONG,
  EK_EVENT_BYTES,
  EK_EVENT_STRING,
  EK_EVENT_TIMESTAMP, /* ms since 1970 */
  EK_EVENT_UUID,
  EK_EVENT_TYPE_COUNT
};

struct ek_event_header {
  const char *name; /* not closed by NUL */
  size_t name_len;
  enum ek_event_type type;
  int64_t integer; /* BYTE, SHORT, INTEGER, LONG, TIMESTAMP */
  const char *bytes;
  size_t len; /* of bytes: BYTES, STRING, UUID */
};

/* Points into the bytes it was read from. */
struct ek_event {
  const char *headers, *payload;
  size_t headers_len, payload_len;
};

/* Reads the message that n bytes begin with, its checks and headers included: its length, 0 if
 * more bytes are needed, or a negative code. */
ssize_t ek_event_read(struct ek_event *event, const void *bytes, size_t n, struct ek_error *e);
/* Reads the header at *at, first 0, and moves on. False: there is none left. */
bool ek_event_next_header(struct ek_event_header *header, const struct ek_event *event, size_t *at);

/* Appends a message: begin, its headers, its payload, end. What begin returned goes to end. */
size_t ek_event_begin(struct ek_buf *b);
void ek_event_write_header(struct ek_buf *b, const struct ek_event_header *header);
void ek_event_write_string(struct ek_buf *b, const char *name, const char *value);
void ek_event_end(struct ek_buf *b, size_t start, const void *payload, size_t n);

#endif
