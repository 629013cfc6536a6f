/* core/endpoint: any text is refused, or gives rules that open and evaluate; so does any image. The
 * first byte chooses: text of rules, text of partitions, an image of rules, an image of partitions,
 * or parameters for the rules of S3. Images are those of the program with some bytes changed, since
 * random bytes are none. What is evaluated ends, and what it gives can be read. */
#include <stdint.h>

#include "core/endpoint/endpoint.h"
#include "core/modelc/compile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of an evaluation: enough for any rules that there are; the program's own limit is tried by the
 * unit test, here it would make one input of ten thousand. */
#define STEPS 4096

static size_t sum; /* what was read, so that it is read */

static void read_value(struct ek_endpoint *v, struct ek_endpoint_value value) {
  (void)v;
  if (value.type == EK_RULES_STRING || value.type >= EK_RULES_RESOURCE)
    if (value.type != EK_RULES_PARTITION)
      for (size_t i = 0; i < value.text.len; i++) sum += (unsigned char)value.text.data[i];
}

/* Every string parameter takes a piece of the bytes, each ending where the next begins. */
static void evaluate(const struct ek_rules *r, const struct ek_partitions *p, const char *bytes,
                     size_t size) {
  struct ek_endpoint v;
  struct ek_error e = {0};
  const struct ek_rules_rule *rule;
  struct ek_endpoint_text items[4];
  ek_endpoint_init(&v, r, p);
  v.steps = STEPS;
  for (uint32_t i = 0; i < ek_rules_count(r, EK_RULES_PARAMETERS); i++) {
    const char *end = size == 0 ? NULL : memchr(bytes, '\n', size);
    size_t len = end == NULL ? size : (size_t)(end - bytes);
    struct ek_endpoint_value *value = &v.parameters[i];
    if (r->parameters[i].type == EK_RULES_STRING && len > 0) {
      *value = (struct ek_endpoint_value){.type = EK_RULES_STRING, .text = {bytes, len}};
    } else if (r->parameters[i].type == EK_RULES_BOOLEAN && len > 0) {
      *value = (struct ek_endpoint_value){.type = EK_RULES_BOOLEAN, .boolean = *bytes & 1};
    } else if (r->parameters[i].type == EK_RULES_STRINGS && len > 0) {
      for (size_t k = 0; k < 4; k++) items[k] = (struct ek_endpoint_text){bytes, len};
      *value = (struct ek_endpoint_value){.type = EK_RULES_STRINGS, .list = {items, 0, 4}};
    }
    if (end == NULL) break;
    size -= len + 1;
    bytes = end + 1;
  }
  int code = ek_endpoint_resolve(&v, &rule, &e);
  if (code != 0 && e.message[0] == '\0') abort();
  if (code == 0) read_value(&v, ek_endpoint_evaluate(&v, rule->value));
  for (uint32_t i = 0; i < ek_rules_count(r, EK_RULES_NODES) && i < 64; i++)
    read_value(&v, ek_endpoint_evaluate(&v, i));
  ek_endpoint_fini(&v);
}

/* A copy of an image, with changes of three bytes each: where, in two, and what is put there. The
 * caller frees it. */
static char *changed(const struct ek_embedded *image, const char *changes, size_t size) {
  char *copy = malloc(image->size);
  if (copy == NULL) abort();
  memcpy(copy, image->data, image->size);
  for (; size >= 3; changes += 3, size -= 3)
    copy[((size_t)(unsigned char)changes[0] << 8 | (unsigned char)changes[1]) % image->size] =
        changes[2];
  return copy;
}

static void try_rules(const char *image, size_t size, const struct ek_partitions *p) {
  struct ek_rules r;
  struct ek_error e = {0};
  if (ek_rules_open(&r, image, size, &e) == 0)
    evaluate(&r, p, "us-east-1\nhttps://h/p\narn:aws:s3:r:a:b/c\n1", 40);
  else if (e.message[0] == '\0')
    abort();
}

static void try_partitions(const char *image, size_t size) {
  struct ek_partitions p;
  struct ek_error e = {0};
  if (ek_partitions_open(&p, image, size, &e) == 0)
    sum += strlen(ek_partitions_string(&p, ek_partitions_find(&p, "eu-west-1", 9)->dns_suffix));
  else if (e.message[0] == '\0')
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct ek_partitions own;
  static struct ek_rules s3;
  if (own.head == NULL) {
    if (ek_partitions_open(&own, ek_partitions_image[0].data, ek_partitions_image[0].size, NULL))
      abort();
    for (size_t i = 0; i < ek_endpoints_count; i++)
      if (strcmp(ek_endpoints[i].name, "s3") == 0 &&
          ek_rules_open(&s3, ek_endpoints[i].data, ek_endpoints[i].size, NULL) != 0)
        abort();
  }
  if (size == 0) return 0;
  const char *bytes = (const char *)data + 1;
  struct ek_buf image = EK_BUF_INIT;
  struct ek_error e = {0};
  char *copy = NULL;
  size--;
  switch (data[0] % 5) {
  case 0:
    if (ek_rules_compile(&image, bytes, size, &e) == 0)
      try_rules(image.data, image.len, &own);
    else if (e.message[0] == '\0')
      abort();
    break;
  case 1:
    if (ek_partitions_compile(&image, bytes, size, &e) == 0)
      try_partitions(image.data, image.len);
    else if (e.message[0] == '\0')
      abort();
    break;
  case 2: {
    if (size == 0) break;
    const struct ek_embedded *chosen = &ek_endpoints[(unsigned char)*bytes % ek_endpoints_count];
    copy = changed(chosen, bytes + 1, size - 1);
    try_rules(copy, chosen->size, &own);
    break;
  }
  case 3:
    copy = changed(&ek_partitions_image[0], bytes, size);
    try_partitions(copy, ek_partitions_image[0].size);
    break;
  default: evaluate(&s3, &own, bytes, size);
  }
  free(copy);
  ek_buf_fini(&image);
  return 0;
}
