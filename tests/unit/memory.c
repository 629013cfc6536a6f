/* Memory that runs out, and what is left in memory that was freed.
 *
 * The linker puts our allocator below runtime/core (--wrap); expat allocates through it too, and
 * OpenSSL is told to. Every scenario runs again and again, with its first, second, ... allocation
 * failing, once alone and once with all that follow, until it gets through. Each time it has to say
 * so, to give back all that it took, and never to give back a block with the secret in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "core/hash.h"
#include "core/ini.h"
#include "core/jmespath.h"
#include "core/json.h"
#include "core/modelc/compile.h"
#include "core/sigv4.h"
#include "core/xml.h"

#define SECRET "canary/7f3a9c5e1b"

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);

static struct {
  long left;      /* allocations until the failure; -1: none fails */
  bool from_then; /* all that follow fail too */
  bool fired;
  long blocks; /* taken and not given back */
  bool leaked; /* a block with the secret was freed */
} memory = {.left = -1};

static bool refuses(void) {
  if (memory.left < 0) return false;
  if (memory.left > 0) {
    memory.left--;
    return false;
  }
  memory.fired = true;
  if (!memory.from_then) memory.left = -1;
  return true;
}

static void *counted(void *p) {
  if (p != NULL) memory.blocks++;
  return p;
}

static void look(const void *p) {
  if (memmem(p, malloc_usable_size((void *)(uintptr_t)p), SECRET, sizeof SECRET - 1) != NULL)
    memory.leaked = true;
}

/* What look() will read is written, as valgrind wants it; with what is neither zero nor the secret.
 */
static void *filled(void *p, size_t from) {
  size_t n = p != NULL ? malloc_usable_size(p) : 0;
  if (n > from) memset((char *)p + from, 0xa5, n - from);
  return p;
}

void *__wrap_malloc(size_t n) {
  return refuses() ? NULL : counted(filled(__real_malloc(n), 0));
}

void *__wrap_calloc(size_t count, size_t n) {
  return refuses() ? NULL : counted(filled(__real_calloc(count, n), count * n));
}

/* Always moves, as far as one can see: the old block counts as freed. */
void *__wrap_realloc(void *p, size_t n) {
  if (refuses()) return NULL;
  if (p == NULL) return counted(filled(__real_malloc(n), 0));
  look(p);
  size_t before = malloc_usable_size(p);
  return filled(__real_realloc(p, n), before);
}

void __wrap_free(void *p) {
  if (p == NULL) return;
  memory.blocks--;
  look(p);
  __real_free(p);
}

/* Not counted: OpenSSL keeps some blocks for later. It wipes what is a key itself, and harden.c
 * sees to the rest. */
static void *openssl_malloc(size_t n, const char *file, int line) {
  (void)file;
  (void)line;
  return refuses() ? NULL : __real_malloc(n);
}

static void *openssl_realloc(void *p, size_t n, const char *file, int line) {
  (void)file;
  (void)line;
  return refuses() ? NULL : __real_realloc(p, n);
}

static void openssl_free(void *p, const char *file, int line) {
  (void)file;
  (void)line;
  __real_free(p);
}

/* --- scenarios: 0, or a negative code --- */

static int buffers(void) {
  struct ek_buf b = EK_BUF_INIT;
  ek_buf_puts(&b, SECRET);
  for (int i = 0; i < 2000; i++) ek_buf_printf(&b, "%d,", i);
  int rc = b.failed ? EK_ERR_NOMEM : 0;
  ek_buf_wipe(&b);
  ek_buf_fini(&b);
  return rc;
}

static int json(void) {
  static const char text[] = "{\"a\\n\":[1,2.5,\"" SECRET "\\u00e4\",{\"b\":\"" SECRET
                             "\\t" SECRET SECRET SECRET SECRET "\"},null,true]}";
  struct ek_json_reader r;
  ek_json_reader_init(&r, text, sizeof text - 1, 0);
  enum ek_json_type type;
  do type = ek_json_next(&r);
  while (type != EK_JSON_END && type != EK_JSON_ERROR);
  int rc = type == EK_JSON_ERROR ? r.error.code : 0;
  ek_json_reader_fini(&r);
  return rc;
}

static int xml(void) {
  struct ek_buf b = EK_BUF_INIT;
  ek_buf_puts(&b, "<r xmlns='urn:x'>");
  for (int i = 0; i < 200; i++)
    ek_buf_printf(&b, "<n%d a='" SECRET "'>&lt;" SECRET "<![CDATA[%d]]></n%d>", i, i, i);
  ek_buf_puts(&b, "</r>");
  struct ek_xml *doc = ek_xml_new();
  int rc = doc == NULL || b.failed ? EK_ERR_NOMEM : 0;
  for (int i = 0; rc == 0 && i < 2; i++) rc = ek_xml_parse(doc, b.data, b.len, NULL);
  ek_xml_free(doc);
  ek_buf_wipe(&b);
  ek_buf_fini(&b);
  return rc;
}

static int ini(void) {
  static const char text[] = "[profile a]\nsecret = " SECRET "\ns3 =\n  key = " SECRET
                             "\n  other = x\nlong = " SECRET "\n  " SECRET "\n  " SECRET "\n";
  struct ek_ini_reader r;
  ek_ini_reader_init(&r, text, sizeof text - 1);
  enum ek_ini_type type;
  do type = ek_ini_next(&r);
  while (type != EK_INI_END && type != EK_INI_ERROR);
  int rc = type == EK_INI_ERROR ? r.error.code : 0;
  ek_ini_reader_fini(&r);
  return rc;
}

static int jmespath(void) {
  static const char text[] = "sort_by(a.b[?c == `{\"d\": [1, \"\\u00e4\"]}`].{e: f, \"g h\": "
                             "to_string(i)}, &e)[*].e | [0:2]";
  struct ek_jmespath j;
  int rc = ek_jmespath_parse(&j, text, sizeof text - 1, NULL);
  ek_jmespath_fini(&j);
  return rc;
}

static int model(void) {
  static const char text[] =
      "{\"version\":\"2.0\",\"metadata\":{\"apiVersion\":\"2020-01-01\",\"endpointPrefix\":\"t\","
      "\"protocol\":\"json\",\"jsonVersion\":\"1.1\",\"serviceId\":\"T\",\"signatureVersion\":"
      "\"v4\","
      "\"targetPrefix\":\"T\"},\"operations\":{\"Get\":{\"name\":\"Get\",\"http\":{\"method\":"
      "\"POST\","
      "\"requestUri\":\"/\"},\"input\":{\"shape\":\"In\"},\"output\":{\"shape\":\"In\"}}},"
      "\"shapes\":{\"In\":{\"type\":\"structure\",\"required\":[\"a\"],\"members\":{\"a\":{"
      "\"shape\":"
      "\"S\"},\"l\":{\"shape\":\"L\"}}},\"L\":{\"type\":\"list\",\"member\":{\"shape\":\"In\"}},"
      "\"S\":{\"type\":\"string\",\"enum\":[\"x\",\"y\"]}}}";
  struct ek_buf b = EK_BUF_INIT;
  int rc = ek_model_compile(&b, text, sizeof text - 1, "t", NULL);
  ek_buf_fini(&b);
  return rc;
}

#define SPAN(s) ((struct ek_span){(s), sizeof(s) - 1})

static int sign(enum ek_sigv4_algorithm algorithm) {
  static const struct ek_sigv4_header headers[] = {{SPAN("host"), SPAN("h")},
                                                   {SPAN("x-a"), SPAN(" 1  2 ")}};
  const struct ek_sigv4_input in = {
      .algorithm = algorithm,
      .method = SPAN("GET"),
      .path = SPAN("/a b"),
      .query = SPAN("b=2&a=1"),
      .headers = headers,
      .header_count = 2,
      .access_key_id = SPAN("AKID"),
      .secret_access_key = SPAN(SECRET),
      .session_token = SPAN(SECRET SECRET),
      .region = SPAN("us-east-1"),
      .service = SPAN("s"),
      .expires = 60,
  };
  struct ek_sigv4_result r;
  struct ek_sigv4_claim claim;
  struct ek_buf text = EK_BUF_INIT, query = EK_BUF_INIT;
  struct ek_sigv4 *s = ek_sigv4_new();
  int rc = s == NULL ? EK_ERR_NOMEM : ek_sigv4_sign(&r, s, &in, NULL);
  if (rc == 0) rc = ek_sigv4_presign(&r, s, &in, NULL);
  if (rc == 0) {
    ek_buf_append(&query, r.query.data, r.query.len);
    struct ek_sigv4_input got = in;
    got.query = (struct ek_span){query.data, query.len};
    if (query.failed) rc = EK_ERR_NOMEM;
    if (rc == 0) rc = ek_sigv4_claim_read(&claim, &text, &got, NULL);
    if (rc == 0) rc = ek_sigv4_verify(s, &claim, &got, NULL);
  }
  ek_sigv4_free(s);
  ek_buf_wipe(&text);
  ek_buf_fini(&text);
  ek_buf_wipe(&query);
  ek_buf_fini(&query);
  return rc;
}

static int sigv4(void) {
  return sign(EK_SIGV4_HMAC);
}

static int sigv4a(void) {
  return sign(EK_SIGV4_ECDSA);
}

/* --- */

/* How often it ran short before it got through. optional: OpenSSL can do without some of it. */
static long run_short(int (*scenario)(void), bool from_then, bool optional) {
  for (long n = 0;; n++) {
    long before = memory.blocks;
    memory.left = n;
    memory.from_then = from_then;
    memory.fired = memory.leaked = false;
    int rc = scenario();
    memory.left = -1;
    if (ERR_peek_error() != 0) fail_msg("allocation %ld fails: OpenSSL's queue is left filled", n);
    if (memory.blocks != before)
      fail_msg("allocation %ld fails: %ld blocks are left", n, memory.blocks - before);
    if (memory.leaked) fail_msg("allocation %ld fails: a block was freed with the secret", n);
    if (!memory.fired) {
      assert_int_equal(rc, 0);
      return n;
    }
    if (rc == 0 && !optional) fail_msg("allocation %ld fails unnoticed", n);
    if (!optional && rc != EK_ERR_NOMEM && rc != EK_ERR_INTERNAL)
      fail_msg("allocation %ld fails: told as %s", n, ek_code_name(rc));
  }
}

static void every_scenario_survives(void **state) {
  (void)state;
  static const struct {
    const char *name;
    int (*run)(void);
  } scenarios[] = {{"buffers", buffers},   {"json", json},   {"xml", xml},     {"ini", ini},
                   {"jmespath", jmespath}, {"model", model}, {"sigv4", sigv4}, {"sigv4a", sigv4a}};
  long total = 0;
  for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
    assert_int_equal(scenarios[i].run(), 0); /* also what is made once for all */
    bool optional = scenarios[i].run == sigv4a;
    long once = run_short(scenarios[i].run, false, optional);
    long then = run_short(scenarios[i].run, true, optional);
    print_message("%s: %ld allocations\n", scenarios[i].name, once);
    assert_true(once > 0);
    total += once + then;
  }
  print_message("%ld failures injected\n", total);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_scenario_survives)};
  if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1) return 1;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
