/* core/eventstream.h: what is written reads back, whatever is cut or turned is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/crc.h"
#include "core/eventstream.h"

static void write_all(struct ek_buf *b) {
  static const struct ek_event_header headers[] = {
      {.name = "yes", .name_len = 3, .type = EK_EVENT_TRUE},
      {.name = "no", .name_len = 2, .type = EK_EVENT_FALSE},
      {.name = "b", .name_len = 1, .type = EK_EVENT_BYTE, .integer = -5},
      {.name = "s", .name_len = 1, .type = EK_EVENT_SHORT, .integer = -300},
      {.name = "i", .name_len = 1, .type = EK_EVENT_INTEGER, .integer = 40972},
      {.name = "l", .name_len = 1, .type = EK_EVENT_LONG, .integer = INT64_MIN},
      {.name = "y", .name_len = 1, .type = EK_EVENT_BYTES, .bytes = "\0\1", .len = 2},
      {.name = "t", .name_len = 1, .type = EK_EVENT_TIMESTAMP, .integer = 1422172800000},
      {.name = "u", .name_len = 1, .type = EK_EVENT_UUID, .bytes = "0123456789abcdef", .len = 16},
  };
  size_t start = ek_event_begin(b);
  for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
    ek_event_write_header(b, &headers[i]);
  ek_event_write_string(b, ":event-type", "Records");
  ek_event_end(b, start, "payload", 7);
  assert_false(b->failed);
}

static void test_round_trip(void **state) {
  (void)state;
  struct ek_buf b = EK_BUF_INIT;
  struct ek_event event;
  struct ek_event_header h;
  struct ek_error e;
  size_t at = 0;
  ek_buf_puts(&b, "x"); /* a message need not be the first */
  write_all(&b);
  assert_int_equal(ek_event_read(&event, b.data + 1, b.len - 1, &e), b.len - 1);
  assert_int_equal(event.payload_len, 7);
  assert_memory_equal(event.payload, "payload", 7);
  static const int64_t integers[] = {0, 0, -5, -300, 40972, INT64_MIN, 0, 1422172800000, 0, 0};
  for (int i = 0; i < 10; i++) {
    assert_true(ek_event_next_header(&h, &event, &at));
    assert_int_equal(h.type, i == 7   ? EK_EVENT_TIMESTAMP
                             : i == 8 ? EK_EVENT_UUID
                             : i == 9 ? EK_EVENT_STRING
                                      : i);
    assert_int_equal(h.integer, integers[i]);
    if (h.type == EK_EVENT_BYTES) assert_memory_equal(h.bytes, "\0\1", h.len);
    if (h.type == EK_EVENT_UUID) assert_int_equal(h.len, 16);
  }
  assert_int_equal(h.len, 7);
  assert_memory_equal(h.bytes, "Records", 7);
  assert_false(ek_event_next_header(&h, &event, &at));
  ek_buf_fini(&b);
}

static void test_empty(void **state) {
  (void)state;
  struct ek_buf b = EK_BUF_INIT;
  struct ek_event event;
  size_t at = 0;
  struct ek_event_header h;
  ek_event_end(&b, ek_event_begin(&b), "", 0);
  assert_int_equal(b.len, 16);
  assert_int_equal(ek_event_read(&event, b.data, b.len, NULL), 16);
  assert_int_equal(event.payload_len, 0);
  assert_false(ek_event_next_header(&h, &event, &at));
  ek_buf_fini(&b);
}

static void test_cut(void **state) {
  (void)state;
  struct ek_buf b = EK_BUF_INIT;
  struct ek_event event;
  write_all(&b);
  for (size_t n = 0; n < b.len; n++) assert_int_equal(ek_event_read(&event, b.data, n, NULL), 0);
  ek_buf_fini(&b);
}

static void test_turned(void **state) {
  (void)state;
  struct ek_buf b = EK_BUF_INIT;
  struct ek_event event;
  struct ek_error e;
  write_all(&b);
  for (size_t i = 0; i < b.len * 8; i++) {
    b.data[i / 8] = (char)(b.data[i / 8] ^ 1 << i % 8);
    assert_int_equal(ek_event_read(&event, b.data, b.len, &e), EK_ERR_SYNTAX);
    assert_string_equal(e.message, i < 96 ? "event stream: prelude checksum mismatch"
                                          : "event stream: message checksum mismatch");
    b.data[i / 8] = (char)(b.data[i / 8] ^ 1 << i % 8);
  }
  assert_true(ek_event_read(&event, b.data, b.len, &e) > 0);
  ek_buf_fini(&b);
}

/* A message with right checks around any lengths and headers. */
static ssize_t read_forged(uint32_t total, uint32_t headers, const char *body, size_t n,
                           struct ek_error *e) {
  unsigned char bytes[256] = {0};
  const uint32_t lengths[] = {total, headers};
  for (size_t i = 0; i < 8; i++) bytes[i] = (unsigned char)(lengths[i / 4] >> 8 * (3 - i % 4));
  uint32_t check = ek_crc32(0, bytes, 8);
  for (size_t i = 0; i < 4; i++) bytes[8 + i] = (unsigned char)(check >> 8 * (3 - i));
  memcpy(bytes + 12, body, n);
  check = ek_crc32(0, bytes, 12 + n);
  for (size_t i = 0; i < 4; i++) bytes[12 + n + i] = (unsigned char)(check >> 8 * (3 - i));
  struct ek_event event;
  return ek_event_read(&event, bytes, 16 + n, e);
}

static void test_forged(void **state) {
  (void)state;
  struct ek_error e;
  assert_int_equal(read_forged(15, 0, "", 0, &e), EK_ERR_SYNTAX);
  assert_string_equal(e.message, "event stream: a message of 15 bytes, 0 of headers");
  assert_int_equal(read_forged(16, 1, "", 0, &e), EK_ERR_SYNTAX);
  assert_int_equal(read_forged(UINT32_MAX, 0, "", 0, &e), EK_ERR_LIMIT);
  assert_int_equal(read_forged(1024 * 1024, 200000, "", 0, &e), EK_ERR_LIMIT);
  static const struct {
    const char *headers;
    size_t n;
  } malformed[] = {{"\0", 1},      {"\1", 1},         {"\1a", 2},     {"\1a\12", 3},
                   {"\0\0", 2},    {"\1a\4\0\0", 5},  {"\1a\7\0", 4}, {"\1a\7\0\2x", 6},
                   {"\1a\0\1", 4}, {"\1a\11short", 8}};
  for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
    size_t n = malformed[i].n;
    assert_int_equal(read_forged((uint32_t)(16 + n), (uint32_t)n, malformed[i].headers, n, &e),
                     EK_ERR_SYNTAX);
    assert_string_equal(e.message, "event stream: a header is malformed");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trip), cmocka_unit_test(test_empty),  cmocka_unit_test(test_cut),
      cmocka_unit_test(test_turned),     cmocka_unit_test(test_forged),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
