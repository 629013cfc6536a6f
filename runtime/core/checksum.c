/* Checksums: CRCs of our own, digests of libcrypto's, hashes of xxHash's. */
#include "core/checksum.h"

#include <openssl/evp.h>

#define XXH_INLINE_ALL        /* nothing to load at the start */
#define XXH_NO_INLINE_HINTS 1 /* gcc cannot keep them at -Og */
#include <xxhash.h>

enum family { CRC, DIGEST, XXHASH64, XXHASH3, XXHASH128 };

struct ek_checksum_algorithm {
  const char *name;
  enum family family;
  const EVP_MD *(*digest)(void);
  enum ek_crc_kind crc;
  unsigned char crc_size;
};

const char *const ek_checksum_names[] = {"xxhash3", "xxhash128", "xxhash64", "crc64nvme",
                                         "crc32c",  "crc32",     "sha1",     "sha256",
                                         "sha512",  "md5",       NULL};

static const struct ek_checksum_algorithm algorithms[] = {
    {.name = "xxhash3", .family = XXHASH3},
    {.name = "xxhash128", .family = XXHASH128},
    {.name = "xxhash64", .family = XXHASH64},
    {.name = "crc64nvme", .family = CRC, .crc = EK_CRC64NVME, .crc_size = 8},
    {.name = "crc32c", .family = CRC, .crc = EK_CRC32C, .crc_size = 4},
    {.name = "crc32", .family = CRC, .crc = EK_CRC32, .crc_size = 4},
    {.name = "sha1", .family = DIGEST, .digest = EVP_sha1},
    {.name = "sha256", .family = DIGEST, .digest = EVP_sha256},
    {.name = "sha512", .family = DIGEST, .digest = EVP_sha512},
    {.name = "md5", .family = DIGEST, .digest = EVP_md5},
};

/* Whether the algorithm begins: with a context, if it needs one. */
static bool begin(struct ek_checksum *c) {
  switch (c->algorithm->family) {
  case CRC: return true;
  case DIGEST:
    c->context = EVP_MD_CTX_new();
    return c->context != NULL && EVP_DigestInit_ex(c->context, c->algorithm->digest(), NULL) == 1;
  case XXHASH64:
    c->context = XXH64_createState();
    return c->context != NULL && XXH64_reset(c->context, 0) == XXH_OK;
  case XXHASH3:
    c->context = XXH3_createState();
    return c->context != NULL && XXH3_64bits_reset(c->context) == XXH_OK;
  case XXHASH128:
    c->context = XXH3_createState();
    return c->context != NULL && XXH3_128bits_reset(c->context) == XXH_OK;
  }
  return false;
}

int ek_checksum_init(struct ek_checksum *c, const char *name, struct ek_error *e) {
  *c = (struct ek_checksum){.algorithm = NULL};
  for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
    if (strcasecmp(algorithms[i].name, name) == 0) c->algorithm = &algorithms[i];
  if (c->algorithm == NULL)
    return ek_error_set(e, EK_ERR_INVALID, "no checksum algorithm '%.40s'", name);
  if (begin(c)) return 0;
  bool room = c->context != NULL;
  ek_checksum_fini(c);
  c->algorithm = NULL;
  if (!room) return ek_error_set(e, EK_ERR_NOMEM, "not enough memory for a checksum");
  return ek_error_set(e, EK_ERR_INTERNAL, "libcrypto has no %s", name);
}

int ek_checksum_update(struct ek_checksum *c, const void *data, size_t n, struct ek_error *e) {
  bool ok = true;
  switch (c->algorithm->family) {
  case CRC: c->crc = ek_crc(c->algorithm->crc, c->crc, data, n); break;
  case DIGEST: ok = EVP_DigestUpdate(c->context, data, n) == 1; break;
  case XXHASH64: ok = XXH64_update(c->context, data, n) == XXH_OK; break;
  case XXHASH3: ok = XXH3_64bits_update(c->context, data, n) == XXH_OK; break;
  case XXHASH128: ok = XXH3_128bits_update(c->context, data, n) == XXH_OK; break;
  }
  return ok ? 0 : ek_error_set(e, EK_ERR_INTERNAL, "a %s failed", c->algorithm->name);
}

/* The lowest `size` bytes of a value, the highest of them first. */
static size_t put(unsigned char *out, uint64_t value, size_t size) {
  for (size_t i = 0; i < size; i++) out[i] = (unsigned char)(value >> (8 * (size - 1 - i)));
  return size;
}

int ek_checksum_final(unsigned char out[EK_CHECKSUM_MAX], size_t *n, struct ek_checksum *c,
                      struct ek_error *e) {
  unsigned size = 0;
  XXH128_hash_t both;
  switch (c->algorithm->family) {
  case CRC: *n = put(out, c->crc, c->algorithm->crc_size); break;
  case DIGEST:
    if (EVP_DigestFinal_ex(c->context, out, &size) != 1)
      return ek_error_set(e, EK_ERR_INTERNAL, "a %s failed", c->algorithm->name);
    *n = size;
    break;
  case XXHASH64: *n = put(out, XXH64_digest(c->context), 8); break;
  case XXHASH3: *n = put(out, XXH3_64bits_digest(c->context), 8); break;
  case XXHASH128:
    both = XXH3_128bits_digest(c->context);
    *n = put(out, both.high64, 8);
    *n += put(out + 8, both.low64, 8);
    break;
  }
  return 0;
}

void ek_checksum_fini(struct ek_checksum *c) {
  if (c->context == NULL) return;
  switch (c->algorithm->family) {
  case CRC: break;
  case DIGEST: EVP_MD_CTX_free(c->context); break;
  case XXHASH64: (void)XXH64_freeState(c->context); break;
  case XXHASH3:
  case XXHASH128: (void)XXH3_freeState(c->context); break;
  }
  c->context = NULL;
}
