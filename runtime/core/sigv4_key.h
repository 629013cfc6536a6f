/* The signing keys of SigV4: derived from the secret by day, region and service, the last few kept.
 */
#ifndef EK_CORE_SIGV4_KEY_H
#define EK_CORE_SIGV4_KEY_H

#include "core/hash.h"
#include "core/sigv4_canonical.h"

#define EK_SIGV4_SECRET_MAX 256
#define EK_SIGV4_NAME_MAX   64 /* of a region or a service */
#define EK_SIGV4_KEYS       4

/* A derived key and what it was derived from. service_len 0: the entry is free. */
struct ek_sigv4_derived {
  struct ek_hmac_key key;
  char secret[EK_SIGV4_SECRET_MAX], region[EK_SIGV4_NAME_MAX], service[EK_SIGV4_NAME_MAX], day[8];
  size_t secret_len, region_len, service_len;
  uint64_t used;
};

/* All zeros is empty; to be wiped by its owner. */
struct ek_sigv4_keys {
  struct ek_sigv4_derived kept[EK_SIGV4_KEYS];
  uint64_t uses;
};

/* The key that signs the input on a day (YYYYMMDD...); valid until the next call. The input's
 * secret, region and service are not empty and not longer than the limits above. */
int ek_sigv4_key(const struct ek_hmac_key **out, struct ek_sigv4_keys *keys,
                 const struct ek_sigv4_input *in, const char *day);

#endif
