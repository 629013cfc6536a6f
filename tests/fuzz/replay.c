/* main() of a fuzzer without libFuzzer: runs the files of the folders that are named. What the
 * fuzzers found worth keeping is so run in every build. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run(const char *path, size_t size) {
  uint8_t *bytes = malloc(size == 0 ? 1 : size); /* exact: sanitizers see its end */
  FILE *file = fopen(path, "rbe");
  if (bytes == NULL || file == NULL || fread(bytes, 1, size, file) != size) {
    perror(path);
    exit(1);
  }
  (void)fclose(file);
  (void)LLVMFuzzerTestOneInput(bytes, size);
  free(bytes);
  return 1;
}

static int run_folder(const char *name) {
  int count = 0;
  char path[4096];
  struct stat info;
  DIR *folder = opendir(name);
  if (folder == NULL) {
    perror(name);
    exit(1);
  }
  for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    (void)snprintf(path, sizeof path, "%s/%s", name, entry->d_name);
    if (stat(path, &info) == 0 && S_ISREG(info.st_mode)) count += run(path, (size_t)info.st_size);
  }
  (void)closedir(folder);
  return count;
}

int main(int argc, char **argv) {
  int count = 0;
  for (int i = 1; i < argc; i++) count += run_folder(argv[i]);
  (void)printf("%d inputs\n", count);
  return count == 0;
}
