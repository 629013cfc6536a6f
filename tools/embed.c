/* Writes the assembler source that puts files into the binary as they are.
 *
 *   embed OUTPUT SYMBOL ROOT FILE... [-- ROOT FILE...]
 *
 * defines SYMBOL (an array of struct ek_embedded, see runtime/core/embed.h, by name) and
 * SYMBOL_count. Names are relative to the ROOT before them, and lie together, so that a search
 * touches few pages. The bytes come by .incbin: no compile time to speak of, no escaping. */
#include <inttypes.h>

struct file {
  const char *path, *name;
};

static int fail(const char *what, const char *path) {
  (void)fprintf(stderr, "embed: %s: ", path);
  perror(what);
  return 1;
}

static int compare(const void *a, const void *b) {
  return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

/* What the words behind the options name. */
static int collect(struct file *files, int argc, char **argv) {
  const char *root = argv[3];
  int count = 0;
  for (int i = 4; i < argc; i++) {
    if (strcmp(argv[i], "--") == 0 && i + 1 < argc) {
      root = argv[++i];
      continue;
    }
    const char *path = argv[i], *name = path;
    size_t root_len = strlen(root);
    if (strncmp(name, root, root_len) == 0 && name[root_len] == '/') name += root_len + 1;
    files[count++] = (struct file){path, name};
  }
  qsort(files, (size_t)count, sizeof *files, compare);
  return count;
}

static void write_source(FILE *out, const char *symbol, const struct file *files, int count) {
  (void)fprintf(out, ".section .rodata\n");
  for (int i = 0; i < count; i++)
    (void)fprintf(out, "%s_name_%d: .asciz \"%s\"\n", symbol, i, files[i].name);
  for (int i = 0; i < count; i++)
    (void)fprintf(out, ".balign 16\n%s_data_%d: .incbin \"%s\"\n%s_end_%d: .byte 0\n", symbol, i,
                  files[i].path, symbol, i);
  (void)fprintf(out, ".section .data.rel.ro, \"aw\"\n.balign 8\n.globl %s\n%s:\n", symbol, symbol);
  for (int i = 0; i < count; i++)
    (void)fprintf(out, ".quad %s_name_%d, %s_data_%d, %s_end_%d - %s_data_%d\n", symbol, i, symbol,
                  i, symbol, i, symbol, i);
  (void)fprintf(out, ".section .rodata\n.balign 8\n.globl %s_count\n%s_count: .quad %d\n", symbol,
                symbol, count);
  (void)fprintf(out, ".section .note.GNU-stack, \"\", %%progbits\n");
  /* Says of this file what -fcf-protection says of compiled ones; one without and all lose it. */
  (void)fprintf(out, "#ifdef __CET__\n#include <cet.h>\n#endif\n");
}

int main(int argc, char **argv) {
  if (argc < 4) {
    (void)fprintf(stderr, "usage: embed OUTPUT SYMBOL ROOT FILE... [-- ROOT FILE...]\n");
    return 2;
  }
  struct file *files = calloc((size_t)argc, sizeof *files);
  if (files == NULL) return fail("allocate", argv[1]);
  int count = collect(files, argc, argv);
  FILE *out = fopen(argv[1], "w");
  if (out != NULL) write_source(out, argv[2], files, count);
  free(files);
  if (out == NULL) return fail("open", argv[1]);
  if (fclose(out) != 0) return fail("write", argv[1]);
  return 0;
}
