/* How many requests a second of processor time signs: a JSON call with session token, and a
 * presigned URL as kubectl's token carries it. */
#include <openssl/evp.h>

#include "core/hash.h"
#include "core/sigv4.h"

#define SPAN(s) ((struct ek_span){(s), strlen(s)})
#define ROUNDS  200000

static double now(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int measure(const char *name, struct ek_sigv4 *s, struct ek_sigv4_input *in,
                   int (*sign)(struct ek_sigv4_result *, struct ek_sigv4 *,
                               const struct ek_sigv4_input *, struct ek_error *)) {
  struct ek_sigv4_result r;
  struct ek_error e;
  double start = now();
  for (int i = 0; i < ROUNDS; i++) {
    in->time = 1440938160 + i % 3600;
    if (sign(&r, s, in, &e) != 0) {
      (void)fprintf(stderr, "%s\n", e.message);
      return 1;
    }
  }
  (void)printf("%-8s %8.0f a second\n", name, ROUNDS / (now() - start));
  return 0;
}

static int evp_sha256(EVP_MD_CTX *c, EVP_MD *md, const void *block, const void *data, size_t n,
                      uint8_t out[EK_SHA256_SIZE]) {
  int ok = EVP_DigestInit_ex(c, md, NULL) == 1 &&
           (block == NULL || EVP_DigestUpdate(c, block, SHA256_CBLOCK) == 1) &&
           EVP_DigestUpdate(c, data, n) == 1 && EVP_DigestFinal_ex(c, out, NULL) == 1;
  return !ok;
}

/* What a signature costs at least: the hashes of the body, of the canonical request and of the
 * string to sign, over as many bytes; by OpenSSL's EVP, with nothing looked up or made anew, and by
 * the functions below it. */
static int measure_floor(const struct ek_sigv4_result *r, const struct ek_sigv4_input *in) {
  static const uint8_t block[SHA256_CBLOCK];
  uint8_t out[EK_SHA256_SIZE];
  struct ek_hmac_key key;
  int failed = ek_hmac_prepare(&key, in->secret_access_key.data, in->secret_access_key.len);
  double start = now();
  for (int i = 0; i < ROUNDS; i++) {
    failed |= ek_sha256(out, in->body.data, in->body.len);
    failed |= ek_sha256(out, r->canonical_request.data, r->canonical_request.len);
    failed |= ek_hmac_sha256(out, &key, r->string_to_sign.data, r->string_to_sign.len);
  }
  (void)printf("%-8s %8.0f a second\n", "plain", ROUNDS / (now() - start));
  EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
  EVP_MD_CTX *c = EVP_MD_CTX_new();
  start = now();
  for (int i = 0; i < ROUNDS; i++) {
    failed |= evp_sha256(c, md, NULL, in->body.data, in->body.len, out);
    failed |= evp_sha256(c, md, NULL, r->canonical_request.data, r->canonical_request.len, out);
    failed |= evp_sha256(c, md, block, r->string_to_sign.data, r->string_to_sign.len, out);
    failed |= evp_sha256(c, md, block, out, sizeof out, out);
  }
  (void)printf("%-8s %8.0f a second\n", "floor", ROUNDS / (now() - start));
  EVP_MD_CTX_free(c);
  EVP_MD_free(md);
  return failed;
}

int main(void) {
  const struct ek_sigv4_header headers[] = {
      {SPAN("host"), SPAN("eks.eu-central-1.amazonaws.com")},
      {SPAN("content-type"), SPAN("application/x-amz-json-1.1")},
      {SPAN("x-amz-target"), SPAN("TrentService.DescribeKey")},
  };
  struct ek_sigv4_input in = {
      .method = SPAN("POST"),
      .path = SPAN("/"),
      .query = SPAN(""),
      .headers = headers,
      .header_count = 3,
      .body = SPAN("{\"KeyId\":\"arn:aws:kms:eu-central-1:123456789012:key/alias/cluster\"}"),
      .access_key_id = SPAN("AKIDEXAMPLE"),
      .secret_access_key = SPAN("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
      .session_token = SPAN("AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQW"),
      .region = SPAN("eu-central-1"),
      .service = SPAN("kms"),
      .flags = EK_SIGV4_NORMALIZE_PATH | EK_SIGV4_DOUBLE_ENCODE,
      .expires = 60,
  };
  struct ek_sigv4 *s = ek_sigv4_new();
  if (s == NULL) return 1;
  int rc = measure("sign", s, &in, ek_sigv4_sign);
  struct ek_sigv4_result r;
  if (rc == 0 && ek_sigv4_sign(&r, s, &in, NULL) == 0) rc = measure_floor(&r, &in);
  in.query = SPAN("Action=GetCallerIdentity&Version=2011-06-15");
  in.header_count = 1;
  in.body.len = 0;
  if (rc == 0) rc = measure("presign", s, &in, ek_sigv4_presign);
  ek_sigv4_free(s);
  return rc;
}
