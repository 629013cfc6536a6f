/* HTTP transfers on the loop: libcurl's multi interface, one pool of connections.
 *
 * http and https only; no redirects, no cookies, no netrc, no credentials but the headers given.
 * All memory of libcurl is overwritten when it is freed.
 *
 * `done` is called when what is awaited has come: at first the whole answer or, of a stream, its
 * header. A streamed answer is taken in pieces (ek_transfer_await, ek_transfer_take): when nobody
 * takes what came, the server is not read from any further. A request's body is bytes, a part of a
 * file, or fed in pieces: `done` is called too when the next piece is wanted (`starved`). */
#ifndef EK_LOOP_TRANSFER_H
#define EK_LOOP_TRANSFER_H

#include "loop/curl.h"

#include <sys/types.h>

#include "core/buf.h"
#include "loop/loop.h"

struct ek_transfer_options {
  const char *method; /* upper case */
  const char *url;
  const void *body; /* lives until the transfer is over; NULL: none */
  size_t body_len;
  /* Seconds. `timeout` is for all of it; it begins once a body from a file or in pieces is sent,
   * and ends with the header of a streamed answer. */
  double timeout, connect_timeout;
  double idle_timeout;   /* without a byte in either direction */
  size_t max_body;       /* bytes of the answer, decompressed; not of a stream */
  bool stream;           /* the answer is taken in pieces */
  bool decompress;       /* ask for compressed answers */
  const char *proxy;     /* "": none */
  const char *no_proxy;  /* hosts, as NO_PROXY has them; may be NULL */
  const char *ca_bundle; /* NULL: the system's */
};

struct ek_transfer {
  void (*done)(struct ek_transfer *t); /* from the loop; only sets flags */
  void *user;                          /* the caller's */
  bool running;                        /* not over yet */
  bool starved;                        /* the next piece of the body is wanted */
  /* The answer, or error.code != 0. */
  struct ek_error error;
  bool retryable;    /* the same request may go well another time */
  bool header_ended; /* of the answer: the status and all headers are there */
  long status;
  struct ek_buf headers; /* the lines of the last header, without the status line */
  struct ek_buf body;    /* of a stream: what came and was not taken */
  /* Seconds since the start. */
  double dns_time, connect_time, tls_time, first_byte_time, total_time;
  bool reused; /* the connection */
  /* Private. */
  struct ek_loop *loop;
  CURL *easy;
  struct curl_slist *sent;
  char peer[256]; /* host:port, for messages */
  char detail[CURL_ERROR_SIZE];
  struct ek_timer deadline;
  size_t max_body, wanted, taken; /* taken: of body's bytes */
  double timeout, connect_timeout, idle_timeout;
  struct ek_buf piece; /* of the request's body */
  int fd;              /* its file, or -1 */
  off_t offset;        /* of its next byte, in the file or the piece */
  uint64_t unsent, length, received;
  unsigned sends; /* how often the request was begun */
  bool has_type, has_expect, has_encoding, over, header_over, repeatable;
  bool stream, sourced, paused, awaited, proxied;
};

/* Every transfer is freed by its caller; freeing a running one stops it. */
struct ek_transfer *ek_transfer_new(struct ek_loop *loop, struct ek_error *e);
void ek_transfer_free(struct ek_transfer *t);
/* Before the start. Refuses what would break out of the line. */
int ek_transfer_header(struct ek_transfer *t, const char *name, const char *value, size_t value_len,
                       struct ek_error *e);
/* Before the start: the body is `length` bytes of a file from `offset` on (length UINT64_MAX: to
 * its end), or `length` bytes in pieces. */
int ek_transfer_file(struct ek_transfer *t, const char *path, uint64_t offset, uint64_t length,
                     struct ek_error *e);
void ek_transfer_pieces(struct ek_transfer *t, uint64_t length);
/* The next piece, when starved. Fails if it is more than the length announced. */
int ek_transfer_feed(struct ek_transfer *t, const void *bytes, size_t n, struct ek_error *e);
int ek_transfer_start(struct ek_transfer *t, const struct ek_transfer_options *o,
                      void (*done)(struct ek_transfer *), struct ek_error *e);
/* Has `done` called again: once n bytes are there to take, a piece is wanted, or all is over.
 * False: that is so already, and it is not called. */
bool ek_transfer_await(struct ek_transfer *t, size_t n);
/* The bytes there are, and that the first n of them were taken. */
size_t ek_transfer_there(const char **bytes, const struct ek_transfer *t);
void ek_transfer_take(struct ek_transfer *t, size_t n);
/* Stops it at once; `done` is not called any more. NULL is none. */
void ek_transfer_stop(struct ek_transfer *t);

void ek_pool_free(struct ek_pool *pool);

#endif
