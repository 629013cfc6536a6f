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

/* Nonzero in a byte's highest bit that is no printable ASCII or a blank: x - '!' below '!', x + 1
 * above '~', x beyond ASCII. */
static inline uint64_t ek_span_odd_bytes(const char *eight) {
  const uint64_t ones = UINT64_C(0x0101010101010101);
  uint64_t word;
  memcpy(&word, eight, sizeof word);
  return ((word - ones * '!') | (word + ones) | word) & ones << 7;
}

/* Whether all bytes are printable ASCII and none is a blank; eight at a time, since every header's
 * are looked at. The last eight may overlap those before. */
static inline bool ek_span_is_word(struct ek_span s) {
  uint64_t odd = 0;
  if (s.len < 8) {
    for (size_t i = 0; i < s.len; i++) odd |= s.data[i] <= ' ' || s.data[i] > '~';
    return odd == 0;
  }
  for (size_t i = 0; i < s.len - 8; i += 8) odd |= ek_span_odd_bytes(s.data + i);
  return (odd | ek_span_odd_bytes(s.data + s.len - 8)) == 0;
}

/* The length is the literal's, which is known: no call then. */
static inline bool ek_span_is(struct ek_span s, const char *literal) {
  return s.len == strlen(literal) && memcmp(s.data, literal, strlen(literal)) == 0;
}

#endif
