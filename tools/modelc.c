/* Compiles a service model.
 *
 *   modelc INPUT.json OUTPUT.ekm
 *
 * INPUT is a file of models/; OUTPUT is the image that runtime/core/model.h describes. */
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

int main(int argc, char **argv) {
  if (argc != 3) {
    (void)fprintf(stderr, "usage: modelc INPUT.json OUTPUT.ekm\n");
    return 2;
  }
  struct ek_buf text = EK_BUF_INIT, image = EK_BUF_INIT;
  int status = 1;
  if (read_file(&text, argv[1]) != 0) {
    (void)fprintf(stderr, "modelc: %s: ", argv[1]);
    perror(NULL);
    goto out;
  }
  char service[128];
  (void)snprintf(service, sizeof service, "%s", basename(argv[1]));
  service[strcspn(service, ".")] = '\0';
  struct ek_error e = {0};
  if (ek_model_compile(&image, text.data, text.len, service, &e) != 0) {
    (void)fprintf(stderr, "modelc: %s: %s\n", argv[1], e.message);
    goto out;
  }
  if (write_file(argv[2], &image) != 0) {
    (void)fprintf(stderr, "modelc: %s: ", argv[2]);
    perror(NULL);
    goto out;
  }
  status = 0;
out:
  ek_buf_fini(&text);
  ek_buf_fini(&image);
  return status;
}
