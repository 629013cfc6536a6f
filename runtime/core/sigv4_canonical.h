/* The canonical request of Signature Version 4 and 4A: what is hashed and signed.
 *
 * There is one writer of it, for signing by headers, for presigning, and for checking a request
 * that came. */
#ifndef EK_CORE_SIGV4_CANONICAL_H
#define EK_CORE_SIGV4_CANONICAL_H

#include "core/sigv4.h"

#define EK_SIGV4_TERMINATOR "aws4_request"

enum ek_sigv4_mode {
  EK_SIGV4_BY_HEADERS, /* adds the headers of signing */
  EK_SIGV4_BY_QUERY,   /* adds the parameters of signing */
  EK_SIGV4_AS_RECEIVED /* adds nothing */
};

/* What the request is made of besides the input. */
struct ek_sigv4_signing {
  enum ek_sigv4_mode mode;
  struct ek_span date;             /* YYYYMMDDTHHMMSSZ */
  struct ek_span credential_scope; /* day/[region/]service/aws4_request */
  struct ek_span signed_headers;   /* AS_RECEIVED: the names that were signed, "a;b" */
};

/* The writer's memory, kept between requests. All zeros is empty. */
struct ek_sigv4_canonical {
  struct ek_buf text, signed_headers; /* the results */
  size_t query_at, query_len;         /* where the canonical query stands in text */
  struct ek_span payload_hash;
  struct ek_buf scratch, items, headers;
  char digest[64];
};

/* Wipes and frees. */
void ek_sigv4_canonical_fini(struct ek_sigv4_canonical *c);

int ek_sigv4_canonicalize(struct ek_sigv4_canonical *c, const struct ek_sigv4_input *in,
                          const struct ek_sigv4_signing *signing, struct ek_error *e);

/* The name of an algorithm, as Authorization begins with it. */
struct ek_span ek_sigv4_algorithm_name(enum ek_sigv4_algorithm algorithm);

static inline bool ek_span_is(struct ek_span s, const char *literal) {
  return s.len == strlen(literal) && memcmp(s.data, literal, s.len) == 0;
}

#endif
