/* HTTP transfers: one curl easy handle each, and what went wrong in words. */
#include "loop/transfer.h"

#include <errno.h>

#include "loop/pool.h"

#define HEADER_MAX        (256 * 1024)
#define STALL_SECONDS     60L /* less than a byte a second for so long */
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
  return t;
}

void ek_transfer_stop(struct ek_transfer *t) {
  if (t == NULL || !t->running) return;
  t->running = false;
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

/* t->peer = host:port of the URL; of the rest, which may be secret, no message says anything. */
static int set_peer(struct ek_transfer *t, const char *url, struct ek_error *e) {
  char *host = NULL, *port = NULL, *scheme = NULL;
  CURLU *u = ek_curl.url();
  int rc = 0;
  if (u == NULL) return ek_error_set(e, EK_ERR_NOMEM, "not enough memory for a URL");
  if (ek_curl.url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
      ek_curl.url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
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

static size_t on_body(char *bytes, size_t one, size_t n, void *user) {
  struct ek_transfer *t = user;
  (void)one;
  if (n > t->max_body - t->body.len) {
    t->over = true;
    return 0;
  }
  ek_buf_append(&t->body, bytes, n);
  return t->body.failed ? 0 : n;
}

static size_t on_header(char *line, size_t one, size_t n, void *user) {
  struct ek_transfer *t = user;
  (void)one;
  if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) { /* a new header: of a proxy, a 100, the last */
    ek_buf_clear(&t->headers);
    return n;
  }
  if (n > HEADER_MAX - t->headers.len) {
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
  if (has_body && !head) {
    (void)ek_curl.easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)o->body_len);
    rc = ek_curl.easy_setopt(c, CURLOPT_POSTFIELDS, o->body != NULL ? o->body : "");
  }
  if (rc == CURLE_OK && !head && (!get || has_body))
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
  if (rc == CURLE_OK) rc = ek_curl.easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
  (void)ek_curl.easy_setopt(c, CURLOPT_PRIVATE, t);
  (void)ek_curl.easy_setopt(c, CURLOPT_ERRORBUFFER, t->detail);
  (void)ek_curl.easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
  (void)ek_curl.easy_setopt(c, CURLOPT_WRITEDATA, t);
  (void)ek_curl.easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
  (void)ek_curl.easy_setopt(c, CURLOPT_HEADERDATA, t);
  (void)ek_curl.easy_setopt(c, CURLOPT_PREREQFUNCTION, on_send);
  (void)ek_curl.easy_setopt(c, CURLOPT_PREREQDATA, t);
  (void)ek_curl.easy_setopt(c, CURLOPT_TIMEOUT_MS, milliseconds(o->timeout));
  (void)ek_curl.easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(o->connect_timeout));
  (void)ek_curl.easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
  (void)ek_curl.easy_setopt(c, CURLOPT_LOW_SPEED_TIME, STALL_SECONDS);
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
  if (rc == 0) rc = set_peer(t, o->url, e);
  /* What curl would add by itself, it does not. */
  if (rc == 0) rc = append_line(t, "Expect:", e);
  if (rc == 0 && !t->has_type) rc = append_line(t, "Content-Type:", e);
  if (rc != 0) return rc;
  if (!is_token(o->method)) return ek_error_set(e, EK_ERR_INVALID, "not a method: '%s'", o->method);
  t->done = done;
  t->max_body = o->max_body;
  t->timeout = o->timeout;
  t->connect_timeout = o->connect_timeout;
  t->repeatable = strcmp(o->method, "GET") == 0 || strcmp(o->method, "HEAD") == 0;
  CURLcode code = set_options(t, o);
  if (code != CURLE_OK)
    return ek_error_set(e, EK_ERR_INVALID, "request to %s: %s", t->peer,
                        ek_curl.easy_strerror(code));
  if (ek_curl.multi_add_handle(pool->multi, t->easy) != CURLM_OK)
    return ek_error_set(e, EK_ERR_NOMEM, "request to %s: not enough memory", t->peer);
  t->running = true;
  return 0;
}

/* -- the end -------------------------------------------------------------------------------------
 */

static double info_seconds(CURL *easy, CURLINFO info) {
  curl_off_t microseconds = 0;
  (void)ek_curl.easy_getinfo(easy, info, &microseconds);
  return (double)microseconds / 1e6;
}

static void explain_connect(struct ek_transfer *t) {
  long number = 0;
  (void)ek_curl.easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &number);
  if (number == ECONNREFUSED)
    (void)ek_error_set(&t->error, EK_ERR_NETWORK, "connection to %s refused", t->peer);
  else
    (void)ek_error_set(&t->error, EK_ERR_NETWORK, "connection to %s failed: %s", t->peer,
                       number != 0 ? uv_strerror(-(int)number)
                                   : ek_curl.easy_strerror(CURLE_COULDNT_CONNECT));
}

static void explain_timeout(struct ek_transfer *t) {
  if (strstr(t->detail, "too slow") != NULL)
    (void)ek_error_set(&t->error, EK_ERR_TIMEOUT, "%s sent nothing for %ld s", t->peer,
                       STALL_SECONDS);
  else if (info_seconds(t->easy, CURLINFO_PRETRANSFER_TIME_T) > 0)
    (void)ek_error_set(&t->error, EK_ERR_TIMEOUT, "no complete answer from %s within %g s", t->peer,
                       t->timeout);
  else
    (void)ek_error_set(&t->error, EK_ERR_TIMEOUT, "no connection to %s within %g s", t->peer,
                       t->connect_timeout < t->timeout ? t->connect_timeout : t->timeout);
}

static void explain_write(struct ek_transfer *t) {
  t->retryable = false;
  if (t->over)
    (void)ek_error_set(&t->error, EK_ERR_LIMIT, "the answer of %s is larger than %zu bytes",
                       t->peer, t->max_body);
  else if (t->header_over)
    (void)ek_error_set(&t->error, EK_ERR_LIMIT, "the header from %s is larger than %d bytes",
                       t->peer, HEADER_MAX);
  else
    (void)ek_error_set(&t->error, EK_ERR_NOMEM, "not enough memory for the answer of %s", t->peer);
}

static void explain(struct ek_transfer *t, CURLcode rc) {
  struct ek_error *e = &t->error;
  const char *peer = t->peer;
  const char *detail = t->detail[0] != '\0' ? t->detail : ek_curl.easy_strerror(rc);
  t->retryable = true;
  switch (rc) {
  case CURLE_COULDNT_CONNECT: explain_connect(t); break;
  case CURLE_COULDNT_RESOLVE_HOST:
    (void)ek_error_set(e, EK_ERR_NETWORK, "no address for %s", peer);
    break;
  case CURLE_COULDNT_RESOLVE_PROXY:
    (void)ek_error_set(e, EK_ERR_NETWORK, "no address for the proxy to %s", peer);
    break;
  case CURLE_OPERATION_TIMEDOUT: explain_timeout(t); break;
  case CURLE_PARTIAL_FILE:
    (void)ek_error_set(e, EK_ERR_NETWORK, "the answer of %s was cut off after %zu bytes", peer,
                       t->body.len);
    break;
  case CURLE_ABORTED_BY_CALLBACK: /* see on_send */
  case CURLE_GOT_NOTHING:
    (void)ek_error_set(e, EK_ERR_NETWORK, "%s closed the connection without an answer", peer);
    break;
  case CURLE_SEND_ERROR:
  case CURLE_RECV_ERROR:
  case CURLE_HTTP2:
  case CURLE_HTTP2_STREAM:
    (void)ek_error_set(e, EK_ERR_NETWORK, "connection to %s broke: %s", peer, detail);
    break;
  case CURLE_WRITE_ERROR: explain_write(t); break;
  case CURLE_OUT_OF_MEMORY: explain_write(t); break;
  case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9: no status line; other schemes were refused before */
  case CURLE_WEIRD_SERVER_REPLY:
    t->retryable = false;
    (void)ek_error_set(e, EK_ERR_NETWORK, "%s answered something that is not HTTP", peer);
    break;
  case CURLE_BAD_CONTENT_ENCODING:
    t->retryable = false;
    (void)ek_error_set(e, EK_ERR_NETWORK, "the answer of %s cannot be decompressed", peer);
    break;
  case CURLE_SSL_CACERT_BADFILE:
    t->retryable = false;
    (void)ek_error_set(e, EK_ERR_TLS, "cannot read the CA bundle for %s: %s", peer, detail);
    break;
  case CURLE_SSL_CONNECT_ERROR:
    (void)ek_error_set(e, EK_ERR_TLS, "no TLS connection to %s: %s", peer, detail);
    break;
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CIPHER:
  case CURLE_SSL_ISSUER_ERROR:
  case CURLE_SSL_INVALIDCERTSTATUS:
    t->retryable = false;
    (void)ek_error_set(e, EK_ERR_TLS, "the certificate of %s is not trusted: %s", peer, detail);
    break;
  case CURLE_URL_MALFORMAT:
    t->retryable = false;
    (void)ek_error_set(e, EK_ERR_INVALID, "not a URL for %s: %s", peer, detail);
    break;
  default: (void)ek_error_set(e, EK_ERR_NETWORK, "request to %s: %s", peer, detail); break;
  }
}

void ek_transfer_finish(struct ek_transfer *t, CURLcode rc) {
  long connects = 0;
  t->connect_time = info_seconds(t->easy, CURLINFO_CONNECT_TIME_T);
  t->tls_time = info_seconds(t->easy, CURLINFO_APPCONNECT_TIME_T);
  t->first_byte_time = info_seconds(t->easy, CURLINFO_STARTTRANSFER_TIME_T);
  t->total_time = info_seconds(t->easy, CURLINFO_TOTAL_TIME_T);
  (void)ek_curl.easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->status);
  (void)ek_curl.easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects);
  t->reused = connects == 0;
  if (rc != CURLE_OK) explain(t, rc);
  ek_transfer_stop(t);
  t->done(t);
}
