/* Endpoint rules of S3, the largest: microseconds an evaluation, URL and properties included. */
#include <stdint.h>
#include <time.h>

#include "core/endpoint/endpoint.h"

static double now(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t read_tree(struct ek_endpoint *v, uint32_t index) {
  const struct ek_rules_node *node = &v->rules->nodes[index];
  size_t sum = 0;
  if (node->op != EK_NODE_ARRAY && node->op != EK_NODE_OBJECT) {
    const struct ek_endpoint_value value = ek_endpoint_evaluate(v, index);
    return value.type == EK_RULES_STRING ? value.text.len : 1;
  }
  for (uint32_t i = 0; i < node->count; i++) sum += read_tree(v, v->rules->links[node->at + i]);
  return sum;
}

static size_t evaluate(const struct ek_rules *r, const struct ek_partitions *p,
                       const char *bucket) {
  struct ek_endpoint v;
  const struct ek_rules_rule *rule;
  size_t sum = 0;
  ek_endpoint_init(&v, r, p);
  for (uint32_t i = 0; i < ek_rules_count(r, EK_RULES_PARAMETERS); i++) {
    const char *name = r->pool + r->parameters[i].name;
    const char *text = strcmp(name, "Region") == 0   ? "us-west-2"
                       : strcmp(name, "Bucket") == 0 ? bucket
                                                     : NULL;
    if (text != NULL)
      v.parameters[i] =
          (struct ek_endpoint_value){.type = EK_RULES_STRING, .text = {text, strlen(text)}};
  }
  if (ek_endpoint_resolve(&v, &rule, NULL) == 0) {
    const struct ek_endpoint_value url = ek_endpoint_evaluate(&v, rule->value);
    sum = url.text.len + (rule->properties == 0 ? 0 : read_tree(&v, rule->properties - 1));
  }
  ek_endpoint_fini(&v);
  return sum;
}

int main(void) {
  static const char *const buckets[] = {
      "my-bucket", "my_bucket.with.dots", "arn:aws:s3:us-west-2:123456789012:accesspoint:reports",
      "arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-01234567890123456/accesspoint/reports",
      "bucket--usw2-az1--x-s3"};
  enum { CALLS = 10000 };
  struct ek_partitions partitions;
  struct ek_rules rules = {0};
  for (size_t i = 0; i < ek_endpoints_count; i++)
    if (strcmp(ek_endpoints[i].name, "s3") == 0)
      (void)ek_rules_open(&rules, ek_endpoints[i].data, ek_endpoints[i].size, NULL);
  if (ek_partitions_open(&partitions, ek_partitions_image[0].data, ek_partitions_image[0].size,
                         NULL) != 0 ||
      rules.head == NULL)
    return 1;
  for (size_t b = 0; b < sizeof buckets / sizeof *buckets; b++) {
    double best = 1;
    size_t sum = 0;
    for (int round = 0; round < 5; round++) {
      double start = now();
      for (int i = 0; i < CALLS; i++) sum += evaluate(&rules, &partitions, buckets[b]);
      double one = (now() - start) / CALLS;
      if (one < best) best = one;
    }
    (void)printf("%6.2f us  %s%s\n", best * 1e6, buckets[b], sum == 0 ? " (refused)" : "");
  }
  return 0;
}
