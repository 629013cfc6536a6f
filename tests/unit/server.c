/* runtime/loop/server.h: clients that do as they please, over real sockets in the same thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "loop/server.h"

#define MAX_BODY 1000
#define TURNS    2000 /* of the loop, a millisecond each at most, before a test gives up */

static struct ek_loop loop;
static struct ek_server *server;
static struct ek_exchange *held;
static struct ek_received received;

static void notify(void *user) {
  (void)user;
}

static int set_up(void **state) {
  (void)state;
  struct ek_error e;
  struct ek_server_options o = {
      .address = "127.0.0.1", .max_body = MAX_BODY, .max_connections = 20000, .idle_timeout = 60};
  if (ek_loop_init(&loop, NULL) != 0) return -1;
  return ek_server_new(&server, &loop, &o, notify, NULL, &e);
}

static int tear_down(void **state) {
  (void)state;
  ek_server_free(server);
  server = NULL;
  assert_null(held);
  ek_received_fini(&received);
  ek_loop_fini(&loop);
  return 0;
}

static int connect_client(void) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons(ek_server_port(server)),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
  return fd;
}

static void say(int fd, const char *text) {
  assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void turn(void) {
  struct pollfd nothing = {.fd = -1};
  (void)ek_loop_turn(&loop, false);
  (void)poll(&nothing, 1, 1);
}

/* Takes the next request. */
static void take(void) {
  ek_received_fini(&received);
  for (int i = 0; i < TURNS && !ek_server_has_request(server); i++) turn();
  assert_true(ek_server_take(&received, server, &held));
  assert_non_null(held);
}

static void answer(const char *body) {
  assert_int_equal(ek_exchange_body(held, body, strlen(body), NULL), 0);
  assert_int_equal(ek_exchange_header(held, "X-Number", body, NULL), 0);
  ek_exchange_answer(held, 200);
  assert_null(held);
}

static char heard[65536];

/* What the client hears until `end` is in it, or until the connection is closed (end NULL). */
static const char *hear(int fd, const char *end) {
  size_t n = 0;
  heard[0] = '\0';
  for (int i = 0; i < TURNS; i++) {
    ssize_t got = recv(fd, heard + n, sizeof heard - 1 - n, 0);
    if (got > 0) n += (size_t)got;
    heard[n] = '\0';
    if (end != NULL && strstr(heard, end) != NULL) return heard;
    if (got == 0 || (got < 0 && errno == ECONNRESET)) return end == NULL ? heard : NULL;
    turn();
  }
  return NULL;
}

static void equal(struct ek_buf *b, const char *text) {
  assert_string_equal(ek_buf_cstr(b), text);
}

static void hands_a_request_over_as_it_was_sent(void **state) {
  (void)state;
  int fd = connect_client();
  say(fd, "POST /a%2Fb/%20?x=%41&&y HTTP/1.1\r\nHost: h\r\nX-A:  one \r\nx-a: two\r\n"
          "Content-Length: 5\r\n\r\nhe");
  for (int i = 0; i < 20; i++) turn();
  assert_false(ek_server_has_request(server)); /* not all of it is there */
  say(fd, "llo");
  take();
  equal(&received.method, "POST");
  equal(&received.target, "/a%2Fb/%20?x=%41&&y");
  equal(&received.body, "hello");
  assert_non_null(strstr(ek_buf_cstr(&received.headers), "x-a: two\n"));
  answer("7");
  const char *text = hear(fd, "\r\n\r\n7");
  assert_non_null(text);
  assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\n"));
  assert_non_null(strstr(text, "X-Number: 7\r\n"));
  assert_non_null(strstr(text, "Content-Length: 1\r\n"));
  close(fd);
}

static void takes_a_body_in_chunks(void **state) {
  (void)state;
  int fd = connect_client();
  say(fd, "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
          "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  take();
  equal(&received.body, "abcde");
  answer("");
  assert_non_null(hear(fd, "\r\n\r\n"));
  close(fd);
}

static void answers_one_after_the_other_what_comes_at_once(void **state) {
  (void)state;
  int fd = connect_client();
  say(fd, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
  take();
  equal(&received.target, "/1");
  assert_false(ek_server_has_request(server));
  answer("one");
  take();
  equal(&received.target, "/2");
  answer("two");
  assert_non_null(hear(fd, "\r\n\r\ntwo"));
  assert_non_null(strstr(heard, "\r\n\r\none"));
  close(fd);
}

/* Who still sends does not listen: the answer comes behind the body. */
static void refuses_a_body_that_is_too_long(void **state) {
  (void)state;
  char body[1025] = {0};
  memset(body, 'x', 1024);
  int fd = connect_client();
  say(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1024\r\n\r\n");
  for (int i = 0; i < 20; i++) turn();
  assert_int_equal(recv(fd, heard, 1, 0), -1);
  say(fd, body);
  assert_non_null(hear(fd, "HTTP/1.1 413 "));
  say(fd, "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n");
  say(fd, body);
  say(fd, "\r\n400\r\n");
  say(fd, body);
  say(fd, "\r\n0\r\n\r\n");
  assert_non_null(hear(fd, "HTTP/1.1 413 "));
  say(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  take();
  equal(&received.body, "");
  answer("yes");
  assert_non_null(hear(fd, "\r\n\r\nyes"));
  close(fd);
  fd = connect_client();
  say(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
  assert_non_null(hear(fd, "HTTP/1.1 413 "));
  close(fd);
}

static void refuses_what_is_no_http(void **state) {
  (void)state;
  static const char *const all[] = {"\r\n\r\n\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01",
                                    "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
                                    "GET / HTTP/1.1\r\n\r\n" /* no host */};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    int fd = connect_client();
    say(fd, all[i]);
    shutdown(fd, SHUT_WR);
    if (hear(fd, NULL) == NULL) fail_msg("case %zu stays open", i);
    assert_false(ek_server_has_request(server));
    close(fd);
  }
}

static void refuses_headers_that_are_too_long(void **state) {
  (void)state;
  int fd = connect_client();
  char line[1024] = {0};
  memset(line, 'x', sizeof line - 1);
  say(fd, "GET / HTTP/1.1\r\nHost: h\r\n");
  for (int i = 0; i < 100; i++) {
    char header[1100];
    int n = snprintf(header, sizeof header, "X-%d: %s\r\n", i, line);
    (void)!send(fd, header, (size_t)n, MSG_NOSIGNAL);
    turn();
  }
  assert_non_null(hear(fd, NULL));
  assert_false(ek_server_has_request(server));
  close(fd);
}

static void forgets_a_client_that_leaves_before_its_request_is_whole(void **state) {
  (void)state;
  int fd = connect_client();
  say(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf");
  for (int i = 0; i < TURNS && ek_server_open(server) == 0; i++) turn();
  assert_int_equal(ek_server_open(server), 1);
  close(fd);
  for (int i = 0; i < TURNS && ek_server_open(server) > 0; i++) turn();
  assert_int_equal(ek_server_open(server), 0);
  assert_false(ek_server_has_request(server));
}

static void outlives_a_client_that_leaves_before_its_answer(void **state) {
  (void)state;
  int fd = connect_client();
  say(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  take();
  struct linger reset = {.l_onoff = 1};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close(fd);
  turn();
  answer("nobody hears this");
  for (int i = 0; i < TURNS && ek_server_open(server) > 0; i++) turn();
  assert_int_equal(ek_server_open(server), 0);
}

static void a_dropped_request_has_no_answer(void **state) {
  (void)state;
  int fd = connect_client();
  say(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  take();
  assert_int_equal(ek_exchange_body(held, "x", 1, NULL), 0); /* had begun to be made */
  ek_exchange_drop(held);
  assert_null(held);
  assert_non_null(hear(fd, NULL));
  assert_string_equal(heard, "");
  close(fd);
}

static void refuses_a_header_that_would_be_two(void **state) {
  (void)state;
  struct ek_error e;
  int fd = connect_client();
  say(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  take();
  assert_int_equal(ek_exchange_body(held, "", 0, NULL), 0);
  assert_int_equal(ek_exchange_header(held, "A", "b\r\nc: d", &e), EK_ERR_INVALID);
  answer("");
  assert_non_null(hear(fd, "\r\n\r\n"));
  assert_null(strstr(heard, "c: d"));
  close(fd);
}

static void an_exchange_goes_with_its_server(void **state) {
  (void)state;
  int taken = connect_client(), waiting = connect_client(), reading = connect_client();
  say(taken, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
  take();
  say(waiting, "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
  say(reading, "GET /3 HTTP/1.1\r\nHost: h\r\n");
  for (int i = 0; i < TURNS && ek_server_open(server) < 3; i++) turn();
  assert_int_equal(ek_server_open(server), 3);
  ek_server_free(server);
  server = NULL;
  assert_null(held);
  assert_non_null(hear(taken, NULL));
  assert_string_equal(heard, "");
  close(taken), close(waiting), close(reading);
}

static void drops_what_comes_while_it_ends(void **state) {
  (void)state;
  int fd = connect_client();
  for (int i = 0; i < 20; i++) turn();
  say(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ek_server_free(server); /* has not read it yet */
  server = NULL;
  assert_non_null(hear(fd, NULL));
  assert_string_equal(heard, "");
  close(fd);
}

static void begin_pieces(int *fd) {
  *fd = connect_client();
  say(*fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  take();
  assert_int_equal(ek_exchange_pieces(held, NULL), 0);
  ek_exchange_answer(held, 200);
  assert_non_null(held);
  assert_non_null(hear(*fd, "\r\n\r\n")); /* the header, before there is a piece */
}

static void an_answer_comes_in_pieces(void **state) {
  (void)state;
  int fd;
  begin_pieces(&fd);
  assert_int_equal(ek_exchange_write(held, "one", 3, NULL), 0);
  assert_non_null(hear(fd, "one"));
  assert_int_equal(ek_exchange_write(held, "two", 3, NULL), 0);
  assert_int_equal(ek_exchange_write(held, "three", 5, NULL), 0);
  ek_exchange_end(held);
  assert_null(held);
  assert_non_null(hear(fd, "0\r\n\r\n"));
  assert_non_null(strstr(heard, "twothree"));
  close(fd);
}

static void an_answer_in_pieces_that_could_not_be_made_is_made_otherwise(void **state) {
  (void)state;
  struct ek_error e;
  int fd = connect_client();
  say(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  take();
  assert_int_equal(ek_exchange_pieces(held, NULL), 0);
  assert_int_equal(ek_exchange_header(held, "A", "b\r\nc: d", &e), EK_ERR_INVALID);
  answer("whole"); /* the exchange is not the taker's any more */
  assert_non_null(hear(fd, "\r\n\r\nwhole"));
  close(fd);
}

/* Without anything to send, too. */
static void finds_out_that_a_client_has_left_while_its_answer_rests(void **state) {
  (void)state;
  int fd;
  begin_pieces(&fd);
  assert_int_equal(ek_exchange_write(held, "", 0, NULL), 0);
  assert_non_null(held);
  close(fd);
  assert_int_equal(ek_exchange_write(held, "", 0, NULL), 0);
  assert_null(held);
  for (int i = 0; i < TURNS && ek_server_open(server) > 0; i++) turn();
  assert_int_equal(ek_server_open(server), 0);
}

static void an_answer_in_pieces_ends_with_its_client_or_its_server(void **state) {
  (void)state;
  int gone, stays;
  begin_pieces(&gone);
  close(gone);
  for (int i = 0; i < TURNS && held != NULL; i++) {
    if (ek_exchange_write(held, "x", 1, NULL) != 0) fail();
    turn();
  }
  assert_null(held);
  begin_pieces(&stays);
  ek_server_free(server);
  server = NULL;
  assert_null(held);
  close(stays);
}

static void a_quiet_server_ends_what_is_under_way_and_begins_nothing(void **state) {
  (void)state;
  int fd = connect_client();
  say(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  take();
  uint16_t port = ek_server_port(server);
  ek_server_quiesce(server);
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(connect(late, (struct sockaddr *)&address, sizeof address), -1);
  answer("bye");
  assert_non_null(hear(fd, NULL)); /* until it is closed */
  assert_non_null(strstr(heard, "\r\n\r\nbye"));
  assert_int_equal(ek_server_open(server), 0);
  close(fd), close(late);
}

/* Slow ones, all at once: each has sent half a request when a quick one is served. */
static void serves_beside_thousands_of_slow_clients(void **state) {
  (void)state;
  enum { MANY = 9000 };
  static int clients[MANY];
  struct rlimit limit;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
  int many = limit.rlim_cur < 2 * MANY + 200 ? (int)limit.rlim_cur / 2 - 100 : MANY;
  for (int i = 0; i < many; i++) {
    clients[i] = connect_client();
    say(clients[i], "GET / HTTP/1.1\r\nHo");
    if (i % 8 == 0) (void)ek_loop_turn(&loop, false);
  }
  int quick = connect_client();
  say(quick, "GET /quick HTTP/1.1\r\nHost: h\r\n\r\n");
  take();
  equal(&received.target, "/quick");
  answer("done");
  assert_non_null(hear(quick, "\r\n\r\ndone"));
  for (int i = 0; i < many; i += 1000) {
    say(clients[i], "st: h\r\n\r\n");
    take();
    answer("at last");
    assert_non_null(hear(clients[i], "\r\n\r\nat last"));
  }
  for (int i = 0; i < many; i++) close(clients[i]);
  close(quick);
}

static void two_cannot_listen_in_one_place(void **state) {
  (void)state;
  struct ek_error e;
  struct ek_server *second;
  struct ek_server_options o = {
      .address = "127.0.0.1", .port = ek_server_port(server), .max_connections = 10};
  assert_int_equal(ek_server_new(&second, &loop, &o, notify, NULL, &e), EK_ERR_IO);
  assert_non_null(strstr(e.message, "cannot listen on 127.0.0.1:"));
  assert_null(second);
  o.address = "localhost";
  assert_int_equal(ek_server_new(&second, &loop, &o, notify, NULL, &e), EK_ERR_INVALID);
}

static void takes_clients_again_once_it_was_full(void **state) {
  (void)state;
  struct ek_error e;
  struct ek_server_options o = {
      .address = "127.0.0.1", .max_body = MAX_BODY, .max_connections = 2, .idle_timeout = 60};
  ek_server_free(server);
  assert_int_equal(ek_server_new(&server, &loop, &o, notify, NULL, &e), 0);
  int first = connect_client(), second = connect_client();
  for (int i = 0; i < 20; i++) turn();
  int third = connect_client();
  say(third, "GET /third HTTP/1.1\r\nHost: h\r\n\r\n");
  for (int i = 0; i < 20; i++) turn();
  assert_false(ek_server_has_request(server));
  close(first);
  close(second);
  take();
  equal(&received.target, "/third");
  answer("3");
  assert_non_null(hear(third, "\r\n\r\n3"));
  close(third);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(hands_a_request_over_as_it_was_sent),
      TEST(takes_a_body_in_chunks),
      TEST(answers_one_after_the_other_what_comes_at_once),
      TEST(refuses_a_body_that_is_too_long),
      TEST(refuses_what_is_no_http),
      TEST(refuses_headers_that_are_too_long),
      TEST(forgets_a_client_that_leaves_before_its_request_is_whole),
      TEST(outlives_a_client_that_leaves_before_its_answer),
      TEST(a_dropped_request_has_no_answer),
      TEST(takes_clients_again_once_it_was_full),
      TEST(refuses_a_header_that_would_be_two),
      TEST(an_exchange_goes_with_its_server),
      TEST(drops_what_comes_while_it_ends),
      TEST(an_answer_comes_in_pieces),
      TEST(an_answer_in_pieces_that_could_not_be_made_is_made_otherwise),
      TEST(finds_out_that_a_client_has_left_while_its_answer_rests),
      TEST(an_answer_in_pieces_ends_with_its_client_or_its_server),
      TEST(a_quiet_server_ends_what_is_under_way_and_begins_nothing),
      TEST(serves_beside_thousands_of_slow_clients),
      TEST(two_cannot_listen_in_one_place),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
