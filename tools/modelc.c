/* Compiles a file of models/ into the image that the program reads.
 *
 *   modelc INPUT.json OUTPUT                 a service: runtime/core/model.h
 *   modelc --endpoint INPUT.json OUTPUT      an endpoint rule set: runtime/core/endpoint/rules.h
 *   modelc --partitions INPUT.json OUTPUT    partitions.json: runtime/core/endpoint/partition.h */
#include <libgen.h>

#include "core/modelc/compile.h"

static int read_file(struct ek_buf *out, const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) return -1;
  size_t n;
  do {
    if (!ek_buf_reserve(out, 1 << 16)) break;
    n = fread(out->data + out->len, 1, 1 << 16, file);
    out->len += n;
  } while (n > 0);
  int failed = ferror(file) || out->failed;
  return fclose(file) != 0 || failed ? -1 : 0;
}

static int write_file(const char *path, const struct ek_buf *data) {
  FILE *file = fopen(path, "wb");
  if (file == NULL) return -1;
  size_t n = fwrite(data->data, 1, data->len, file);
  return fclose(file) != 0 || n != data->len ? -1 : 0;
}

static int compile_service(struct ek_buf *image, const struct ek_buf *text, char *path,
                           struct ek_error *e) {
  char service[128];
  (void)snprintf(service, sizeof service, "%s", basename(path));
  service[strcspn(service, ".")] = '\0';
  return ek_model_compile(image, text->data, text->len, service, e);
}

int main(int argc, char **argv) {
  const char *kind = argc == 4 ? argv[1] : "";
  bool endpoint = strcmp(kind, "--endpoint") == 0, partitions = strcmp(kind, "--partitions") == 0;
  if (argc != 3 && !endpoint && !partitions) {
    (void)fprintf(stderr, "usage: modelc [--endpoint|--partitions] INPUT.json OUTPUT\n");
    return 2;
  }
  char *input = argv[argc - 2];
  const char *output = argv[argc - 1];
  struct ek_buf text = EK_BUF_INIT, image = EK_BUF_INIT;
  int status = 1;
  if (read_file(&text, input) != 0) {
    (void)fprintf(stderr, "modelc: %s: ", input);
    perror(NULL);
    goto out;
  }
  struct ek_error e = {0};
  int code = endpoint     ? ek_rules_compile(&image, text.data, text.len, &e)
             : partitions ? ek_partitions_compile(&image, text.data, text.len, &e)
                          : compile_service(&image, &text, input, &e);
  if (code != 0) {
    (void)fprintf(stderr, "modelc: %s: %s\n", input, e.message);
    goto out;
  }
  if (write_file(output, &image) != 0) {
    (void)fprintf(stderr, "modelc: %s: ", output);
    perror(NULL);
    goto out;
  }
  status = 0;
out:
  ek_buf_fini(&text);
  ek_buf_fini(&image);
  return status;
}
