/* Error messages. */
#include "core/error.h"

#include <stdarg.h>

int ek_error_set(struct ek_error *e, int code, const char *format, ...) {
  if (e == NULL) return code;
  va_list args;
  va_start(args, format);
  e->code = code;
  (void)vsnprintf(e->message, sizeof e->message, format, args);
  va_end(args);
  return code;
}

const char *ek_code_name(int code) {
  switch (code) {
  case EK_OK: return "ok";
  case EK_ERR_NOMEM: return "memory";
  case EK_ERR_SYNTAX: return "syntax";
  case EK_ERR_LIMIT: return "limit";
  case EK_ERR_INVALID: return "invalid";
  case EK_ERR_IO: return "io";
  case EK_ERR_NETWORK: return "network";
  case EK_ERR_TLS: return "tls";
  case EK_ERR_TIMEOUT: return "timeout";
  case EK_ERR_CANCELED: return "canceled";
  case EK_ERR_NOTFOUND: return "not_found";
  default: return "internal";
  }
}
