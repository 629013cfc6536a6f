/* The fastest server that a benchmark can ask: every request gets the same answer, over kept
 * connections. Prints its port; ends with its parent's pipe.
 *
 * usage: bench_server FILE [CONTENT-TYPE]     FILE: the body of the answer */
#include <uv.h>

#include "core/buf.h"

struct peer {
  uv_tcp_t tcp;
  struct ek_buf in;
};

static struct ek_buf answer;

static void on_close(uv_handle_t *h) {
  struct peer *p = (struct peer *)h;
  ek_buf_fini(&p->in);
  free(p);
}

static void on_alloc(uv_handle_t *h, size_t n, uv_buf_t *b) {
  struct peer *p = (struct peer *)h;
  (void)n;
  *b = ek_buf_reserve(&p->in, 65536) ? uv_buf_init(p->in.data + p->in.len, 65536)
                                     : uv_buf_init(NULL, 0);
}

static void on_written(uv_write_t *w, int status) {
  (void)status;
  free(w);
}

/* Bytes of the first whole request in the buffer, 0: there is none yet. */
static size_t request_size(struct ek_buf *in) {
  const char *text = ek_buf_cstr(in), *end = strstr(text, "\r\n\r\n");
  if (end == NULL) return 0;
  const char *length = strcasestr(text, "\r\ncontent-length:");
  size_t body = length != NULL && length < end ? (size_t)strtoul(length + 17, NULL, 10) : 0;
  size_t size = (size_t)(end - text) + 4 + body;
  return size <= in->len ? size : 0;
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
  struct peer *p = (struct peer *)s;
  (void)b;
  if (n < 0) {
    uv_close((uv_handle_t *)s, on_close);
    return;
  }
  p->in.len += (size_t)n;
  for (size_t size; (size = request_size(&p->in)) > 0;) {
    memmove(p->in.data, p->in.data + size, p->in.len - size);
    p->in.len -= size;
    uv_buf_t out = uv_buf_init(answer.data, (unsigned)answer.len);
    uv_write_t *w = malloc(sizeof *w);
    if (w == NULL || uv_write(w, s, &out, 1, on_written) != 0) abort();
  }
}

static void on_connection(uv_stream_t *server, int status) {
  struct peer *p = status == 0 ? calloc(1, sizeof *p) : NULL;
  if (p == NULL) return;
  (void)uv_tcp_init(server->loop, &p->tcp);
  (void)uv_tcp_nodelay(&p->tcp, 1);
  if (uv_accept(server, (uv_stream_t *)&p->tcp) == 0)
    (void)uv_read_start((uv_stream_t *)&p->tcp, on_alloc, on_read);
}

/* Standard input: its end is the parent's. */
static void on_parent(uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
  (void)b;
  if (n < 0) uv_stop(s->loop);
}

static void on_small_alloc(uv_handle_t *h, size_t n, uv_buf_t *b) {
  static char bytes[64];
  (void)h, (void)n;
  *b = uv_buf_init(bytes, sizeof bytes);
}

static int read_answer(const char *path, const char *type) {
  struct ek_buf body = EK_BUF_INIT;
  FILE *f = fopen(path, "rb");
  if (f == NULL) return 1;
  for (size_t n = 1; n > 0 && ek_buf_reserve(&body, 65536); body.len += n)
    n = fread(body.data + body.len, 1, 65536, f);
  (void)fclose(f);
  ek_buf_printf(&answer,
                "HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %zu\r\n"
                "x-amzn-requestid: 0b2f3a1e-7c55-4b7e-9d0a-3f1f2e4d5c6b\r\n\r\n",
                type, body.len);
  ek_buf_append(&answer, body.data, body.len);
  ek_buf_fini(&body);
  return answer.failed;
}

int main(int argc, char **argv) {
  uv_loop_t loop;
  uv_tcp_t server;
  uv_pipe_t parent;
  struct sockaddr_storage at;
  int size = sizeof at;
  if (argc < 2 || read_answer(argv[1], argc > 2 ? argv[2] : "text/xml") != 0) return 2;
  (void)uv_loop_init(&loop);
  (void)uv_tcp_init(&loop, &server);
  (void)uv_ip4_addr("127.0.0.1", 0, (struct sockaddr_in *)&at);
  if (uv_tcp_bind(&server, (struct sockaddr *)&at, 0) != 0 ||
      uv_listen((uv_stream_t *)&server, 512, on_connection) != 0)
    return 1;
  (void)uv_pipe_init(&loop, &parent, 0);
  (void)uv_pipe_open(&parent, 0);
  (void)uv_read_start((uv_stream_t *)&parent, on_small_alloc, on_parent);
  (void)uv_tcp_getsockname(&server, (struct sockaddr *)&at, &size);
  (void)printf("%u\n", ntohs(((struct sockaddr_in *)&at)->sin_port));
  (void)fflush(stdout);
  (void)uv_run(&loop, UV_RUN_DEFAULT);
  return 0;
}
