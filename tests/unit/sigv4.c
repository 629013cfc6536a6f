/* runtime/core/hash.h, sigv4.h and sigv4a.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/hash.h"
#include "core/sigv4.h"
#include "core/sigv4a.h"

#define SPAN(s) ((struct ek_span){(s), strlen(s)})

static struct ek_sigv4_header headers[8];

static struct ek_sigv4_input request(const char *method, const char *path, const char *query) {
  headers[0] = (struct ek_sigv4_header){SPAN("Host"), SPAN("example.amazonaws.com")};
  return (struct ek_sigv4_input){
      .method = SPAN(method),
      .path = SPAN(path),
      .query = SPAN(query),
      .headers = headers,
      .header_count = 1,
      .access_key_id = SPAN("AKIDEXAMPLE"),
      .secret_access_key = SPAN("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
      .region = SPAN("us-east-1"),
      .service = SPAN("service"),
      .time = 1440938160, /* 2015-08-30T12:36:00Z */
      .flags = EK_SIGV4_NORMALIZE_PATH | EK_SIGV4_DOUBLE_ENCODE,
      .expires = 60,
  };
}

/* Line n (from 0) of the canonical request equals text. */
static void assert_line(const struct ek_sigv4_result *r, int n, const char *text) {
  const char *p = r->canonical_request.data, *end = p + r->canonical_request.len;
  while (n-- > 0) p = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1;
  const char *stop = memchr(p, '\n', (size_t)(end - p));
  if (stop == NULL) stop = end;
  assert_int_equal((size_t)(stop - p), strlen(text));
  assert_memory_equal(p, text, strlen(text));
}

static void hashes(void **state) {
  (void)state;
  uint8_t digest[EK_SHA256_SIZE];
  char hex[2 * EK_SHA256_SIZE];
  assert_int_equal(ek_sha256(digest, "abc", 3), 0);
  ek_hash_hex(hex, digest, sizeof digest);
  assert_memory_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 64);
  /* RFC 4231, cases 2 and 6 (a key longer than a block). */
  struct ek_hmac_key key;
  assert_int_equal(ek_hmac_prepare(&key, "Jefe", 4), 0);
  assert_int_equal(ek_hmac_sha256(digest, &key, "what do ya want for nothing?", 28), 0);
  ek_hash_hex(hex, digest, sizeof digest);
  assert_memory_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", 64);
  uint8_t longer[131];
  memset(longer, 0xaa, sizeof longer);
  assert_int_equal(ek_hmac_prepare(&key, longer, sizeof longer), 0);
  static const char text[] = "Test Using Larger Than Block-Size Key - Hash Key First";
  assert_int_equal(ek_hmac_sha256(digest, &key, text, sizeof text - 1), 0);
  ek_hash_hex(hex, digest, sizeof digest);
  assert_memory_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", 64);
}

/* AWS's documented example: IAM ListUsers. */
static void signs_the_documented_request(void **state) {
  (void)state;
  struct ek_sigv4 *s = ek_sigv4_new();
  struct ek_sigv4_input in = request("GET", "/", "Action=ListUsers&Version=2010-05-08");
  headers[0].value = SPAN("iam.amazonaws.com");
  headers[1] = (struct ek_sigv4_header){SPAN("Content-Type"),
                                        SPAN("application/x-www-form-urlencoded; charset=utf-8")};
  in.header_count = 2;
  in.service = SPAN("iam");
  struct ek_sigv4_result r;
  for (int i = 0; i < 2; i++) { /* derived, then from the cache */
    assert_int_equal(ek_sigv4_sign(&r, s, &in, NULL), 0);
    assert_string_equal(r.date, "20150830T123600Z");
    assert_string_equal(r.signature,
                        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
  }
  static const char authorization[] =
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
      "SignedHeaders=content-type;host;x-amz-date, "
      "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
  assert_int_equal(r.authorization.len, sizeof authorization - 1);
  assert_memory_equal(r.authorization.data, authorization, sizeof authorization - 1);
  ek_sigv4_free(s);
}

static void paths(void **state) {
  (void)state;
  static const struct {
    const char *path, *normalized, *kept;
  } cases[] = {
      {"", "/", "/"},
      {"/", "/", "/"},
      {"//a///b/", "/a/b/", "//a///b/"},
      {"/a/./b/../c", "/a/c", "/a/./b/../c"},
      {"/../..", "/", "/../.."},
      {"/a/..", "/", "/a/.."},
      {"/a/b/../", "/a/", "/a/b/../"},
      {"/tags/arn%3Aaws%2Fx", "/tags/arn%253Aaws%252Fx", "/tags/arn%3Aaws%2Fx"},
      {"/a b", "/a%20b", "/a%20b"},
  };
  struct ek_sigv4 *s = ek_sigv4_new();
  struct ek_sigv4_result r;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct ek_sigv4_input in = request("GET", cases[i].path, "");
    assert_int_equal(ek_sigv4_sign(&r, s, &in, NULL), 0);
    assert_line(&r, 1, cases[i].normalized);
    in.flags = 0;
    assert_int_equal(ek_sigv4_sign(&r, s, &in, NULL), 0);
    assert_line(&r, 1, cases[i].kept);
  }
  ek_sigv4_free(s);
}

static void queries(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"b=2&a=1", "a=1&b=2"},
      {"a=2&a=1&a", "a=&a=1&a=2"},
      {"k&&j", "j=&k="},
      {"a-b=1&a=2", "a=2&a-b=1"},
      {"x=%2f%zz%&y=a=b", "x=%2F%25zz%25&y=a%3Db"},
      {"x=%7e%41+", "x=~A%2B"},
  };
  struct ek_sigv4 *s = ek_sigv4_new();
  struct ek_sigv4_result r;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct ek_sigv4_input in = request("GET", "/", cases[i][0]);
    assert_int_equal(ek_sigv4_sign(&r, s, &in, NULL), 0);
    assert_line(&r, 2, cases[i][1]);
  }
  ek_sigv4_free(s);
}

static void folds_and_joins_headers(void **state) {
  (void)state;
  struct ek_sigv4 *s = ek_sigv4_new();
  struct ek_sigv4_result r;
  struct ek_sigv4_input in = request("GET", "/", "");
  headers[1] = (struct ek_sigv4_header){SPAN("X-B"), SPAN("  two \t spaces\r\n  folded ")};
  headers[2] = (struct ek_sigv4_header){SPAN("x-a"), SPAN("2")};
  headers[3] = (struct ek_sigv4_header){SPAN("X-A"), SPAN("1")};
  headers[4] = (struct ek_sigv4_header){SPAN("User-Agent"), SPAN("ignored")};
  headers[5] = (struct ek_sigv4_header){SPAN("X-Amz-Date"), SPAN("of an earlier try")};
  in.header_count = 6;
  assert_int_equal(ek_sigv4_sign(&r, s, &in, NULL), 0);
  assert_line(&r, 3, "host:example.amazonaws.com");
  assert_line(&r, 4, "x-a:2,1");
  assert_line(&r, 5, "x-amz-date:20150830T123600Z");
  assert_line(&r, 6, "x-b:two spaces folded");
  assert_line(&r, 8, "host;x-a;x-amz-date;x-b");
  ek_sigv4_free(s);
}

static void presigning_again_replaces(void **state) {
  (void)state;
  struct ek_sigv4 *s = ek_sigv4_new();
  struct ek_sigv4_result r;
  struct ek_sigv4_input in = request("GET", "/", "A=1");
  in.session_token = SPAN("to/ken=");
  assert_int_equal(ek_sigv4_presign(&r, s, &in, NULL), 0);
  char first[1024];
  assert_true(r.query.len < sizeof first);
  memcpy(first, r.query.data, r.query.len);
  size_t len = r.query.len;
  in.query = (struct ek_span){first, len};
  assert_int_equal(ek_sigv4_presign(&r, s, &in, NULL), 0);
  assert_int_equal(r.query.len, len);
  assert_memory_equal(r.query.data, first, len);
  ek_sigv4_free(s);
}

static void evicted_keys_are_derived_again(void **state) {
  (void)state;
  struct ek_sigv4 *s = ek_sigv4_new();
  struct ek_sigv4_result r;
  struct ek_sigv4_input in = request("GET", "/", "");
  char first[6][EK_SIGV4_SIGNATURE_MAX + 1];
  static const char *const regions[] = {"r0", "r1", "r2", "r3", "r4", "r5"};
  for (int round = 0; round < 2; round++) {
    for (size_t i = 0; i < 6; i++) {
      in.region = SPAN(regions[i]);
      assert_int_equal(ek_sigv4_sign(&r, s, &in, NULL), 0);
      if (round == 0) memcpy(first[i], r.signature, sizeof first[i]);
      assert_string_equal(r.signature, first[i]);
      if (i > 0) assert_string_not_equal(first[i], first[i - 1]);
    }
  }
  ek_sigv4_free(s);
}

static void refuses_without_telling_secrets(void **state) {
  (void)state;
  struct ek_sigv4 *s = ek_sigv4_new();
  struct ek_sigv4_result r;
  struct ek_error e = {0};
  struct ek_sigv4_input in = request("GET", "/", "");
  in.header_count = 0;
  assert_int_equal(ek_sigv4_sign(&r, s, &in, &e), EK_ERR_INVALID);
  assert_non_null(strstr(e.message, "host"));
  in = request("GET", "/", "");
  in.access_key_id = SPAN("AKID\r\nX-Evil: 1");
  assert_int_equal(ek_sigv4_sign(&r, s, &in, &e), EK_ERR_INVALID);
  in = request("GET", "/", "");
  in.secret_access_key = SPAN("hush hush");
  assert_int_equal(ek_sigv4_sign(&r, s, &in, &e), EK_ERR_INVALID);
  assert_null(strstr(e.message, "hush"));
  in = request("GET", "/", "");
  in.time = INT64_MAX;
  assert_int_equal(ek_sigv4_sign(&r, s, &in, &e), EK_ERR_INVALID);
  in = request("GET", "/", "");
  in.expires = EK_SIGV4_EXPIRES_MAX + 1;
  assert_int_equal(ek_sigv4_presign(&r, s, &in, &e), EK_ERR_INVALID);
  ek_sigv4_free(s);
}

/* --- 4A --- */

static struct ek_sigv4_input curve_request(void) {
  struct ek_sigv4_input in = request("GET", "/a%20b", "b=2&a=1");
  in.algorithm = EK_SIGV4_ECDSA;
  in.region = SPAN("us-east-1,eu-west-1");
  return in;
}

/* A pair that AWS's SDKs test with. */
static void derives_curve_keys(void **state) {
  (void)state;
  struct ek_span id = SPAN("AKISORANDOMAASORANDOM");
  struct ek_span secret = SPAN("q+jcrXGc+0zWN6uzclKVhvMmUsIfRPa4rlRandom");
  uint8_t scalar[32], x[32], y[32];
  char hex[65] = "";
  assert_int_equal(ek_sigv4a_scalar(scalar, id, secret), 0);
  ek_hash_hex(hex, scalar, sizeof scalar);
  assert_string_equal(hex, "7fd3bd010c0d9c292141c2b77bfbde1042c92e6836fff749d1269ec890fca1bd");
  struct ek_sigv4 *s = ek_sigv4_new();
  assert_int_equal(ek_sigv4_public_key(x, y, s, id, secret, NULL), 0);
  ek_hash_hex(hex, x, sizeof x);
  assert_string_equal(hex, "15d242ceebf8d8169fd6a8b5a746c41140414c3b07579038da06af89190fffcb");
  ek_hash_hex(hex, y, sizeof y);
  assert_string_equal(hex, "0515242cedd82e94799482e4c0514b505afccf2c0c98d6a553bf539f424c5ec0");
  ek_sigv4_free(s);
}

static void signs_for_a_set_of_regions(void **state) {
  (void)state;
  struct ek_sigv4 *s = ek_sigv4_new();
  struct ek_sigv4_result r;
  struct ek_sigv4_input in = curve_request();
  assert_int_equal(ek_sigv4_sign(&r, s, &in, NULL), 0);
  assert_line(&r, 4, "x-amz-date:20150830T123600Z");
  assert_line(&r, 5, "x-amz-region-set:us-east-1,eu-west-1");
  static const char scope[] = "20150830/service/aws4_request";
  assert_int_equal(r.credential_scope.len, sizeof scope - 1);
  assert_memory_equal(r.credential_scope.data, scope, sizeof scope - 1);
  assert_memory_equal(r.signature, "30", 2); /* DER: a sequence */
  assert_int_equal(ek_sigv4_presign(&r, s, &in, NULL), 0);
  static const char parameter[] = "&X-Amz-Region-Set=us-east-1%2Ceu-west-1&";
  assert_non_null(memmem(r.query.data, r.query.len, parameter, sizeof parameter - 1));
  in.region.len = 0;
  struct ek_error e = {0};
  assert_int_equal(ek_sigv4_sign(&r, s, &in, &e), EK_ERR_INVALID);
  assert_string_equal(e.message, "sigv4: region set is empty");
  ek_sigv4_free(s);
}

/* --- the other side --- */

/* Signs, hands the request over and checks it; then does so with one thing changed. */
static void verify_round(enum ek_sigv4_algorithm algorithm, bool presign) {
  struct ek_sigv4 *s = ek_sigv4_new();
  struct ek_sigv4_claim claim;
  struct ek_buf text = EK_BUF_INIT;
  struct ek_sigv4_result r;
  struct ek_error e = {0};
  struct ek_sigv4_input in = curve_request();
  in.algorithm = algorithm;
  if (algorithm == EK_SIGV4_HMAC) in.region = SPAN("us-east-1");
  in.body = SPAN("body");
  in.session_token = SPAN("to/ken==");
  in.flags |= EK_SIGV4_SIGN_BODY_HEADER;
  assert_int_equal((presign ? ek_sigv4_presign : ek_sigv4_sign)(&r, s, &in, NULL), 0);

  char sent[2048], hash[64];
  struct ek_span result = presign ? r.query : r.authorization;
  assert_true(result.len < sizeof sent);
  memcpy(sent, result.data, result.len);
  memcpy(hash, r.payload_hash.data, sizeof hash);
  struct ek_sigv4_input got = in;
  got.flags = EK_SIGV4_NORMALIZE_PATH | EK_SIGV4_DOUBLE_ENCODE;
  if (presign) {
    got.query = (struct ek_span){sent, result.len};
  } else {
    headers[1] = (struct ek_sigv4_header){SPAN("Authorization"), {sent, result.len}};
    headers[2] = (struct ek_sigv4_header){SPAN("X-Amz-Date"), SPAN("20150830T123600Z")};
    headers[3] = (struct ek_sigv4_header){SPAN("X-Amz-Security-Token"), in.session_token};
    headers[4] = (struct ek_sigv4_header){SPAN("X-Amz-Content-Sha256"), {hash, sizeof hash}};
    headers[5] = (struct ek_sigv4_header){SPAN("X-Amz-Region-Set"), in.region};
    got.header_count = algorithm == EK_SIGV4_ECDSA ? 6 : 5;
  }
  assert_int_equal(ek_sigv4_claim_read(&claim, &text, &got, &e), 0);
  assert_int_equal(claim.algorithm, algorithm);
  assert_int_equal(claim.presigned, presign);
  assert_int_equal(claim.time, in.time);
  assert_int_equal(claim.expires, presign ? 60 : 0);
  assert_int_equal(claim.region.len, in.region.len);
  assert_memory_equal(claim.region.data, in.region.data, in.region.len);
  assert_memory_equal(claim.access_key_id.data, "AKIDEXAMPLE", claim.access_key_id.len);
  assert_memory_equal(claim.session_token.data, "to/ken==", claim.session_token.len);
  assert_int_equal(ek_sigv4_verify(s, &claim, &got, &e), 0);

  struct ek_sigv4_input bad = got;
  bad.body = SPAN("Body");
  assert_int_equal(ek_sigv4_verify(s, &claim, &bad, &e), EK_ERR_INVALID);
  bad = got;
  bad.path = SPAN("/a%20c");
  assert_int_equal(ek_sigv4_verify(s, &claim, &bad, &e), EK_ERR_INVALID);
  assert_string_equal(e.message, "sigv4: the signature does not match the request");
  bad = got;
  bad.secret_access_key = SPAN("another");
  assert_int_equal(ek_sigv4_verify(s, &claim, &bad, &e), EK_ERR_INVALID);
  bad = got;
  bad.session_token.len = 0;
  assert_int_equal(ek_sigv4_verify(s, &claim, &bad, &e), EK_ERR_INVALID);
  bad = got;
  bad.access_key_id = SPAN("AKIDEXAMPLF");
  assert_int_equal(ek_sigv4_verify(s, &claim, &bad, &e), EK_ERR_INVALID);
  struct ek_sigv4_claim other = claim;
  other.signature.len -= 2;
  assert_int_equal(ek_sigv4_verify(s, &other, &got, &e), EK_ERR_INVALID);
  if (!presign) {
    bad = got;
    bad.header_count--; /* the hash, or the region set */
    assert_int_equal(ek_sigv4_verify(s, &claim, &bad, &e), EK_ERR_INVALID);
    assert_string_equal(e.message, "sigv4: a signed header is missing");
  }
  ek_buf_fini(&text);
  ek_sigv4_free(s);
}

static void verifies_what_it_signs(void **state) {
  (void)state;
  verify_round(EK_SIGV4_HMAC, false);
  verify_round(EK_SIGV4_HMAC, true);
  verify_round(EK_SIGV4_ECDSA, false);
  verify_round(EK_SIGV4_ECDSA, true);
}

static void refuses_bad_claims(void **state) {
  (void)state;
#define SCOPE "Credential=A/20150830/us-east-1/s/aws4_request, "
#define REST  "SignedHeaders=host, Signature=00"
  static const struct {
    const char *authorization;
    int code;
  } cases[] = {
      {"AWS4-HMAC-SHA256 " SCOPE REST, 0},
      {"AWS4-HMAC-SHA256 Credential=A/b/20150830/us-east-1/s/aws4_request," REST, 0},
      {"AWS4-HMAC-SHA512 " SCOPE REST, EK_ERR_SYNTAX},
      {"Bearer token", EK_ERR_SYNTAX},
      {"", EK_ERR_SYNTAX},
      {"AWS4-HMAC-SHA256 " REST, EK_ERR_SYNTAX},
      {"AWS4-HMAC-SHA256 " SCOPE "SignedHeaders=host", EK_ERR_SYNTAX},
      {"AWS4-HMAC-SHA256 " SCOPE SCOPE REST, EK_ERR_SYNTAX},
      {"AWS4-HMAC-SHA256 Credential=A/20150830/s/aws4_request, " REST, EK_ERR_SYNTAX},
      {"AWS4-HMAC-SHA256 Credential=/20150830/r/s/aws4_request, " REST, EK_ERR_SYNTAX},
      {"AWS4-HMAC-SHA256 Credential=A/20150830/r/s/aws5_request, " REST, EK_ERR_SYNTAX},
      {"AWS4-HMAC-SHA256 Credential=A/20150831/r/s/aws4_request, " REST, EK_ERR_INVALID},
  };
  struct ek_sigv4_claim claim;
  struct ek_buf text = EK_BUF_INIT;
  struct ek_sigv4_input in = request("GET", "/", "");
  assert_int_equal(ek_sigv4_claim_read(&claim, &text, &in, NULL), EK_ERR_NOTFOUND);
  headers[1] = (struct ek_sigv4_header){SPAN("x-amz-date"), SPAN("20150830T123600Z")};
  in.header_count = 3;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    headers[2] = (struct ek_sigv4_header){SPAN("authorization"), SPAN(cases[i].authorization)};
    assert_int_equal(ek_sigv4_claim_read(&claim, &text, &in, NULL), cases[i].code);
  }
  headers[1].value = SPAN("yesterday");
  headers[2].value = SPAN(cases[0].authorization);
  assert_int_equal(ek_sigv4_claim_read(&claim, &text, &in, NULL), EK_ERR_SYNTAX);
  ek_buf_fini(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hashes),
      cmocka_unit_test(signs_the_documented_request),
      cmocka_unit_test(paths),
      cmocka_unit_test(queries),
      cmocka_unit_test(folds_and_joins_headers),
      cmocka_unit_test(presigning_again_replaces),
      cmocka_unit_test(evicted_keys_are_derived_again),
      cmocka_unit_test(refuses_without_telling_secrets),
      cmocka_unit_test(derives_curve_keys),
      cmocka_unit_test(signs_for_a_set_of_regions),
      cmocka_unit_test(verifies_what_it_signs),
      cmocka_unit_test(refuses_bad_claims),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
