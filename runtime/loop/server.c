/* The server: what libmicrohttpd calls, and what calls libmicrohttpd. */
#include "loop/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "loop/mhd.h"

/* Of a request's line and headers, and of an answer's; more is answered with 431 or 414. */
#define HEADER_MAX ((size_t)32 * 1024)
/* Descriptors that are left to the rest of the program. */
#define DESCRIPTORS_SPARED 64
/* Bytes of a body that is too large, which are read before it is refused: who has not said all does
 * not listen yet. */
#define DISCARDED_MAX ((uint64_t)1024 * 1024 * 1024)
#define BACKLOG       1024u
/* Bytes of pieces that wait to be sent. */
#define PIECE_MAX  ((size_t)4096)
#define UNSENT_MAX ((size_t)1024 * 1024)

struct ek_exchange {
  struct ek_server *server;
  struct ek_exchange **holder; /* who took it; NULL: nobody */
  struct ek_received received; /* until it is taken */
  struct MHD_Connection *connection;
  struct MHD_Response *response; /* owned */
  unsigned status;
  struct ek_buf pieces; /* of a body that comes in pieces, not sent yet */
  uint64_t discarded;   /* bytes of a body that is too large */
  bool begun;           /* the header is there */
  bool too_large;
  bool in_pieces, ended, rests; /* the connection waits for a piece */
  bool dropped;                 /* the body is not whole */
  enum { READS, WAITS, TAKEN, ANSWERED } state;
  struct ek_exchange *next, **link; /* among those that are open */
  struct ek_exchange *next_waiting;
};

struct watch {
  uv_poll_t poll;
  struct ek_server *server; /* NULL: closed */
};

struct ek_server {
  struct ek_loop *loop;
  struct MHD_Daemon *daemon;
  struct watch *watch;
  struct ek_timer timer;
  size_t max_body;
  void (*notify)(void *user);
  void *user;
  struct ek_exchange *open; /* list */
  size_t open_count;
  struct ek_exchange *waiting_first, *waiting_last;
  bool quiesced, closing;
  bool has_left; /* a connection has ended in this turn */
};

/* -- exchanges -----------------------------------------------------------------------------------
 */

void ek_received_fini(struct ek_received *r) {
  ek_buf_fini(&r->method);
  ek_buf_fini(&r->target);
  ek_buf_wipe(&r->headers); /* tokens */
  ek_buf_fini(&r->headers);
  ek_buf_wipe(&r->body);
  ek_buf_fini(&r->body);
}

static void let_go(struct ek_exchange *x) {
  if (x->holder != NULL) *x->holder = NULL;
  x->holder = NULL;
}

static void take_from_queue(struct ek_server *s, const struct ek_exchange *x) {
  struct ek_exchange *previous = NULL;
  for (struct ek_exchange *i = s->waiting_first; i != NULL; previous = i, i = i->next_waiting) {
    if (i != x) continue;
    if (previous == NULL)
      s->waiting_first = i->next_waiting;
    else
      previous->next_waiting = i->next_waiting;
    if (s->waiting_last == i) s->waiting_last = previous;
    return;
  }
}

static void free_exchange(struct ek_exchange *x) {
  struct ek_server *s = x->server;
  let_go(x);
  if (x->state == WAITS) take_from_queue(s, x);
  if (x->response != NULL) ek_mhd.destroy_response(x->response);
  *x->link = x->next;
  if (x->next != NULL) x->next->link = x->link;
  s->open_count--;
  ek_received_fini(&x->received);
  ek_buf_fini(&x->pieces);
  free(x);
  if (s->open_count == 0) s->notify(s->user);
}

/* libmicrohttpd has read the request's first line; what this returns is its context. */
static void *on_target(void *user, const char *target, struct MHD_Connection *connection) {
  struct ek_server *s = user;
  struct ek_exchange *x = calloc(1, sizeof *x);
  if (x == NULL) return NULL;
  x->server = s;
  x->connection = connection;
  x->next = s->open;
  x->link = &s->open;
  if (x->next != NULL) x->next->link = &x->next;
  s->open = x;
  s->open_count++;
  ek_buf_puts(&x->received.target, target);
  return x;
}

static enum MHD_Result on_header(void *user, enum MHD_ValueKind kind, const char *name,
                                 const char *value) {
  struct ek_buf *lines = user;
  (void)kind;
  ek_buf_puts(lines, name);
  ek_buf_puts(lines, ": ");
  ek_buf_puts(lines, value == NULL ? "" : value);
  ek_buf_putc(lines, '\n');
  return MHD_YES;
}

/* Answers without asking anybody. */
static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status) {
  struct MHD_Response *response =
      ek_mhd.create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
  if (response == NULL) return MHD_NO;
  enum MHD_Result result = ek_mhd.queue_response(connection, status, response);
  ek_mhd.destroy_response(response);
  return result;
}

/* The header is there. */
static enum MHD_Result begin(struct ek_server *s, struct ek_exchange *x, const char *method) {
  x->begun = true;
  ek_buf_puts(&x->received.method, method);
  (void)ek_mhd.get_connection_values(x->connection, MHD_HEADER_KIND, on_header,
                                     &x->received.headers);
  const char *length =
      ek_mhd.lookup_connection_value(x->connection, MHD_HEADER_KIND, "Content-Length");
  x->too_large = length != NULL && strtoull(length, NULL, 10) > s->max_body;
  /* Who waits for 100 Continue listens already. */
  if (x->too_large &&
      ek_mhd.lookup_connection_value(x->connection, MHD_HEADER_KIND, "Expect") != NULL)
    return refuse(x->connection, MHD_HTTP_CONTENT_TOO_LARGE);
  return MHD_YES;
}

/* A part of the body. */
static enum MHD_Result read_body(struct ek_exchange *x, const char *bytes, size_t n) {
  struct ek_buf *body = &x->received.body;
  x->too_large = x->too_large || n > x->server->max_body - body->len;
  if (x->too_large) {
    ek_buf_fini(body);
    x->discarded += n;
    return x->discarded > DISCARDED_MAX ? MHD_NO : MHD_YES;
  }
  ek_buf_append(body, bytes, n);
  return body->failed ? MHD_NO : MHD_YES;
}

/* Called with the header, with each part of the body, at its end, and when the connection goes on.
 */
static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *bytes,
                                  size_t *n, void **context) {
  struct ek_server *s = user;
  struct ek_exchange *x = *context;
  (void)connection, (void)url, (void)version;
  if (x == NULL) return MHD_NO; /* memory was short */
  if (!x->begun) return begin(s, x, method);
  if (*n > 0) {
    size_t count = *n;
    *n = 0;
    return read_body(x, bytes, count);
  }
  if (x->too_large) return refuse(connection, MHD_HTTP_CONTENT_TOO_LARGE);
  if (x->state == ANSWERED)
    return x->response == NULL ? MHD_NO : ek_mhd.queue_response(connection, x->status, x->response);
  if (x->received.headers.failed || x->received.target.failed || x->received.method.failed)
    return MHD_NO;
  if (s->closing) return MHD_NO; /* nothing may rest when the library stops */
  ek_mhd.suspend_connection(connection);
  x->state = WAITS;
  if (s->waiting_first == NULL)
    s->waiting_first = x;
  else
    s->waiting_last->next_waiting = x;
  s->waiting_last = x;
  s->notify(s->user);
  return MHD_YES;
}

static void on_over(void *user, struct MHD_Connection *connection, void **context,
                    enum MHD_RequestTerminationCode how) {
  (void)user, (void)connection, (void)how;
  if (*context != NULL) free_exchange(*context);
  *context = NULL;
}

/* Targets are handed over as they were sent. */
static size_t leave_encoded(void *user, struct MHD_Connection *connection, char *text) {
  (void)user, (void)connection;
  return strlen(text);
}

bool ek_server_take(struct ek_received *out, struct ek_server *s, struct ek_exchange **holder) {
  struct ek_exchange *x = s->waiting_first;
  if (x == NULL) return false;
  take_from_queue(s, x);
  x->state = TAKEN;
  x->holder = holder;
  *holder = x;
  *out = x->received;
  x->received = (struct ek_received){.method = EK_BUF_INIT};
  return true;
}

bool ek_server_has_request(const struct ek_server *s) {
  return s->waiting_first != NULL;
}

int ek_exchange_body(struct ek_exchange *x, const void *bytes, size_t n, struct ek_error *e) {
  /* It is copied; the library's argument is not const. */
  union {
    const void *in;
    void *out;
  } data = {.in = bytes};
  if (x->response != NULL) ek_mhd.destroy_response(x->response);
  x->response = ek_mhd.create_response_from_buffer(n, data.out, MHD_RESPMEM_MUST_COPY);
  if (x->response == NULL) return ek_error_set(e, EK_ERR_NOMEM, "not enough memory for an answer");
  x->in_pieces = false;
  return 0;
}

int ek_exchange_header(struct ek_exchange *x, const char *name, const char *value,
                       struct ek_error *e) {
  if (*value == '\0' || ek_mhd.add_response_header(x->response, name, value) == MHD_YES) return 0;
  return ek_error_set(e, EK_ERR_INVALID, "'%s' cannot be the header of an answer", name);
}

static void on_timer(struct ek_timer *timer);

/* The connection goes on in the next turn of the loop. */
static void go_on(struct ek_exchange *x) {
  struct ek_server *s = x->server;
  x->rests = false;
  ek_mhd.resume_connection(x->connection);
  (void)ek_timer_start(s->loop, &s->timer, 0, on_timer, NULL);
}

void ek_exchange_answer(struct ek_exchange *x, unsigned status) {
  x->status = status;
  x->state = ANSWERED;
  if (x->server->quiesced) (void)ek_mhd.add_response_header(x->response, "Connection", "close");
  if (!x->in_pieces) let_go(x);
  go_on(x);
}

void ek_exchange_drop(struct ek_exchange *x) {
  if (x->state == ANSWERED) { /* in pieces: what was sent stays without its end */
    x->dropped = true;
    ek_exchange_end(x);
    return;
  }
  if (x->response != NULL) ek_mhd.destroy_response(x->response);
  x->response = NULL;
  x->state = ANSWERED;
  let_go(x);
  go_on(x);
}

/* Gives the library what there is of the body; without any, the connection rests. */
static ssize_t on_piece(void *user, uint64_t sent, char *out, size_t n) {
  struct ek_exchange *x = user;
  (void)sent;
  if (x->dropped) return MHD_CONTENT_READER_END_WITH_ERROR;
  if (x->pieces.len == 0 && x->ended) return MHD_CONTENT_READER_END_OF_STREAM;
  if (x->pieces.len == 0) {
    x->rests = true;
    ek_mhd.suspend_connection(x->connection);
    return 0;
  }
  if (n > x->pieces.len) n = x->pieces.len;
  memcpy(out, x->pieces.data, n);
  memmove(x->pieces.data, x->pieces.data + n, x->pieces.len - n);
  x->pieces.len -= n;
  return (ssize_t)n;
}

int ek_exchange_pieces(struct ek_exchange *x, struct ek_error *e) {
  if (x->response != NULL) ek_mhd.destroy_response(x->response);
  x->response =
      ek_mhd.create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE_MAX, on_piece, x, NULL);
  if (x->response == NULL) return ek_error_set(e, EK_ERR_NOMEM, "not enough memory for an answer");
  x->in_pieces = true;
  return 0;
}

/* A connection that rests is not looked at by the library. Who says that no more will come is taken
 * to be gone. */
static bool has_left(const struct ek_exchange *x) {
  const union MHD_ConnectionInfo *info =
      ek_mhd.get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  struct pollfd fd = {.fd = info == NULL ? -1 : info->connect_fd, .events = POLLRDHUP};
  return poll(&fd, 1, 0) > 0;
}

int ek_exchange_write(struct ek_exchange *x, const void *bytes, size_t n, struct ek_error *e) {
  if (n > UNSENT_MAX - x->pieces.len)
    return ek_error_set(e, EK_ERR_LIMIT, "the client does not read what is sent");
  ek_buf_append(&x->pieces, bytes, n);
  if (x->pieces.failed) return ek_error_set(e, EK_ERR_NOMEM, "not enough memory for an answer");
  if (x->rests && has_left(x))
    ek_exchange_end(x);
  else if (x->rests && n > 0)
    go_on(x);
  return 0;
}

void ek_exchange_end(struct ek_exchange *x) {
  x->ended = true;
  let_go(x);
  if (x->rests) go_on(x);
}

/* -- the loop ------------------------------------------------------------------------------------
 */

static void on_connection(void *user, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what) {
  struct ek_server *s = user;
  (void)connection, (void)context;
  if (what == MHD_CONNECTION_NOTIFY_CLOSED) s->has_left = true;
}

/* A server that is full does not watch its port; the library looks whether there is room again at
 * the beginning of a run only. */
static void run(struct ek_server *s) {
  unsigned long long ms;
  s->has_left = false;
  (void)ek_mhd.run(s->daemon);
  if (s->has_left)
    (void)ek_timer_start(s->loop, &s->timer, 0, on_timer, NULL);
  else if (ek_mhd.get_timeout(s->daemon, &ms) == MHD_YES)
    (void)ek_timer_start(s->loop, &s->timer, (double)ms / 1000, on_timer, NULL);
  else
    ek_timer_stop(s->loop, &s->timer);
}

static void on_timer(struct ek_timer *timer) {
  run((struct ek_server *)((char *)timer - offsetof(struct ek_server, timer)));
}

static void on_events(uv_poll_t *poll, int status, int events) {
  struct watch *w = poll->data;
  (void)status, (void)events;
  if (w->server != NULL) run(w->server);
}

static void free_watch(uv_handle_t *handle) {
  free(handle->data);
}

static int watch(struct ek_server *s, struct ek_error *e) {
  const union MHD_DaemonInfo *info = ek_mhd.get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
  struct watch *w = calloc(1, sizeof *w);
  if (w == NULL || info == NULL || uv_poll_init(&s->loop->uv, &w->poll, info->epoll_fd) != 0) {
    free(w);
    return ek_error_set(e, EK_ERR_INTERNAL, "the server's descriptor cannot be watched");
  }
  w->poll.data = w;
  w->server = s;
  s->watch = w;
  (void)uv_poll_start(&w->poll, UV_READABLE, on_events);
  run(s);
  return 0;
}

/* As many connections as wanted and as there can be descriptors. */
static unsigned connections(unsigned wanted) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  }
  if (limit.rlim_cur <= 2 * DESCRIPTORS_SPARED) return DESCRIPTORS_SPARED;
  return limit.rlim_cur - DESCRIPTORS_SPARED < wanted
             ? (unsigned)limit.rlim_cur - DESCRIPTORS_SPARED
             : wanted;
}

static int start(struct ek_server *s, const struct ek_server_options *o, struct ek_error *e) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(o->port)};
  if (inet_pton(AF_INET, o->address, &address.sin_addr) != 1)
    return ek_error_set(e, EK_ERR_INVALID, "'%s' is not an IPv4 address", o->address);
  unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO;
  struct MHD_OptionItem options[] = {
      {MHD_OPTION_SOCK_ADDR, 0, &address},
      {MHD_OPTION_LISTEN_BACKLOG_SIZE, BACKLOG, NULL},
      {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
      {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)connections(o->max_connections), NULL},
      {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)o->idle_timeout, NULL},
      {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)HEADER_MAX, NULL},
      {MHD_OPTION_END, 0, NULL},
      {MHD_OPTION_END, 0, NULL},
      {MHD_OPTION_END, 0, NULL}};
  if (o->certificate != NULL) {
    struct MHD_OptionItem *tls = options + sizeof options / sizeof *options - 3;
    flags |= MHD_USE_TLS;
    union {
      const char *in;
      void *out;
    } certificate = {.in = o->certificate}, key = {.in = o->key};
    tls[0] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, certificate.out};
    tls[1] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, key.out};
  }
  errno = 0;
  s->daemon = ek_mhd.start_daemon(
      flags, o->port, NULL, NULL, on_request, s, MHD_OPTION_URI_LOG_CALLBACK, on_target, s,
      MHD_OPTION_NOTIFY_COMPLETED, on_over, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
      MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, NULL, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
  if (s->daemon != NULL) return 0;
  return ek_error_set(e, EK_ERR_IO, "cannot listen on %s:%u%s%s", o->address, (unsigned)o->port,
                      errno != 0 ? ": " : "", errno != 0 ? uv_strerror(-errno) : "");
}

int ek_server_new(struct ek_server **out, struct ek_loop *loop, const struct ek_server_options *o,
                  void (*notify)(void *), void *user, struct ek_error *e) {
  *out = NULL;
  int rc = ek_mhd_load(e);
  if (rc != 0) return rc;
  struct ek_server *s = calloc(1, sizeof *s);
  if (s == NULL) return ek_error_set(e, EK_ERR_NOMEM, "not enough memory for a server");
  s->loop = loop;
  s->max_body = o->max_body;
  s->notify = notify;
  s->user = user;
  rc = start(s, o, e);
  if (rc == 0) rc = watch(s, e);
  if (rc != 0) {
    ek_server_free(s);
    return rc;
  }
  *out = s;
  return 0;
}

static void no_notice(void *user) {
  (void)user;
}

void ek_server_free(struct ek_server *s) {
  if (s == NULL) return;
  s->notify = no_notice;
  s->closing = true;
  for (struct ek_exchange *x = s->open; x != NULL; x = x->next) {
    if (x->state == WAITS) take_from_queue(s, x);
    if (x->state == WAITS || x->state == TAKEN || x->in_pieces) ek_exchange_drop(x);
  }
  if (s->watch != NULL) {
    s->watch->server = NULL;
    (void)uv_poll_stop(&s->watch->poll);
    uv_close((uv_handle_t *)&s->watch->poll, free_watch);
  }
  if (s->daemon != NULL) {
    (void)ek_mhd.run(s->daemon); /* what rested goes on */
    ek_mhd.stop_daemon(s->daemon);
  }
  ek_timer_stop(s->loop, &s->timer);
  free(s);
}

uint16_t ek_server_port(const struct ek_server *s) {
  const union MHD_DaemonInfo *info = ek_mhd.get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
  return info == NULL ? 0 : info->port;
}

void ek_server_quiesce(struct ek_server *s) {
  s->quiesced = true;
  int fd = ek_mhd.quiesce_daemon(s->daemon);
  if (fd >= 0) (void)close(fd);
}

size_t ek_server_open(const struct ek_server *s) {
  return s->open_count;
}
