/* core/sigv4.h: any bytes as path, query, header and body must sign without a fault; a presigned
 * query signs again to itself, and what was signed verifies. The input is four lines; the rest is
 * the body. Its own headers may claim to be signed. */
#include <assert.h>

#include "core/sigv4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SPAN(s) ((struct ek_span){(s), sizeof(s) - 1})

static struct ek_span line(const char **p, const char *end) {
  const char *start = *p;
  const char *stop = start == end ? NULL : memchr(start, '\n', (size_t)(end - start));
  *p = stop == NULL ? end : stop + 1;
  return (struct ek_span){start, (size_t)((stop == NULL ? end : stop) - start)};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct ek_sigv4 *signer;
  if (signer == NULL) signer = ek_sigv4_new();
  const char *p = size == 0 ? "" : (const char *)data, *end = p + size;
  struct ek_sigv4_input in = {
      .method = SPAN("GET"),
      .path = line(&p, end),
      .query = line(&p, end),
      .access_key_id = SPAN("AKIDEXAMPLE"),
      .secret_access_key = SPAN("secret"),
      .region = SPAN("us-east-1"),
      .service = SPAN("service"),
      .flags = size % 16,
      .expires = 60,
  };
  struct ek_sigv4_header headers[] = {
      {SPAN("host"), SPAN("h")}, {line(&p, end), line(&p, end)}, {SPAN("X-A"), line(&p, end)}};
  in.headers = headers;
  in.header_count = 3;
  in.body = (struct ek_span){p, (size_t)(end - p)};
  struct ek_sigv4_result r;
  if (ek_sigv4_sign(&r, signer, &in, NULL) != 0) return 0;
  assert(r.canonical_request.len > 0 && r.authorization.len > 0);
  static struct ek_buf text;
  struct ek_sigv4_claim claim;
  if (ek_sigv4_claim_read(&claim, &text, &in, NULL) == 0) {
    struct ek_sigv4_input theirs = in;
    theirs.access_key_id = claim.access_key_id;
    theirs.session_token = claim.session_token;
    (void)ek_sigv4_verify(signer, &claim, &theirs, NULL);
  }
  if (ek_sigv4_presign(&r, signer, &in, NULL) != 0) return 0;
  char *first = malloc(r.query.len);
  if (first == NULL) return 0;
  memcpy(first, r.query.data, r.query.len);
  in.query = (struct ek_span){first, r.query.len};
  assert(ek_sigv4_claim_read(&claim, &text, &in, NULL) == 0 && claim.presigned);
  assert(ek_sigv4_verify(signer, &claim, &in, NULL) == 0);
  assert(ek_sigv4_presign(&r, signer, &in, NULL) == 0);
  assert(r.query.len == in.query.len && memcmp(r.query.data, first, r.query.len) == 0);
  free(first);
  return 0;
}
