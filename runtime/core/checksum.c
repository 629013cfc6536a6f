/* Checksums: CRCs of our own, digests of libcrypto's. */
#include "core/checksum.h"

#include <openssl/evp.h>

struct ek_checksum_algorithm {
  const char *name;
  const EVP_MD *(*digest)(void); /* NULL: a CRC */
  enum ek_crc_kind crc;
  unsigned char crc_size;
};

const char *const ek_checksum_names[] = {"crc64nvme", "crc32c", "crc32", "sha1",
                                         "sha256",    "sha512", "md5",   NULL};

static const struct ek_checksum_algorithm algorithms[] = {{"crc64nvme", NULL, EK_CRC64NVME, 8},
                                                          {"crc32c", NULL, EK_CRC32C, 4},
                                                          {"crc32", NULL, EK_CRC32, 4},
                                                          {"sha1", EVP_sha1, 0, 0},
                                                          {"sha256", EVP_sha256, 0, 0},
                                                          {"sha512", EVP_sha512, 0, 0},
                                                          {"md5", EVP_md5, 0, 0}};

int ek_checksum_init(struct ek_checksum *c, const char *name, struct ek_error *e) {
  *c = (struct ek_checksum){.algorithm = NULL};
  for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
    if (strcasecmp(algorithms[i].name, name) == 0) c->algorithm = &algorithms[i];
  if (c->algorithm == NULL)
    return ek_error_set(e, EK_ERR_INVALID, "no checksum algorithm '%.40s'", name);
  if (c->algorithm->digest == NULL) return 0;
  c->context = EVP_MD_CTX_new();
  if (c->context == NULL) return ek_error_set(e, EK_ERR_NOMEM, "not enough memory for a checksum");
  if (EVP_DigestInit_ex(c->context, c->algorithm->digest(), NULL) == 1) return 0;
  ek_checksum_fini(c);
  return ek_error_set(e, EK_ERR_INTERNAL, "libcrypto has no %s", name);
}

int ek_checksum_update(struct ek_checksum *c, const void *data, size_t n, struct ek_error *e) {
  if (c->context == NULL)
    c->crc = ek_crc(c->algorithm->crc, c->crc, data, n);
  else if (EVP_DigestUpdate(c->context, data, n) != 1)
    return ek_error_set(e, EK_ERR_INTERNAL, "libcrypto failed at a checksum");
  return 0;
}

int ek_checksum_final(unsigned char out[EK_CHECKSUM_MAX], size_t *n, struct ek_checksum *c,
                      struct ek_error *e) {
  if (c->context == NULL) {
    *n = c->algorithm->crc_size;
    for (size_t i = 0; i < *n; i++) out[i] = (unsigned char)(c->crc >> (8 * (*n - 1 - i)));
    return 0;
  }
  unsigned size = 0;
  if (EVP_DigestFinal_ex(c->context, out, &size) != 1)
    return ek_error_set(e, EK_ERR_INTERNAL, "libcrypto failed at a checksum");
  *n = size;
  return 0;
}

void ek_checksum_fini(struct ek_checksum *c) {
  EVP_MD_CTX_free(c->context);
  c->context = NULL;
}
