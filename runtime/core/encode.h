/* Bytes as text: base64, hexadecimal, percent encoding. All append to b. */
#ifndef EK_CORE_ENCODE_H
#define EK_CORE_ENCODE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "core/error.h"

/* RFC 4648, with padding; and its URL-safe alphabet without padding. */
void ek_base64_encode(struct ek_buf *b, const void *data, size_t n);
void ek_base64url_encode(struct ek_buf *b, const void *data, size_t n);
/* Strict: no space, full padding (url: none), no stray bits. Nothing is appended on failure. */
int ek_base64_decode(struct ek_buf *b, const char *s, size_t n, struct ek_error *e);
int ek_base64url_decode(struct ek_buf *b, const char *s, size_t n, struct ek_error *e);

/* Lower case; both cases are read. */
void ek_hex_encode(struct ek_buf *b, const void *data, size_t n);
int ek_hex_decode(struct ek_buf *b, const char *s, size_t n, struct ek_error *e);

/* As AWS wants it: all but A-Z a-z 0-9 - . _ ~ (and '/' if kept) as %XX, upper case. */
void ek_percent_encode(struct ek_buf *b, const char *s, size_t n, bool keep_slash);
/* %XX to bytes; '+' stays a '+'. */
int ek_percent_decode(struct ek_buf *b, const char *s, size_t n, struct ek_error *e);

#endif
