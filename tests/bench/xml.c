/* What a tree costs over bare expat: an EC2 answer of 3 MB, or a file, both in one run, the best of
 * 20.
 *
 * usage: bench_xml [FILE] */
#include <expat.h>

#include "core/buf.h"
#include "core/xml.h"

static unsigned elements;

static void XMLCALL on_start(void *user, const XML_Char *name, const XML_Char **attrs) {
  (void)user, (void)name, (void)attrs;
  elements++;
}

static void XMLCALL on_end(void *user, const XML_Char *name) {
  (void)user, (void)name;
}

static void XMLCALL on_text(void *user, const XML_Char *s, int n) {
  (void)user, (void)s, (void)n;
}

static double now(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void write_answer(struct ek_buf *b) {
  ek_buf_puts(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DescribeInstancesResponse "
                 "xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\n  <reservationSet>\n");
  for (unsigned i = 0; i < 1000; i++) {
    ek_buf_printf(b,
                  "    <item>\n      <reservationId>r-%017x</reservationId>\n"
                  "      <ownerId>123456789012</ownerId>\n      <instancesSet>\n        <item>\n",
                  i);
    for (unsigned f = 0; f < 20; f++) {
      ek_buf_printf(b, "          <instanceField%u>i-%017x</instanceField%u>\n", f, i * 31 + f, f);
    }
    ek_buf_puts(b, "          <tagSet>\n");
    for (unsigned f = 0; f < 20; f++) {
      ek_buf_printf(
          b, "            <item><key>kubernetes.io/key-%u</key><value>v&amp;%u</value></item>\n", f,
          i);
    }
    ek_buf_puts(b, "          </tagSet>\n        </item>\n      </instancesSet>\n    </item>\n");
  }
  ek_buf_puts(b, "  </reservationSet>\n</DescribeInstancesResponse>\n");
}

static bool read_file(struct ek_buf *b, const char *path) {
  FILE *f = fopen(path, "rb");
  if (f == NULL) return false;
  for (size_t n = 1; n > 0 && ek_buf_reserve(b, 65536); b->len += n)
    n = fread(b->data + b->len, 1, 65536, f);
  (void)fclose(f);
  return !b->failed;
}

int main(int argc, char **argv) {
  struct ek_buf b = EK_BUF_INIT;
  if (argc < 2)
    write_answer(&b);
  else if (!read_file(&b, argv[1]))
    return 2;
  struct ek_xml *doc = ek_xml_new();
  double bare = 1e9, tree = 1e9;
  for (int round = 0; round < 20; round++) {
    double start = now();
    XML_Parser parser = XML_ParserCreate(NULL);
    elements = 0;
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    if (XML_Parse(parser, b.data, (int)b.len, XML_TRUE) != XML_STATUS_OK) return 1;
    XML_ParserFree(parser);
    double middle = now();
    if (ek_xml_parse(doc, b.data, b.len, NULL) != 0) return 1;
    double end = now();
    if (middle - start < bare) bare = middle - start;
    if (end - middle < tree) tree = end - middle;
  }
  (void)printf("%.1f MB, %u elements: expat %.1f ms, tree %.1f ms\n", (double)b.len / 1e6, elements,
               bare * 1e3, tree * 1e3);
  ek_xml_free(doc);
  ek_buf_fini(&b);
  return 0;
}
