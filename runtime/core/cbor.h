/* CBOR (RFC 8949), as AWS's protocols use it: a pull reader over bytes in memory and writers of
 * single items.
 *
 * The reader takes one item with all that is in it, of definite or indefinite length. It refuses
 * ill-formed UTF-8 in text, simple values other than false, true, null and undefined, lengths
 * beyond the end, and nesting deeper than allowed. Keys of maps are handed out as they come, before
 * their values. It allocates only for strings in chunks, and uses one buffer for all of them.
 *
 *   struct ek_cbor_reader r;
 *   ek_cbor_reader_init(&r, bytes, len, 64);
 *   for (enum ek_cbor_type t; (t = ek_cbor_next(&r)) > EK_CBOR_END;) ...
 *   if (r.error.code != 0) ...
 *   ek_cbor_reader_fini(&r); */
#ifndef EK_CORE_CBOR_H
#define EK_CORE_CBOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/error.h"

enum { EK_CBOR_DEPTH_MAX = 128, EK_CBOR_TAG_EPOCH = 1 };

enum ek_cbor_type {
  EK_CBOR_ERROR = -1,
  EK_CBOR_END,  /* all bytes were read, and they were right */
  EK_CBOR_NULL, /* or undefined */
  EK_CBOR_TRUE,
  EK_CBOR_FALSE,
  EK_CBOR_INTEGER, /* that fits into 64 bits with a sign */
  EK_CBOR_BIG,     /* another integer: argument, or -1 - argument if negative */
  EK_CBOR_NUMBER,
  EK_CBOR_TEXT,
  EK_CBOR_BYTES,
  EK_CBOR_TAG, /* belongs to the item behind it */
  EK_CBOR_ARRAY_BEGIN,
  EK_CBOR_ARRAY_END,
  EK_CBOR_MAP_BEGIN,
  EK_CBOR_MAP_END
};

struct ek_cbor_reader {
  /* Of the item just read. A string is in the input or in the reader's buffer: valid until the next
   * call, not closed by NUL, may hold NUL. */
  const char *string;
  size_t string_len;
  int64_t integer;
  double number;
  uint64_t argument; /* of an integer, a tag */
  bool negative;
  unsigned depth; /* arrays and maps now open */

  /* Set with EK_CBOR_ERROR: the message begins with "byte N: ", counted from 1. After an error
   * every call gives EK_CBOR_ERROR. */
  struct ek_error error;

  /* private */
  const uint8_t *start, *at, *end;
  unsigned max_depth;
  enum ek_cbor_type last;
  bool done, tagged;
  struct ek_buf chunks;
  struct {
    uint64_t left; /* items to come; of an indefinite one, those that came */
    bool indefinite, is_map;
  } open[EK_CBOR_DEPTH_MAX];
};

/* The bytes must outlive the reader. max_depth: 1 to EK_CBOR_DEPTH_MAX. */
void ek_cbor_reader_init(struct ek_cbor_reader *r, const void *bytes, size_t len,
                         unsigned max_depth);
void ek_cbor_reader_fini(struct ek_cbor_reader *r);

enum ek_cbor_type ek_cbor_next(struct ek_cbor_reader *r);
/* Reads on to the end of the item that the last one began; behind a tag, past the item tagged.
 * Nothing to do after a scalar. Returns r->error.code. */
int ek_cbor_skip(struct ek_cbor_reader *r);
/* For messages: "a map", "text", ... */
const char *ek_cbor_type_name(enum ek_cbor_type type);

/* Writers: the shortest definite form. Behind a map of n come n keys, each with its value. */
void ek_cbor_write_null(struct ek_buf *b);
void ek_cbor_write_boolean(struct ek_buf *b, bool value);
void ek_cbor_write_integer(struct ek_buf *b, int64_t n);
/* In 64 bits, or in 32; what is not finite in 16. */
void ek_cbor_write_number(struct ek_buf *b, double n);
void ek_cbor_write_float(struct ek_buf *b, float n);
void ek_cbor_write_text(struct ek_buf *b, const char *s, size_t n);
void ek_cbor_write_bytes(struct ek_buf *b, const void *bytes, size_t n);
void ek_cbor_write_array(struct ek_buf *b, uint64_t n);
void ek_cbor_write_map(struct ek_buf *b, uint64_t n);
void ek_cbor_write_tag(struct ek_buf *b, uint64_t tag);

#endif
