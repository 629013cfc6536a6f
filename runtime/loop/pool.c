/* The pool of connections: curl's multi handle, driven by the loop's poll handles and a timer. */
#include "loop/pool.h"

#include "core/wipe.h"

/* Connections kept open for later, in all. */
#define CONNECTIONS_MAX 64

struct watch {
  uv_poll_t poll;
  struct ek_pool *pool;
  curl_socket_t fd;
};

static void free_watch(uv_handle_t *handle) {
  free(handle->data);
}

static void finish_done(struct ek_pool *pool) {
  int left;
  for (CURLMsg *m; (m = ek_curl.multi_info_read(pool->multi, &left)) != NULL;) {
    if (m->msg != CURLMSG_DONE) continue;
    CURLcode rc = m->data.result; /* m dies with the handle's removal */
    struct ek_transfer *t = NULL;
    (void)ek_curl.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
    ek_transfer_finish(t, rc);
  }
}

static void act(struct ek_pool *pool, curl_socket_t fd, int events) {
  int running;
  (void)ek_curl.multi_socket_action(pool->multi, fd, events, &running);
  finish_done(pool);
}

static void on_events(uv_poll_t *poll, int status, int events) {
  struct watch *w = poll->data;
  int flags = status < 0 ? CURL_CSELECT_ERR : 0;
  if (events & UV_READABLE) flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE) flags |= CURL_CSELECT_OUT;
  act(w->pool, w->fd, flags);
}

static void on_timer(struct ek_timer *timer) {
  struct ek_pool *pool = (struct ek_pool *)((char *)timer - offsetof(struct ek_pool, timer));
  act(pool, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timeout(CURLM *multi, long ms, void *user) {
  struct ek_pool *pool = user;
  (void)multi;
  if (ms < 0) {
    ek_timer_stop(pool->loop, &pool->timer);
    return 0;
  }
  return ek_timer_start(pool->loop, &pool->timer, (double)ms / 1000, on_timer, NULL);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *per_socket) {
  struct ek_pool *pool = user;
  struct watch *w = per_socket;
  (void)easy;
  if (what == CURL_POLL_REMOVE) {
    if (w == NULL) return 0;
    (void)ek_curl.multi_assign(pool->multi, fd, NULL);
    uv_close((uv_handle_t *)&w->poll, free_watch);
    return 0;
  }
  if (w == NULL) {
    w = calloc(1, sizeof *w);
    if (w == NULL) return -1;
    w->pool = pool;
    w->fd = fd;
    if (uv_poll_init_socket(&pool->loop->uv, &w->poll, fd) != 0) {
      free(w);
      return -1;
    }
    w->poll.data = w;
    (void)ek_curl.multi_assign(pool->multi, fd, w);
  }
  int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
  return uv_poll_start(&w->poll, events, on_events) == 0 ? 0 : -1;
}

static char *wipe_strdup(const char *s) {
  return strdup(s);
}

int ek_pool_get(struct ek_pool **out, struct ek_loop *loop, struct ek_error *e) {
  *out = loop->pool;
  if (*out != NULL) return 0;
  int rc = ek_curl_load(e);
  if (rc != 0) return rc;
  if (ek_curl.global_init_mem(CURL_GLOBAL_DEFAULT, malloc, ek_wipe_free, ek_wipe_realloc,
                              wipe_strdup, calloc) != CURLE_OK)
    return ek_error_set(e, EK_ERR_INTERNAL, "libcurl does not start");
  struct ek_pool *pool = calloc(1, sizeof *pool);
  if (pool == NULL || (pool->multi = ek_curl.multi_init()) == NULL) {
    free(pool);
    ek_curl.global_cleanup();
    return ek_error_set(e, EK_ERR_NOMEM, "not enough memory for connections");
  }
  pool->loop = loop;
  (void)ek_curl.multi_setopt(pool->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  (void)ek_curl.multi_setopt(pool->multi, CURLMOPT_SOCKETDATA, pool);
  (void)ek_curl.multi_setopt(pool->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
  (void)ek_curl.multi_setopt(pool->multi, CURLMOPT_TIMERDATA, pool);
  (void)ek_curl.multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
  loop->pool = *out = pool;
  return 0;
}

void ek_pool_free(struct ek_pool *pool) {
  (void)ek_curl.multi_cleanup(pool->multi);
  ek_timer_stop(pool->loop, &pool->timer);
  ek_curl.global_cleanup();
  free(pool);
}
