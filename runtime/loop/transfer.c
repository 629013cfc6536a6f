/* HTTP transfers: one curl easy handle each. */
#include "loop/transfer.h"

#include <unistd.h>

#include "loop/pool.h"

#define KEEPALIVE_SECONDS 60L

struct ek_transfer *ek_transfer_new(struct ek_loop *loop, struct ek_error *e) {
  struct ek_pool *pool;
  if (ek_pool_get(&pool, loop, e) != 0) return NULL;
  struct ek_transfer *t = calloc(1, sizeof *t);
  if (t == NULL || (t->easy = ek_curl.easy_init()) == NULL) {
    free(t);
    (void)ek_error_set(e, EK_ERR_NOMEM, "not enough memory for a transfer");
    return NULL;
  }
  t->loop = loop;
  t->fd = -1;
  return t;
}

void ek_transfer_stop(struct ek_transfer *t) {
  if (t == NULL || !t->running) return;
  t->running = false;
  ek_timer_stop(t->loop, &t->deadline);
  (void)ek_curl.multi_remove_handle(t->loop->pool->multi, t->easy);
}

void ek_transfer_free(struct ek_transfer *t) {
  if (t == NULL) return;
  ek_transfer_stop(t);
  ek_curl.easy_cleanup(t->easy);
  ek_curl.slist_free_all(t->sent);
  ek_buf_wipe(&t->headers);
  ek_buf_fini(&t->headers);
  ek_buf_wipe(&t->body);
  ek_buf_fini(&t->body);
  ek_buf_wipe(&t->piece);
  ek_buf_fini(&t->piece);
  if (t->fd >= 0) (void)close(t->fd);
  free(t);
}

/* -- the request ---------------------------------------------------------------------------------
 */

static bool is_token(const char *s) {
  if (*s == '\0') return false;
  for (; *s != '\0'; s++) {
    bool alphanumeric =
        (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9');
    if (!alphanumeric && strchr("!#$%&'*+-.^_`|~", *s) == NULL) return false;
  }
  return true;
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

static int append_line(struct ek_transfer *t, const char *line, struct ek_error *e) {
  struct curl_slist *sent = ek_curl.slist_append(t->sent, line);
  if (sent == NULL) return ek_error_set(e, EK_ERR_NOMEM, "not enough memory for a header");
  t->sent = sent;
  return 0;
}

int ek_transfer_header(struct ek_transfer *t, const char *name, const char *value, size_t value_len,
                       struct ek_error *e) {
  if (!is_token(name)) return ek_error_set(e, EK_ERR_INVALID, "not a header name: '%s'", name);
  for (size_t i = 0; i < value_len; i++)
    if (value[i] == '\r' || value[i] == '\n' || value[i] == '\0')
      return ek_error_set(e, EK_ERR_INVALID, "header %s: its value has a line break or NUL", name);
  if (strcasecmp(name, "content-type") == 0) t->has_type = true;
  if (strcasecmp(name, "expect") == 0) t->has_expect = true;
  if (strcasecmp(name, "accept-encoding") == 0) t->has_encoding = true;
  /* Blanks around a value are no part of it, neither on the wire nor for a signature; curl drops a
   * header that has nothing else. */
  while (value_len > 0 && is_blank(*value)) value++, value_len--;
  while (value_len > 0 && is_blank(value[value_len - 1])) value_len--;
  /* "Name:" would remove a header of curl's own, "Name;" sends an empty one. */
  struct ek_buf line = EK_BUF_INIT;
  ek_buf_puts(&line, name);
  ek_buf_puts(&line, value_len == 0 ? ";" : ": ");
  ek_buf_append(&line, value, value_len);
  int rc = append_line(t, ek_buf_cstr(&line), e);
  if (line.failed) rc = ek_error_set(e, EK_ERR_NOMEM, "not enough memory for a header");
  ek_buf_wipe(&line);
  ek_buf_fini(&line);
  return rc;
}

/* Bytes of an URL up to the path, 0: it has no plain host. */
static size_t origin_size(const char *url) {
  const char *host = strstr(url, "://");
  if (host == NULL) return 0;
  host += 3;
  size_t n = strcspn(host, "/?#");
  return n == 0 ? 0 : (size_t)(host - url) + n;
}

/* t->peer = host:port of the URL; of the rest, which may be secret, no message says anything. */
static int read_peer(struct ek_transfer *t, const char *url, struct ek_error *e) {
  char *host = NULL, *port = NULL, *scheme = NULL;
  CURLU *u = ek_curl.url();
  int rc = 0;
  if (u == NULL) return ek_error_set(e, EK_ERR_NOMEM, "not enough memory for a URL");
  CURLUcode bad =
      ek_curl.url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME | CURLU_DISALLOW_USER);
  if (bad == CURLUE_USER_NOT_ALLOWED) /* curl would make an Authorization of it */
    rc = ek_error_set(e, EK_ERR_INVALID, "the URL names a user: put credentials into a header");
  else if (bad != CURLUE_OK || ek_curl.url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
    rc = ek_error_set(e, EK_ERR_INVALID, "not a URL");
  else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
    rc = ek_error_set(e, EK_ERR_INVALID, "URL scheme '%s': neither http nor https", scheme);
  else if (ek_curl.url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK)
    rc = ek_error_set(e, EK_ERR_INVALID, "not a URL");
  else if (ek_curl.url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK)
    (void)snprintf(t->peer, sizeof t->peer, "%s:%s", host, port);
  ek_curl.free(host);
  ek_curl.free(port);
  ek_curl.free(scheme);
  ek_curl.url_cleanup(u);
  return rc;
}

/* As read_peer, which need not parse what it accepted just before. */
static int set_peer(struct ek_transfer *t, struct ek_pool *pool, const char *url,
                    struct ek_error *e) {
  size_t n = origin_size(url);
  if (n > 0 && n < sizeof pool->origin && strncmp(pool->origin, url, n) == 0 &&
      pool->origin[n] == '\0') {
    memcpy(t->peer, pool->peer, sizeof t->peer);
    return 0;
  }
  int rc = read_peer(t, url, e);
  if (rc != 0 || n == 0 || n >= sizeof pool->origin) return rc;
  memcpy(pool->origin, url, n);
  pool->origin[n] = '\0';
  memcpy(pool->peer, t->peer, sizeof pool->peer);
  return 0;
}

static size_t on_body(char *bytes, size_t one, size_t n, void *user) {
  struct ek_transfer *t = user;
  (void)one;
  if (n > t->max_body - t->body.len) {
    t->over = true;
    return 0;
  }
  t->received += n;
  ek_buf_append(&t->body, bytes, n);
  return t->body.failed ? 0 : n;
}

static double info_seconds(CURL *easy, CURLINFO info) {
  curl_off_t microseconds = 0;
  (void)ek_curl.easy_getinfo(easy, info, &microseconds);
  return (double)microseconds / 1e6;
}

static void note_facts(struct ek_transfer *t) {
  long connects = 0;
  t->dns_time = info_seconds(t->easy, CURLINFO_NAMELOOKUP_TIME_T);
  t->connect_time = info_seconds(t->easy, CURLINFO_CONNECT_TIME_T);
  t->tls_time = info_seconds(t->easy, CURLINFO_APPCONNECT_TIME_T);
  t->first_byte_time = info_seconds(t->easy, CURLINFO_STARTTRANSFER_TIME_T);
  t->total_time = info_seconds(t->easy, CURLINFO_TOTAL_TIME_T);
  (void)ek_curl.easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->status);
  (void)ek_curl.easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects);
  t->reused = connects == 0;
}

/* The end of a header: of the last one, unless it was that of a 100. */
static void end_header(struct ek_transfer *t) {
  note_facts(t);
  if (t->status < 200) return;
  t->header_ended = true;
  if (!t->stream) return;
  ek_timer_stop(t->loop, &t->deadline);
  ek_transfer_tell(t);
}

static size_t on_header(char *line, size_t one, size_t n, void *user) {
  struct ek_transfer *t = user;
  (void)one;
  if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) { /* a new header: of a proxy, a 100, the last */
    ek_buf_clear(&t->headers);
    return n;
  }
  if (n <= 2 && (line[0] == '\r' || line[0] == '\n')) {
    end_header(t);
    return n;
  }
  if (n > EK_HEADER_MAX - t->headers.len) {
    t->header_over = true;
    return 0;
  }
  ek_buf_append(&t->headers, line, n);
  return t->headers.failed ? 0 : n;
}

/* When a connection that was open already breaks, curl would send the request again by itself. What
 * changes something goes out once: the caller decides whether it may be repeated. */
static int on_send(void *user, char *to, char *from, int to_port, int from_port) {
  struct ek_transfer *t = user;
  (void)to, (void)from, (void)to_port, (void)from_port;
  return t->sends++ == 0 || t->repeatable ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static long milliseconds(double seconds) {
  return seconds >= 1e6 ? 1000000000L : seconds * 1000 < 1 ? 1L : (long)(seconds * 1000);
}

static CURLcode set_request(struct ek_transfer *t, const struct ek_transfer_options *o) {
  CURL *c = t->easy;
  CURLcode rc = ek_curl.easy_setopt(c, CURLOPT_URL, o->url);
  if (rc == CURLE_OK) rc = ek_curl.easy_setopt(c, CURLOPT_HTTPHEADER, t->sent);
  bool head = strcmp(o->method, "HEAD") == 0;
  bool get = strcmp(o->method, "GET") == 0;
  if (head) rc = ek_curl.easy_setopt(c, CURLOPT_NOBODY, 1L);
  bool has_body = o->body != NULL || strcmp(o->method, "POST") == 0 ||
                  strcmp(o->method, "PUT") == 0 || strcmp(o->method, "PATCH") == 0;
  if (t->sourced) {
    (void)ek_curl.easy_setopt(c, CURLOPT_UPLOAD, 1L);
    (void)ek_curl.easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->length);
    (void)ek_curl.easy_setopt(c, CURLOPT_READFUNCTION, ek_transfer_on_read);
    (void)ek_curl.easy_setopt(c, CURLOPT_READDATA, t);
  } else if (has_body && !head) {
    (void)ek_curl.easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)o->body_len);
    rc = ek_curl.easy_setopt(c, CURLOPT_POSTFIELDS, o->body != NULL ? o->body : "");
  }
  if (rc == CURLE_OK && !head && (!get || has_body || t->sourced))
    rc = ek_curl.easy_setopt(c, CURLOPT_CUSTOMREQUEST, o->method);
  return rc;
}

static CURLcode set_options(struct ek_transfer *t, const struct ek_transfer_options *o) {
  CURL *c = t->easy;
  CURLcode rc = set_request(t, o);
  if (rc == CURLE_OK) rc = ek_curl.easy_setopt(c, CURLOPT_PROXY, o->proxy);
  if (rc == CURLE_OK) rc = ek_curl.easy_setopt(c, CURLOPT_NOPROXY, o->no_proxy);
  if (rc == CURLE_OK && o->ca_bundle != NULL)
    rc = ek_curl.easy_setopt(c, CURLOPT_CAINFO, o->ca_bundle);
  if (rc == CURLE_OK) rc = ek_curl.easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
  if (rc == CURLE_OK && o->decompress && !t->has_encoding)
    rc = ek_curl.easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
  (void)ek_curl.easy_setopt(c, CURLOPT_PRIVATE, t);
  (void)ek_curl.easy_setopt(c, CURLOPT_ERRORBUFFER, t->detail);
  (void)ek_curl.easy_setopt(c, CURLOPT_WRITEFUNCTION, o->stream ? ek_transfer_on_stream : on_body);
  (void)ek_curl.easy_setopt(c, CURLOPT_WRITEDATA, t);
  (void)ek_curl.easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
  (void)ek_curl.easy_setopt(c, CURLOPT_HEADERDATA, t);
  (void)ek_curl.easy_setopt(c, CURLOPT_PREREQFUNCTION, on_send);
  (void)ek_curl.easy_setopt(c, CURLOPT_PREREQDATA, t);
  (void)ek_curl.easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(o->connect_timeout));
  (void)ek_curl.easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
  (void)ek_curl.easy_setopt(c, CURLOPT_LOW_SPEED_TIME,
                            milliseconds(o->idle_timeout + 0.999) / 1000);
  (void)ek_curl.easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  (void)ek_curl.easy_setopt(c, CURLOPT_TCP_NODELAY, 1L);
  (void)ek_curl.easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
  (void)ek_curl.easy_setopt(c, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_SECONDS);
  (void)ek_curl.easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
  (void)ek_curl.easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  (void)ek_curl.easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
  (void)ek_curl.easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  return rc;
}

int ek_transfer_start(struct ek_transfer *t, const struct ek_transfer_options *o,
                      void (*done)(struct ek_transfer *), struct ek_error *e) {
  struct ek_pool *pool;
  int rc = ek_pool_get(&pool, t->loop, e);
  if (rc == 0) rc = set_peer(t, pool, o->url, e);
  /* What curl would add by itself, it does not. */
  if (rc == 0 && !t->has_expect) rc = append_line(t, "Expect:", e);
  if (rc == 0 && !t->has_type) rc = append_line(t, "Content-Type:", e);
  if (rc != 0) return rc;
  if (!is_token(o->method)) return ek_error_set(e, EK_ERR_INVALID, "not a method: '%s'", o->method);
  t->done = done;
  t->max_body = o->max_body;
  t->timeout = o->timeout;
  t->connect_timeout = o->connect_timeout;
  t->idle_timeout = o->idle_timeout;
  t->stream = o->stream;
  t->proxied = o->proxy != NULL && *o->proxy != '\0';
  t->repeatable = strcmp(o->method, "GET") == 0 || strcmp(o->method, "HEAD") == 0;
  CURLcode code = set_options(t, o);
  if (code != CURLE_OK)
    return ek_error_set(e, EK_ERR_INVALID, "request to %s: %s", t->peer,
                        ek_curl.easy_strerror(code));
  if (ek_curl.multi_add_handle(pool->multi, t->easy) != CURLM_OK)
    return ek_error_set(e, EK_ERR_NOMEM, "request to %s: not enough memory", t->peer);
  t->running = t->awaited = true;
  if (t->unsent > 0) return 0;
  rc = ek_transfer_start_deadline(t, e);
  if (rc != 0) ek_transfer_stop(t);
  return rc;
}

/* -- the end -------------------------------------------------------------------------------------
 */

void ek_transfer_finish(struct ek_transfer *t, CURLcode rc) {
  note_facts(t);
  if (rc != CURLE_OK) ek_transfer_explain(t, rc);
  ek_transfer_stop(t);
  ek_transfer_tell(t);
}
