/* The inside of a signer, shared by signing and verification. */
#ifndef EK_CORE_SIGV4_SIGNER_H
#define EK_CORE_SIGV4_SIGNER_H

#include "core/sigv4_canonical.h"
#include "core/sigv4_key.h"
#include "core/sigv4a.h"

#define EK_SIGV4_SCOPE_MAX (8 + 2 * EK_SIGV4_NAME_MAX + sizeof EK_SIGV4_TERMINATOR + 4)

struct ek_sigv4 {
  struct ek_sigv4_keys keys;
  struct ek_sigv4a_keys curve_keys;
  struct ek_sigv4_canonical canonical;
  struct ek_buf to_sign, result;
  char scope[EK_SIGV4_SCOPE_MAX];
  char midnight[17]; /* the date that was written last, at its first second; or "" */
  int64_t day;       /* since 1970, its day */
};

/* What every use asks of credentials, region, service, method and time. */
int ek_sigv4_check(const struct ek_sigv4_input *in, struct ek_error *e);

/* Writes the string to sign of signer->canonical to signer->to_sign. */
int ek_sigv4_write_to_sign(struct ek_sigv4 *signer, enum ek_sigv4_algorithm algorithm,
                           const struct ek_sigv4_signing *signing, struct ek_error *e);

#endif
