/* AWS config and credentials files: a pull reader by the rules that the SDKs share.
 *
 *   # or ; begin a comment at the start of a line, or behind a space
 *   [type name]          a section; a name may be quoted
 *   key = value          keys are folded to lower case, values trimmed
 *    more                indented: the value goes on, behind a newline
 *   key =
 *    key = value         indented below an empty value: properties of the property
 *
 * Sections and keys with names that no SDK accepts are left out, with all that belongs to them;
 * whatever breaks the grammar is an error. Bytes are taken as they are. */
#ifndef EK_CORE_INI_H
#define EK_CORE_INI_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "core/error.h"

enum ek_ini_type { EK_INI_ERROR = -1, EK_INI_END, EK_INI_SECTION, EK_INI_KEY, EK_INI_SUBKEY };

struct ek_ini_reader {
  /* Of the item just read, valid until the next call, not closed by NUL. */
  const char *type, *name; /* section: [profile x] is "profile" and "x", [x] is "x" and NULL */
  size_t type_len, name_len;
  const char *key, *value; /* key and subkey */
  size_t key_len, value_len;
  size_t line; /* where the item begins, from 1; of an error, too */
  struct ek_error error;

  /* private */
  const char *at, *end;
  size_t next_line;
  bool in_section, skip_section, has_key, skip_key, failed;
  struct ek_buf key_buf, value_buf; /* wiped at the end: values are secrets */
};

void ek_ini_reader_init(struct ek_ini_reader *r, const char *text, size_t len);
void ek_ini_reader_fini(struct ek_ini_reader *r);
enum ek_ini_type ek_ini_next(struct ek_ini_reader *r);

#endif
