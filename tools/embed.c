/* Writes the assembler source that puts files into the binary as they are.
 *
 *   embed OUTPUT SYMBOL ROOT FILE... [-- ROOT FILE...]
 *
 * defines SYMBOL (an array of struct ek_embedded, see runtime/embed.h) and SYMBOL_count. Names are
 * relative to the ROOT before them. The bytes come by .incbin: no compile time to speak of, no
 * escaping. */
#include <inttypes.h>

static int fail(const char *what, const char *path) {
  (void)fprintf(stderr, "embed: %s: ", path);
  perror(what);
  return 1;
}

int main(int argc, char **argv) {
  if (argc < 4) {
    (void)fprintf(stderr, "usage: embed OUTPUT SYMBOL ROOT FILE... [-- ROOT FILE...]\n");
    return 2;
  }
  const char *symbol = argv[2];
  FILE *out = fopen(argv[1], "w");
  if (out == NULL) return fail("open", argv[1]);

  (void)fprintf(out, ".section .rodata\n");
  const char *root = argv[3];
  int count = 0;
  for (int i = 4; i < argc; i++) {
    if (strcmp(argv[i], "--") == 0 && i + 1 < argc) {
      root = argv[++i];
      continue;
    }
    const char *name = argv[i];
    size_t root_len = strlen(root);
    if (strncmp(name, root, root_len) == 0 && name[root_len] == '/') name += root_len + 1;
    (void)fprintf(out, ".balign 16\n%s_data_%d: .incbin \"%s\"\n%s_end_%d: .byte 0\n", symbol,
                  count, argv[i], symbol, count);
    (void)fprintf(out, "%s_name_%d: .asciz \"%s\"\n", symbol, count, name);
    count++;
  }
  (void)fprintf(out, ".section .data.rel.ro, \"aw\"\n.balign 8\n.globl %s\n%s:\n", symbol, symbol);
  for (int i = 0; i < count; i++)
    (void)fprintf(out, ".quad %s_name_%d, %s_data_%d, %s_end_%d - %s_data_%d\n", symbol, i, symbol,
                  i, symbol, i, symbol, i);
  (void)fprintf(out, ".section .rodata\n.balign 8\n.globl %s_count\n%s_count: .quad %d\n", symbol,
                symbol, count);
  (void)fprintf(out, ".section .note.GNU-stack, \"\", %%progbits\n");
  /* Says of this file what -fcf-protection says of compiled ones; one without and all lose it. */
  (void)fprintf(out, "#ifdef __CET__\n#include <cet.h>\n#endif\n");
  if (fclose(out) != 0) return fail("write", argv[1]);
  return 0;
}
