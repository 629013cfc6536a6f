/* runtime/core/crc.h, checksum.h, gzip.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/checksum.h"
#include "core/encode.h"
#include "core/gzip.h"

#include <openssl/evp.h>

static void assert_digest(const char *name, const char *text, size_t piece, const char *base64) {
  struct ek_checksum c;
  struct ek_buf b = EK_BUF_INIT;
  unsigned char digest[EK_CHECKSUM_MAX];
  size_t n, len = strlen(text);
  assert_int_equal(ek_checksum_init(&c, name, NULL), 0);
  for (size_t at = 0; at < len; at += piece)
    assert_int_equal(ek_checksum_update(&c, text + at, len - at < piece ? len - at : piece, NULL),
                     0);
  assert_int_equal(ek_checksum_final(digest, &n, &c, NULL), 0);
  ek_checksum_fini(&c);
  ek_base64_encode(&b, digest, n);
  assert_string_equal(ek_buf_cstr(&b), base64);
  ek_buf_fini(&b);
}

/* The check value of each algorithm: that of "123456789" (RFC 3720 for crc32c, NVMe's for
 * crc64nvme), and the digests of RFC 1321 and FIPS 180; of xxHash what AWS's own library
 * (awscrt 0.38) gives. */
static void known_values(void **state) {
  (void)state;
  for (size_t piece = 1; piece <= 9; piece++) {
    assert_digest("crc32", "123456789", piece, "y/Q5Jg==");
    assert_digest("CRC32C", "123456789", piece, "4waSgw==");
    assert_digest("crc64nvme", "123456789", piece, "rosUhgp5mIg=");
    assert_digest("xxhash64", "123456789", piece, "jLhB20DmroM=");
    assert_digest("XXHASH3", "123456789", piece, "ctyxi2ehff8=");
    assert_digest("xxhash128", "123456789", piece, "MxGUd+3l3NXpcWQnaB1YYA==");
  }
  char many[1001] = {0};
  memset(many, 'x', 1000);
  assert_digest("xxhash64", many, 300, "TLmjtpy3AOE=");
  assert_digest("xxhash3", many, 300, "wKSHe5YsuoI=");
  assert_digest("xxhash128", many, 300, "UKGvWl8tzwHApId7liy6gg==");
  assert_digest("md5", "abc", 2, "kAFQmDzST7DWlj99KOF/cg==");
  assert_digest("sha1", "abc", 2, "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=");
  assert_digest("sha256", "abc", 2, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
  assert_digest("crc32", "", 1, "AAAAAA==");
  assert_digest("crc64nvme", "", 1, "AAAAAAAAAAA=");
}

/* Words and single bytes give the same, wherever the data begins. */
static void pieces_and_places(void **state) {
  (void)state;
  unsigned char data[300];
  for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * 7 + i / 3);
  for (int kind = 0; kind < EK_CRC_COUNT; kind++)
    for (size_t start = 0; start < 8; start++)
      for (size_t n = 0; n < 40; n++) {
        uint64_t bytes = 0;
        for (size_t i = 0; i < n; i++)
          bytes = ek_crc((enum ek_crc_kind)kind, bytes, data + start + i, 1);
        assert_true(ek_crc((enum ek_crc_kind)kind, 0, data + start, n) == bytes);
      }
}

static void unknown_algorithm(void **state) {
  (void)state;
  struct ek_checksum c;
  struct ek_error e;
  assert_int_equal(ek_checksum_init(&c, "crc16", &e), EK_ERR_INVALID);
  assert_string_equal(e.message, "no checksum algorithm 'crc16'");
  for (size_t i = 0; ek_checksum_names[i] != NULL; i++) {
    assert_int_equal(ek_checksum_init(&c, ek_checksum_names[i], NULL), 0);
    ek_checksum_fini(&c);
    ek_checksum_fini(&c);
  }
}

/* As MD5 with FIPS: what did not begin is no checksum, and takes no bytes. */
static void an_algorithm_that_libcrypto_refuses(void **state) {
  (void)state;
  struct ek_checksum c;
  struct ek_error e;
  assert_int_equal(EVP_set_default_properties(NULL, "provider=none"), 1);
  assert_int_equal(ek_checksum_init(&c, "md5", &e), EK_ERR_INTERNAL);
  assert_int_equal(EVP_set_default_properties(NULL, ""), 1);
  assert_string_equal(e.message, "libcrypto has no md5");
  assert_null(c.algorithm);
  ek_checksum_fini(&c);
}

static void gzip_there_and_back(void **state) {
  (void)state;
  static const size_t sizes[] = {0, 1, 100, 65535, 65536, 65537, 1000000};
  struct ek_buf plain = EK_BUF_INIT, packed = EK_BUF_INIT, back = EK_BUF_INIT;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    ek_buf_clear(&plain);
    ek_buf_clear(&packed);
    ek_buf_clear(&back);
    uint32_t seed = 1;
    for (size_t k = 0; k < sizes[i]; k++) {
      seed = seed * 1664525u + 1013904223u;
      ek_buf_putc(&plain, (char)(k % 3 == 0 ? seed >> 24 : 'a'));
    }
    assert_int_equal(ek_gzip(&packed, plain.data == NULL ? "" : plain.data, plain.len, NULL), 0);
    assert_int_equal(ek_gunzip(&back, packed.data, packed.len, sizes[i], NULL), 0);
    assert_int_equal(back.len, plain.len);
    if (plain.len > 0) assert_memory_equal(back.data, plain.data, plain.len);
  }
  ek_buf_fini(&plain);
  ek_buf_fini(&packed);
  ek_buf_fini(&back);
}

static void gunzip_refuses(void **state) {
  (void)state;
  struct ek_buf packed = EK_BUF_INIT, out = EK_BUF_INIT;
  struct ek_error e;
  char zeros[100000] = {0};
  assert_int_equal(ek_gzip(&packed, zeros, sizeof zeros, NULL), 0);
  assert_int_equal(ek_gunzip(&out, packed.data, packed.len, 1000, &e), EK_ERR_LIMIT);
  for (size_t n = 0; n < packed.len; n++) { /* cut at every byte */
    ek_buf_clear(&out);
    assert_int_equal(ek_gunzip(&out, packed.data, n, sizeof zeros, &e), EK_ERR_SYNTAX);
  }
  ek_buf_clear(&out);
  assert_int_equal(ek_gunzip(&out, "<html>", 6, 1000, &e), EK_ERR_SYNTAX);
  /* two members, one behind the other, are one text */
  size_t one = packed.len;
  assert_int_equal(ek_gzip(&packed, "end", 3, NULL), 0);
  ek_buf_clear(&out);
  assert_int_equal(ek_gunzip(&out, packed.data, packed.len, 2 * sizeof zeros, &e), 0);
  assert_int_equal(out.len, sizeof zeros + 3);
  assert_true(one < packed.len);
  ek_buf_fini(&packed);
  ek_buf_fini(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(known_values),        cmocka_unit_test(pieces_and_places),
      cmocka_unit_test(unknown_algorithm),   cmocka_unit_test(an_algorithm_that_libcrypto_refuses),
      cmocka_unit_test(gzip_there_and_back), cmocka_unit_test(gunzip_refuses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
