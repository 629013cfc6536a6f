/* What went wrong, said once, at its source.
 *
 * Every function that can fail takes a struct ek_error * last (NULL: the caller does not care) and
 * returns 0 or a negative enum ek_code. The message is one line, lower case, without a final dot;
 * it names the thing and the value, and never holds a secret. */
#ifndef EK_CORE_ERROR_H
#define EK_CORE_ERROR_H

enum ek_code {
  EK_OK = 0,
  EK_ERR_NOMEM = -1,    /* out of memory */
  EK_ERR_SYNTAX = -2,   /* text that does not follow its grammar */
  EK_ERR_LIMIT = -3,    /* too long, too deep, too many */
  EK_ERR_INVALID = -4,  /* a value of the wrong type or out of range */
  EK_ERR_IO = -5,       /* the operating system refused */
  EK_ERR_NETWORK = -6,  /* no connection, or it broke */
  EK_ERR_TLS = -7,      /* no trusted connection */
  EK_ERR_TIMEOUT = -8,  /* a deadline passed */
  EK_ERR_CANCELED = -9, /* the task was canceled */
  EK_ERR_NOTFOUND = -10,
  EK_ERR_INTERNAL = -11 /* a library failed in a way it should not */
};

struct ek_error {
  int code; /* enum ek_code */
  char message[512];
};

/* Fills e (may be NULL) and returns code, so that callers can `return ek_error_set(...)`. */
int ek_error_set(struct ek_error *e, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The name of a code as Lua sees it in an error object's `code`: "timeout", "network", ... */
const char *ek_code_name(int code);

#endif
