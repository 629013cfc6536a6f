/* UTF-8: well-formed sequences only (no surrogates, no overlong forms, at most U+10FFFF). */
#ifndef EK_CORE_UTF8_H
#define EK_CORE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

/* The length (1 to 4) of the sequence that s begins with; 0 if it is ill-formed or n is 0. */
size_t ek_utf8_length(const char *s, size_t n);
/* The same, and its code point into *point. */
size_t ek_utf8_decode(uint32_t *point, const char *s, size_t n);
/* The offset of the first byte that does not belong to a well-formed sequence; n if all do. */
size_t ek_utf8_check(const char *s, size_t n);
bool ek_utf8_valid(const char *s, size_t n);
/* Appends point, which must be a scalar value (not a surrogate). */
void ek_utf8_append(struct ek_buf *b, uint32_t point);

/* Columns that s takes on a terminal: 2 for East Asian wide and emoji, 0 for combining marks and
 * controls, 1 for the rest and for every ill-formed byte. */
size_t ek_utf8_width(const char *s, size_t n);

#endif
