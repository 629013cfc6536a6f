/* runtime/core/certificate.h, held against OpenSSL's own verification. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "core/certificate.h"

static X509 *read_certificate(struct ek_buf *pem) {
  BIO *bio = BIO_new_mem_buf(ek_buf_cstr(pem), -1);
  X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
  BIO_free(bio);
  assert_non_null(x);
  return x;
}

/* Whether `server` is trusted at an address by who trusts `authority`. */
static int trusted(struct ek_buf *authority, struct ek_buf *server, const char *address) {
  X509 *root = read_certificate(authority), *leaf = read_certificate(server);
  X509_STORE *store = X509_STORE_new();
  X509_STORE_CTX *context = X509_STORE_CTX_new();
  assert_int_equal(X509_STORE_add_cert(store, root), 1);
  assert_int_equal(X509_STORE_CTX_init(context, store, leaf, NULL), 1);
  X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
  assert_int_equal(X509_VERIFY_PARAM_set1_ip_asc(param, address), 1);
  assert_int_equal(X509_STORE_CTX_set_default(context, "ssl_server"), 1);
  int ok = X509_verify_cert(context);
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  X509_free(root);
  X509_free(leaf);
  return ok;
}

static void vouches_for_a_server_at_its_address(void **state) {
  (void)state;
  struct ek_error e;
  struct ek_certificate authority, other, server;
  assert_int_equal(ek_certificate_authority(&authority, "us", &e), 0);
  assert_int_equal(ek_certificate_authority(&other, "us", &e), 0);
  assert_int_equal(ek_certificate_server(&server, &authority, "127.0.0.1", &e), 0);
  assert_int_equal(trusted(&authority.certificate, &server.certificate, "127.0.0.1"), 1);
  assert_int_not_equal(trusted(&authority.certificate, &server.certificate, "127.0.0.2"), 1);
  assert_int_not_equal(trusted(&other.certificate, &server.certificate, "127.0.0.1"), 1);
  ek_certificate_fini(&server);
  ek_certificate_fini(&other);
  ek_certificate_fini(&authority);
}

static void refuses_what_is_no_authority(void **state) {
  (void)state;
  struct ek_error e;
  struct ek_certificate one, two, server;
  assert_int_equal(ek_certificate_authority(&one, "one", &e), 0);
  assert_int_equal(ek_certificate_authority(&two, "two", &e), 0);
  struct ek_certificate mixed = {.certificate = one.certificate, .key = two.key};
  struct ek_certificate empty = {.certificate = EK_BUF_INIT};
  assert_int_equal(ek_certificate_server(&server, &mixed, "127.0.0.1", &e), EK_ERR_INVALID);
  assert_int_equal(ek_certificate_server(&server, &empty, "127.0.0.1", &e), EK_ERR_INVALID);
  assert_int_not_equal(ek_certificate_server(&server, &one, "not an address", &e), 0);
  ek_certificate_fini(&one);
  ek_certificate_fini(&two);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(vouches_for_a_server_at_its_address),
      cmocka_unit_test(refuses_what_is_no_authority),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
