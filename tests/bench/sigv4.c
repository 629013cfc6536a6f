/* How many requests a second of processor time signs: a JSON call with session token, and a
 * presigned URL as kubectl's token carries it; and how many the bare hashes would. The best of some
 * rounds, which take turns. */
#include <math.h>

#include "core/hash.h"
#include "core/sigv4.h"

#define SPAN(s) ((struct ek_span){(s), strlen(s)})
#define ROUNDS  12
#define TIMES   20000

static double now(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

typedef int sign_fn(struct ek_sigv4_result *, struct ek_sigv4 *, const struct ek_sigv4_input *,
                    struct ek_error *);

static int measure(double *best, struct ek_sigv4 *s, struct ek_sigv4_input *in, sign_fn *sign) {
  struct ek_sigv4_result r;
  struct ek_error e;
  double start = now();
  for (int i = 0; i < TIMES; i++) {
    in->time = 1440938160 + i % 3600;
    if (sign(&r, s, in, &e) != 0) {
      (void)fprintf(stderr, "%s\n", e.message);
      return 1;
    }
  }
  double took = now() - start;
  if (took < *best) *best = took;
  return 0;
}

/* What a signature costs at least: the hashes of the body, of the canonical request and of the
 * string to sign with the derived key at hand, over as many bytes, by the fastest functions that
 * OpenSSL has. */
static int measure_floor(double *best, const struct ek_sigv4_result *r,
                         const struct ek_sigv4_input *in) {
  uint8_t out[EK_SHA256_SIZE];
  struct ek_hmac_key key;
  int failed = ek_hmac_prepare(&key, in->secret_access_key.data, in->secret_access_key.len);
  double start = now();
  for (int i = 0; i < TIMES; i++) {
    failed |= ek_sha256(out, in->body.data, in->body.len);
    failed |= ek_sha256(out, r->canonical_request.data, r->canonical_request.len);
    failed |= ek_hmac_sha256(out, &key, r->string_to_sign.data, r->string_to_sign.len);
  }
  double took = now() - start;
  if (took < *best) *best = took;
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
  struct ek_sigv4_input url = in;
  url.query = SPAN("Action=GetCallerIdentity&Version=2011-06-15");
  url.header_count = 1;
  url.body.len = 0;
  double sign = HUGE_VAL, floor = HUGE_VAL, presign = HUGE_VAL;
  int rc = 0;
  for (int i = 0; i < ROUNDS && rc == 0; i++) {
    struct ek_sigv4_result r;
    rc = measure(&sign, s, &in, ek_sigv4_sign);
    if (rc == 0) rc = ek_sigv4_sign(&r, s, &in, NULL);
    if (rc == 0) rc = measure_floor(&floor, &r, &in);
    if (rc == 0) rc = measure(&presign, s, &url, ek_sigv4_presign);
  }
  (void)printf("%-8s %8.0f a second\n", "sign", TIMES / sign);
  (void)printf("%-8s %8.0f a second\n", "floor", TIMES / floor);
  (void)printf("%-8s %8.0f a second\n", "presign", TIMES / presign);
  ek_sigv4_free(s);
  return rc;
}
