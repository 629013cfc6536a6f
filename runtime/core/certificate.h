/* Certificates of one's own: an authority, and servers of this machine that it vouches for. Keys
 * are of P-256, texts PEM; valid for ten years. */
#ifndef EK_CORE_CERTIFICATE_H
#define EK_CORE_CERTIFICATE_H

#include "core/buf.h"
#include "core/error.h"

struct ek_certificate {
  struct ek_buf certificate, key; /* PEM */
};

/* Wipes the key. */
void ek_certificate_fini(struct ek_certificate *c);

/* An authority by a name of its own. */
int ek_certificate_authority(struct ek_certificate *out, const char *name, struct ek_error *e);
/* A server at an address of IPv4, and at localhost. EK_ERR_INVALID: the authority is none. */
int ek_certificate_server(struct ek_certificate *out, const struct ek_certificate *authority,
                          const char *address, struct ek_error *e);

#endif
