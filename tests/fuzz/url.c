/* The URLs, ARNs and host names of core/endpoint, and percent-encoding: any bytes are taken apart
 * into parts of themselves, what is written fits the room that the header promises and reads back,
 * and a path that was normalized stays as it is. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/encode.h"
#include "core/endpoint/endpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct ek_endpoint_text text;

static void check_inside(text part, text whole) {
  assert(part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

static void check_url(text s) {
  const text scheme = ek_endpoint_url_part(s, EK_FIELD_URL_SCHEME);
  const text authority = ek_endpoint_url_part(s, EK_FIELD_URL_AUTHORITY);
  const text path = ek_endpoint_url_part(s, EK_FIELD_URL_PATH);
  check_inside(scheme, s);
  check_inside(authority, s);
  check_inside(path, s);
  bool ip = ek_endpoint_url_is_ip(s);
  if (!ek_endpoint_is_url(s)) return;
  /* No query and no fragment: nothing is left over. */
  assert(scheme.len + 3 + authority.len + path.len == s.len);
  assert(authority.len > 0 && memchr(authority.data, '/', authority.len) == NULL);
  assert(path.len == 0 || path.data[0] == '/');
  assert(!ip || memchr("0123456789[", authority.data[0], 11) != NULL ||
         memchr(authority.data, '@', authority.len) != NULL);
}

static void check_arn(text s) {
  if (!ek_endpoint_is_arn(s)) return;
  size_t sum = 5 + 3; /* what divides the parts, and "arn" */
  for (int f = EK_FIELD_ARN_PARTITION; f <= EK_FIELD_ARN_RESOURCE_ID; f++) {
    const text part = ek_endpoint_arn_part(s, (enum ek_rules_field)f);
    check_inside(part, s);
    sum += part.len;
  }
  assert(sum == s.len);
  const text resource = ek_endpoint_arn_part(s, EK_FIELD_ARN_RESOURCE_ID);
  text element;
  size_t length = 0;
  uint32_t count = 0;
  for (; ek_endpoint_resource_part(&element, resource, count) && count < 64; count++) {
    check_inside(element, resource);
    length += element.len + 1;
  }
  assert(count > 0 && (count == 64 || length == resource.len + 1));
}

static void check_path(text s) {
  char *once = malloc(3 * s.len + 2);
  size_t n = ek_endpoint_normalize_path(once, s);
  assert(n <= 3 * s.len + 2 && once[0] == '/' && once[n - 1] == '/');
  char *twice = malloc(3 * n + 2);
  assert(ek_endpoint_normalize_path(twice, (text){once, n}) == n && memcmp(once, twice, n) == 0);
  free(twice);
  free(once);
}

static void check_encoding(text s) {
  struct ek_buf b = EK_BUF_INIT, back = EK_BUF_INIT;
  char *out = malloc(3 * s.len + 1);
  size_t n = ek_endpoint_uri_encode(out, s);
  ek_percent_encode(&b, s.data, s.len, false);
  assert(n == b.len && memcmp(out, b.data, n) == 0);
  assert(ek_percent_decode(&back, out, n, NULL) == 0);
  assert(back.len == s.len && memcmp(back.data, s.data, s.len) == 0);
  ek_buf_clear(&back);
  (void)ek_percent_decode(&back, s.data, s.len, NULL);
  free(out);
  ek_buf_fini(&back);
  ek_buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  const text s = {(const char *)data, size};
  check_url(s);
  check_arn(s);
  check_path(s);
  check_encoding(s);
  /* Without dots is the stricter reading of a host's label. */
  assert(!ek_endpoint_is_host_label(s, false) || ek_endpoint_is_host_label(s, true));
  assert(!ek_endpoint_is_virtual_hostable_bucket(s, true) || ek_endpoint_is_host_label(s, true));
  text piece;
  if (ek_endpoint_substring(&piece, s, data[0] & 7, data[size - 1] & 31, size & 1))
    check_inside(piece, s);
  return 0;
}
