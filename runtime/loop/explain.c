/* What went wrong with a transfer, in words, and whether it is worth another try. */
#include <errno.h>

#include "loop/pool.h"

/* Whether the request was begun: there was a connection. */
static bool began(const struct ek_transfer *t) {
  curl_off_t microseconds = 0;
  (void)ek_curl.easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &microseconds);
  return microseconds > 0;
}

/* Whom a connection did not come about with: the peer, or the proxy before it. Only curl knows what
 * NO_PROXY meant, and says in words whom it tried. */
static void name_tried(char *out, size_t size, const struct ek_transfer *t) {
  char host[200], port[6], tried[256];
  (void)snprintf(out, size, "%s", t->peer);
  if (!t->proxied || sscanf(t->detail, "Failed to connect to %199s port %5[0-9]", host, port) != 2)
    return;
  (void)snprintf(tried, sizeof tried, strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, port);
  if (strcmp(tried, t->peer) != 0) (void)snprintf(out, size, "%s by the proxy %s", t->peer, tried);
}

static void explain_connect(struct ek_transfer *t) {
  long number = 0;
  char whom[sizeof t->peer + 300];
  name_tried(whom, sizeof whom, t);
  (void)ek_curl.easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &number);
  if (number == ECONNREFUSED)
    (void)ek_error_set(&t->error, EK_ERR_NETWORK, "connection to %s refused", whom);
  else
    (void)ek_error_set(&t->error, EK_ERR_NETWORK, "connection to %s failed: %s", whom,
                       number != 0 ? uv_strerror(-(int)number)
                                   : ek_curl.easy_strerror(CURLE_COULDNT_CONNECT));
}

static void explain_timeout(struct ek_transfer *t) {
  if (strstr(t->detail, "too slow") != NULL)
    (void)ek_error_set(&t->error, EK_ERR_TIMEOUT, "nothing from or to %s for %g s", t->peer,
                       t->idle_timeout);
  else if (began(t))
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
                       t->peer, EK_HEADER_MAX);
  else
    (void)ek_error_set(&t->error, EK_ERR_NOMEM, "not enough memory for the answer of %s", t->peer);
}

void ek_transfer_explain(struct ek_transfer *t, CURLcode rc) {
  struct ek_error *e = &t->error;
  const char *peer = t->peer;
  const char *detail = t->detail[0] != '\0' ? t->detail : ek_curl.easy_strerror(rc);
  if (e->code != 0) return; /* said by a callback */
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
    (void)ek_error_set(e, EK_ERR_NETWORK, "the answer of %s was cut off after %llu bytes", peer,
                       (unsigned long long)t->received);
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
