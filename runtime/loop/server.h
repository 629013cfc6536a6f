/* An HTTP server on the loop: libmicrohttpd reads and writes, its epoll descriptor is polled by
 * ours.
 *
 * A request is handed over when all of it has come, as an exchange, which the server owns. While
 * its taker has it, its connection rests; the taker answers it or drops it, once. */
#ifndef EK_LOOP_SERVER_H
#define EK_LOOP_SERVER_H

#include "core/buf.h"
#include "loop/loop.h"

struct ek_server;

struct ek_server_options {
  const char *address;           /* of IPv4, numbers */
  uint16_t port;                 /* 0: one that is free */
  const char *certificate, *key; /* PEM, certificates of authorities behind; NULL: no TLS */
  size_t max_body;               /* bytes; more is answered with 413 */
  unsigned max_connections;      /* more wait to be accepted */
  unsigned idle_timeout;         /* seconds of silence, before or within a request */
};

/* A request, as it was sent. */
struct ek_received {
  struct ek_buf method, target;
  struct ek_buf headers; /* lines "Name: value\n" */
  struct ek_buf body;
};

void ek_received_fini(struct ek_received *r);

struct ek_exchange; /* a request under way, and its answer */

/* Serves from now on. `notify` is called from the loop when a request waits to be taken, and when
 * the last open exchange is over. */
int ek_server_new(struct ek_server **out, struct ek_loop *loop, const struct ek_server_options *o,
                  void (*notify)(void *user), void *user, struct ek_error *e);
/* Drops what is under way and closes all connections. NULL is nothing. */
void ek_server_free(struct ek_server *server);

uint16_t ek_server_port(const struct ek_server *server);
/* Accepts no more connections, and closes those that there are behind their next answer. */
void ek_server_quiesce(struct ek_server *server);
/* Exchanges that have begun and are not over yet: being read, handled or written. */
size_t ek_server_open(const struct ek_server *server);

/* Takes the request that has waited longest: moves it into out and has *holder point to its
 * exchange until that goes, whoever lets it go. False: none waits. */
bool ek_server_take(struct ek_received *out, struct ek_server *server, struct ek_exchange **holder);
bool ek_server_has_request(const struct ek_server *server);

/* A header of the answer to be; one without a value is left out. EK_ERR_INVALID: it cannot stand in
 * an answer. */
int ek_exchange_header(struct ek_exchange *x, const char *name, const char *value,
                       struct ek_error *e);
/* The body of the answer to be, which is copied; before its headers. */
int ek_exchange_body(struct ek_exchange *x, const void *bytes, size_t n, struct ek_error *e);
/* The same for a body that comes in pieces: behind ek_exchange_answer the exchange stays the
 * taker's, who writes them, and ends it. */
int ek_exchange_pieces(struct ek_exchange *x, struct ek_error *e);
/* Lets the exchange go if there is no client any more, which a write of nothing finds out, too.
 * EK_ERR_LIMIT: the client reads too slowly. */
int ek_exchange_write(struct ek_exchange *x, const void *bytes, size_t n, struct ek_error *e);
void ek_exchange_end(struct ek_exchange *x);
/* Sends the answer. The exchange is not the taker's any more. */
void ek_exchange_answer(struct ek_exchange *x, unsigned status);
/* Closes the connection instead of answering. The exchange is not the taker's any more. */
void ek_exchange_drop(struct ek_exchange *x);

#endif
