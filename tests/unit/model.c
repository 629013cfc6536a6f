/* runtime/core/model.h: the embedded images, and images that are damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/model.h"

static const struct ek_embedded *find_image(const char *name) {
  const struct ek_embedded *image = ek_embedded_find(ek_models, ek_models_count, name);
  if (image == NULL) fail_msg("no image of %s", name);
  return image;
}

static void open_image(struct ek_model *m, const char *name) {
  const struct ek_embedded *image = find_image(name);
  struct ek_error e = {0};
  if (ek_model_open(m, image->data, image->size, &e) != 0) fail_msg("%s: %s", name, e.message);
}

/* Reads every byte that the tables of m reach. Returns something to depend on. */
static size_t touch(const struct ek_model *m) {
  size_t sum = strlen(ek_model_string(m, m->head->metadata));
  for (uint32_t i = 0; i < ek_model_count(m, EK_TABLE_OPERATIONS); i++) {
    const struct ek_model_operation *op = &m->operations[i];
    const struct ek_model_ref *ends[] = {ek_model_input(m, op), ek_model_output(m, op)};
    sum += strlen(ek_model_string(m, op->traits)) + strlen(ek_model_string(m, op->path));
    sum += ek_model_find_error(m, op, "Nothing") != NULL;
    for (int k = 0; k < 2; k++)
      if (ends[k] != NULL)
        sum += ek_model_find_member(m, ek_model_shape_of(m, ends[k]), "nothing", 7) != NULL;
  }
  for (uint32_t i = 0; i < ek_model_count(m, EK_TABLE_REFS); i++) {
    const struct ek_model_ref *ref = &m->refs[i];
    const struct ek_model_shape *shape = ek_model_shape_of(m, ref);
    sum += strlen(ek_model_string(m, ref->wire)) + strlen(ek_model_string(m, ref->xml));
    sum += m->bounds[shape->bounds].min < 0;
    for (uint32_t v = 0; v < shape->value_count; v++)
      sum += strlen(ek_model_string(m, m->values[shape->values + v]));
    sum += ek_model_find_namespace(m, ref) != NULL;
  }
  for (uint32_t i = 0; i < ek_model_count(m, EK_TABLE_WAITERS); i++)
    sum += strlen(ek_model_find_entry(m, EK_TABLE_WAITERS, ek_model_string(m, m->waiters[i].name)));
  return sum;
}

static void every_image_opens(void **state) {
  (void)state;
  assert_true(ek_models_count >= 30);
  for (size_t i = 0; i < ek_models_count; i++) {
    struct ek_model m;
    open_image(&m, ek_models[i].name);
    assert_string_equal(ek_model_string(&m, m.head->service), ek_models[i].name);
    assert_true(touch(&m) > 0);
    if (i > 0) assert_true(strcmp(ek_models[i - 1].name, ek_models[i].name) < 0);
  }
}

static void operations_have_two_spellings(void **state) {
  (void)state;
  static const struct {
    const char *service, *name, *snake;
  } cases[] = {
      {"eks", "DescribeCluster", "describe_cluster"},
      {"eks", "AssociateIdentityProviderConfig", "associate_identity_provider_config"},
      {"ec2", "CreateVpc", "create_vpc"},
      {"ec2", "DescribeVpcEndpointServices", "describe_vpc_endpoint_services"},
      {"ec2", "DescribeSpotFleetRequestHistory", "describe_spot_fleet_request_history"},
      {"s3", "ListObjectsV2", "list_objects_v2"},
      {"iam", "ListMFADevices", "list_mfa_devices"},
      {"iam", "CreateOpenIDConnectProvider", "create_open_id_connect_provider"},
      {"dynamodb", "DescribeContinuousBackups", "describe_continuous_backups"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct ek_model m;
    open_image(&m, cases[i].service);
    const struct ek_model_operation *op = ek_model_find_operation(&m, cases[i].name);
    assert_non_null(op);
    assert_string_equal(ek_model_string(&m, op->snake), cases[i].snake);
    assert_ptr_equal(ek_model_find_operation(&m, cases[i].snake), op);
    assert_null(ek_model_find_operation(&m, "Describe"));
    assert_null(ek_model_find_operation(&m, ""));
  }
}

static void every_operation_is_found(void **state) {
  (void)state;
  for (size_t i = 0; i < ek_models_count; i++) {
    struct ek_model m;
    open_image(&m, ek_models[i].name);
    for (uint32_t k = 0; k < ek_model_count(&m, EK_TABLE_OPERATIONS); k++) {
      const struct ek_model_operation *op = &m.operations[k];
      assert_ptr_equal(ek_model_find_operation(&m, ek_model_string(&m, op->name)), op);
      assert_ptr_equal(ek_model_find_operation(&m, ek_model_string(&m, op->snake)), op);
    }
  }
}

static void traits_are_resolved(void **state) {
  (void)state;
  struct ek_model m;
  open_image(&m, "ec2");
  const struct ek_model_operation *op = ek_model_find_operation(&m, "describe_vpcs");
  const struct ek_model_shape *input = ek_model_shape_of(&m, ek_model_input(&m, op));
  const struct ek_model_ref *filters = ek_model_find_member(&m, input, "Filters", 7);
  assert_string_equal(ek_model_string(&m, filters->query), "Filter");
  assert_null(ek_model_find_member(&m, input, "Filter", 6));
  assert_null(ek_model_find_member(&m, input, "FiltersX", 8));

  open_image(&m, "eks");
  op = ek_model_find_operation(&m, "create_cluster");
  input = ek_model_shape_of(&m, ek_model_input(&m, op));
  assert_true(ek_model_find_member(&m, input, "name", 4)->flags & EK_REF_REQUIRED);
  assert_true(ek_model_find_member(&m, input, "clientRequestToken", 18)->flags & EK_REF_TOKEN);
  assert_non_null(ek_model_find_error(&m, op, "ResourceInUseException"));
  assert_int_equal(ek_model_find_error(&m, op, "ResourceInUseException")->status, 409);
}

static void cut_images_are_refused(void **state) {
  (void)state;
  const struct ek_embedded *image = find_image("eks-auth");
  struct ek_model m;
  for (size_t n = 0; n < image->size; n++)
    assert_int_equal(ek_model_open(&m, image->data, n, NULL), EK_ERR_INVALID);
}

/* Every word of an image in turn becomes nonsense: it is refused, or safe to read. */
static void damaged_images_are_safe(void **state) {
  (void)state;
  static const uint32_t nonsense[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x00010001};
  const struct ek_embedded *image = find_image("eks-auth");
  char *copy = aligned_alloc(8, (image->size + 7) / 8 * 8);
  size_t refused = 0;
  assert_non_null(copy);
  for (size_t at = 0; at + 4 <= image->size; at += 4)
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
      struct ek_model m;
      memcpy(copy, image->data, image->size);
      memcpy(copy + at, &nonsense[i], 4);
      if (ek_model_open(&m, copy, image->size, NULL) == 0)
        (void)touch(&m);
      else
        refused++;
    }
  assert_true(refused > 100);
  free(copy);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_image_opens),        cmocka_unit_test(operations_have_two_spellings),
      cmocka_unit_test(every_operation_is_found), cmocka_unit_test(traits_are_resolved),
      cmocka_unit_test(cut_images_are_refused),   cmocka_unit_test(damaged_images_are_safe),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
