/* HTTP transfers on the loop: libcurl's multi interface, one pool of connections.
 *
 * http and https only; no redirects, no cookies, no netrc, no credentials but the headers given.
 * All memory of libcurl is overwritten when it is freed. */
#ifndef EK_LOOP_TRANSFER_H
#define EK_LOOP_TRANSFER_H

#include "loop/curl.h"

#include "core/buf.h"
#include "loop/loop.h"

struct ek_transfer_options {
  const char *method; /* upper case */
  const char *url;
  const void *body; /* lives until the transfer is over; NULL: none */
  size_t body_len;
  double timeout, connect_timeout; /* seconds */
  size_t max_body;                 /* bytes of the answer, decompressed */
  const char *proxy;               /* "": none */
  const char *no_proxy;            /* hosts, as NO_PROXY has them; may be NULL */
  const char *ca_bundle;           /* NULL: the system's */
};

struct ek_transfer {
  void (*done)(struct ek_transfer *t); /* once, from the loop, unless stopped before */
  void *user;                          /* the caller's */
  /* The answer, or error.code != 0. */
  struct ek_error error;
  bool retryable; /* the same request may go well another time */
  long status;
  struct ek_buf headers; /* the lines of the last header, without the status line */
  struct ek_buf body;
  double connect_time, tls_time, first_byte_time, total_time; /* seconds since the start */
  bool reused;                                                /* the connection */
  /* Private. */
  struct ek_loop *loop;
  CURL *easy;
  struct curl_slist *sent;
  char peer[256]; /* host:port, for messages */
  char detail[CURL_ERROR_SIZE];
  size_t max_body;
  double timeout, connect_timeout;
  unsigned sends; /* how often the request was begun */
  bool has_type, over, header_over, running, repeatable;
};

/* Every transfer is freed by its caller; freeing a running one stops it. */
struct ek_transfer *ek_transfer_new(struct ek_loop *loop, struct ek_error *e);
void ek_transfer_free(struct ek_transfer *t);
/* Before the start. Refuses what would break out of the line. */
int ek_transfer_header(struct ek_transfer *t, const char *name, const char *value, size_t value_len,
                       struct ek_error *e);
int ek_transfer_start(struct ek_transfer *t, const struct ek_transfer_options *o,
                      void (*done)(struct ek_transfer *), struct ek_error *e);
/* Stops it at once; `done` is not called any more. NULL is none. */
void ek_transfer_stop(struct ek_transfer *t);

void ek_pool_free(struct ek_pool *pool);

#endif
