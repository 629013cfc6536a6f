/* JSON (RFC 8259, strictly): a pull reader over bytes in memory and writers of single values.
 *
 * The reader takes UTF-8 text without a byte order mark, one value a text. It refuses ill-formed
 * UTF-8, lone surrogates, numbers too large for a double, and nesting deeper than allowed.
 * Duplicate keys are handed out as they come. It allocates only for strings with escapes, and
 * uses one buffer for all of them.
 *
 *   struct ek_json_reader r;
 *   ek_json_reader_init(&r, text, len, 64);
 *   for (enum ek_json_type t; (t = ek_json_next(&r)) > EK_JSON_END;) ...
 *   if (r.error.code != 0) ...
 *   ek_json_reader_fini(&r); */
#ifndef EK_CORE_JSON_H
#define EK_CORE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/error.h"

enum { EK_JSON_DEPTH_MAX = 1024 };

enum ek_json_type {
  EK_JSON_ERROR = -1,
  EK_JSON_END, /* the whole text was read, and it was right */
  EK_JSON_NULL,
  EK_JSON_TRUE,
  EK_JSON_FALSE,
  EK_JSON_INTEGER, /* without '.' and exponent, and fits; "-0" is a number, for its sign */
  EK_JSON_NUMBER,
  EK_JSON_STRING,
  EK_JSON_KEY,
  EK_JSON_ARRAY_BEGIN,
  EK_JSON_ARRAY_END,
  EK_JSON_OBJECT_BEGIN,
  EK_JSON_OBJECT_END
};

struct ek_json_reader {
  /* Of the token just read. A string or key is in the text or in the reader's buffer: valid until
   * the next call, not closed by NUL, may hold NUL. */
  const char *string;
  size_t string_len;
  int64_t integer;
  double number;
  unsigned depth;      /* arrays and objects now open */
  const char *literal; /* a number as it was written, literal_len bytes within the text */
  size_t literal_len;

  /* Set with EK_JSON_ERROR: the message begins with "line L, column C: "; both count from 1, a
   * column is a byte. After an error every call gives EK_JSON_ERROR. */
  struct ek_error error;
  size_t line, column;

  /* May be set before the first token: numbers that JSON does not have are read too, as lua-cjson
   * does: inf, infinity and nan in any case, hexadecimal integers, leading zeros, a leading '+'. */
  bool any_numbers;

  /* private */
  const char *text, *at, *end;
  unsigned max_depth;
  int expect;
  enum ek_json_type last;
  struct ek_buf scratch;
  uint8_t is_object[EK_JSON_DEPTH_MAX / 8];
};

/* text must outlive the reader. max_depth: 1 to EK_JSON_DEPTH_MAX, 0 for the most. */
void ek_json_reader_init(struct ek_json_reader *r, const char *text, size_t len,
                         unsigned max_depth);
void ek_json_reader_fini(struct ek_json_reader *r);

enum ek_json_type ek_json_next(struct ek_json_reader *r);
/* Reads on to the end of the value that the last token began; after a key, past its value.
 * Nothing to do after a scalar. Returns r->error.code. */
int ek_json_skip(struct ek_json_reader *r);
/* The last token's name, for messages: "an object", "a string", ... */
const char *ek_json_type_name(enum ek_json_type type);

/* Writers. What needs quoting is quoted: '"', '\' and control characters; bytes from 0x80 on are
 * copied as they are (check with ek_utf8_valid if in doubt). */
void ek_json_write_string(struct ek_buf *b, const char *s, size_t n);
void ek_json_write_integer(struct ek_buf *b, int64_t n);
/* The shortest text that reads back as n, with '.' or exponent. n must be finite. */
void ek_json_write_number(struct ek_buf *b, double n);

#endif
