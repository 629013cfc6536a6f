/* Signing keys: four HMACs each, so that the few in use are worth keeping. */
#include "core/sigv4_key.h"

static int derive(struct ek_hmac_key *key, const struct ek_sigv4_input *in, const char *day) {
  char first[4 + EK_SIGV4_SECRET_MAX] = "AWS4";
  uint8_t digest[EK_SHA256_SIZE];
  memcpy(first + 4, in->secret_access_key.data, in->secret_access_key.len);
  int rc = ek_hmac_prepare(key, first, 4 + in->secret_access_key.len);
  const struct ek_span terminator = {EK_SIGV4_TERMINATOR, sizeof EK_SIGV4_TERMINATOR - 1};
  const struct ek_span steps[] = {{day, 8}, in->region, in->service, terminator};
  for (size_t i = 0; rc == 0 && i < sizeof steps / sizeof *steps; i++) {
    rc = ek_hmac_sha256(digest, key, steps[i].data, steps[i].len);
    if (rc == 0) rc = ek_hmac_prepare(key, digest, sizeof digest);
  }
  explicit_bzero(first, sizeof first);
  explicit_bzero(digest, sizeof digest);
  return rc;
}

static bool derived_from(const struct ek_sigv4_derived *k, const struct ek_sigv4_input *in,
                         const char *day) {
  return k->service_len == in->service.len && k->region_len == in->region.len &&
         k->secret_len == in->secret_access_key.len && memcmp(k->day, day, 8) == 0 &&
         memcmp(k->service, in->service.data, k->service_len) == 0 &&
         memcmp(k->region, in->region.data, k->region_len) == 0 &&
         memcmp(k->secret, in->secret_access_key.data, k->secret_len) == 0;
}

int ek_sigv4_key(const struct ek_hmac_key **out, struct ek_sigv4_keys *keys,
                 const struct ek_sigv4_input *in, const char *day) {
  struct ek_sigv4_derived *oldest = &keys->kept[0];
  keys->uses++;
  for (size_t i = 0; i < EK_SIGV4_KEYS; i++) {
    struct ek_sigv4_derived *k = &keys->kept[i];
    if (derived_from(k, in, day)) {
      k->used = keys->uses;
      *out = &k->key;
      return 0;
    }
    if (k->used < oldest->used) oldest = k;
  }
  struct ek_sigv4_derived *k = oldest;
  explicit_bzero(k, sizeof *k);
  int rc = derive(&k->key, in, day);
  if (rc != 0) return rc;
  memcpy(k->day, day, sizeof k->day);
  memcpy(k->secret, in->secret_access_key.data, in->secret_access_key.len);
  memcpy(k->region, in->region.data, in->region.len);
  memcpy(k->service, in->service.data, in->service.len);
  k->secret_len = in->secret_access_key.len;
  k->region_len = in->region.len;
  k->service_len = in->service.len;
  k->used = keys->uses;
  *out = &k->key;
  return 0;
}
