/* Partitions: the check of an image, patterns of region names, look-ups. */
#include "core/endpoint/partition.h"

#include <string.h>

static const size_t record_size[EK_PARTITIONS_TABLE_COUNT] = {
    [EK_PARTITIONS_POOL] = 1,
    [EK_PARTITIONS_LIST] = sizeof(struct ek_partition),
    [EK_PARTITIONS_REGIONS] = sizeof(struct ek_partition_region),
};

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_alnum(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* class: 'd' or 'w'. */
static bool in_class(char class, char c) {
  return class == 'd' ? is_digit(c) : is_alnum(c) || c == '_';
}

/* Whether one of the len bytes at alternatives (a|ab|c) begins with another one. */
static bool is_ambiguous(const char *alternatives, size_t len) {
  const char *end = alternatives + len;
  for (const char *a = alternatives; a < end; a += strcspn(a, "|)") + 1) {
    size_t a_len = strcspn(a, "|)");
    for (const char *b = alternatives; b < end; b += strcspn(b, "|)") + 1)
      if (a != b && strcspn(b, "|)") >= a_len && memcmp(a, b, a_len) == 0) return true;
  }
  return false;
}

static const char *check_group(const char **at) {
  const char *first = ++*at;
  bool empty = true;
  for (; **at != ')'; ++*at) {
    bool bar = **at == '|';
    if (!bar && !is_alnum(**at)) return "a group is of letters and digits";
    if (bar && empty) return "an alternative is empty";
    empty = bar;
  }
  if (empty) return "an alternative is empty";
  if (is_ambiguous(first, (size_t)(*at - first))) return "an alternative begins with another";
  ++*at;
  return NULL;
}

const char *ek_partitions_check_pattern(const char *pattern) {
  char class = '\0'; /* the one just before, if the item before was one */
  const char *at = pattern;
  if (*at++ != '^') return "it does not begin with ^";
  while (*at != '$') {
    char begins = *at, here = '\0';
    if (*at == '\\' && (at[1] == 'w' || at[1] == 'd')) {
      if (class != '\0') return "a repetition follows another";
      if (at[2] != '+') return "\\w and \\d stand with + only";
      here = at[1];
      at += 3;
    } else if (*at == '\\') {
      begins = at[1];
      if (begins == '\0' || is_alnum(begins)) return "an escape is not known";
      at += 2;
    } else if (*at == '(') {
      const char *first = at + 1, *problem = check_group(&at);
      if (problem != NULL) return problem;
      for (; class != '\0' && first < at; first += strcspn(first, "|)") + 1)
        if (in_class(class, *first)) return "what follows a repetition could belong to it";
      begins = '\0';
    } else if (is_alnum(*at)) {
      at++;
    } else {
      return "a character has to be escaped, or is not known";
    }
    if (class != '\0' && begins != '\0' && in_class(class, begins))
      return "what follows a repetition could belong to it";
    class = here;
  }
  return at[1] == '\0' ? NULL : "something follows $";
}

/* The bytes that the group behind at takes of those up to end, NULL: none of its alternatives. at
 * is then behind the group. */
static const char *match_group(const char **at, const char *s, const char *end) {
  const char *found = NULL;
  for (++*at;; ++*at) {
    size_t n = strcspn(*at, "|)");
    if (found == NULL && (size_t)(end - s) >= n && memcmp(s, *at, n) == 0) found = s + n;
    *at += n;
    if (**at == ')') break;
  }
  ++*at;
  return found;
}

/* pattern is valid. */
static bool matches(const char *pattern, const char *s, size_t len) {
  const char *end = s + len;
  for (const char *at = pattern + 1; *at != '$';) {
    if (*at == '(') {
      s = match_group(&at, s, end);
      if (s == NULL) return false;
    } else if (*at == '\\' && (at[1] == 'w' || at[1] == 'd')) {
      const char *first = s;
      while (s < end && in_class(at[1], *s)) s++;
      if (s == first) return false;
      at += 3;
    } else {
      if (*at == '\\') at++;
      if (s == end || *s++ != *at++) return false;
    }
  }
  return s == end;
}

static bool records_valid(const struct ek_partitions *p) {
  const struct ek_partitions_header *h = p->head;
  uint32_t pool = h->table[EK_PARTITIONS_POOL].count;
  for (uint32_t i = 0; i < h->table[EK_PARTITIONS_LIST].count; i++) {
    const struct ek_partition *it = &p->list[i];
    if (it->name >= pool || it->pattern >= pool || it->dns_suffix >= pool ||
        it->dual_stack_dns_suffix >= pool || it->implicit_global_region >= pool)
      return false;
    const char *pattern = p->pool + it->pattern;
    if (*pattern != '\0' && ek_partitions_check_pattern(pattern) != NULL) return false;
  }
  for (uint32_t i = 0; i < h->table[EK_PARTITIONS_REGIONS].count; i++)
    if (p->regions[i].name >= pool || p->regions[i].partition >= h->table[EK_PARTITIONS_LIST].count)
      return false;
  return h->table[EK_PARTITIONS_LIST].count > 0;
}

int ek_partitions_open(struct ek_partitions *p, const void *image, size_t size,
                       struct ek_error *e) {
  memset(p, 0, sizeof *p);
  const struct ek_partitions_header *h = image;
  if (size < sizeof *h || (uintptr_t)image % 8 != 0 ||
      memcmp(h->magic, EK_PARTITIONS_MAGIC, sizeof h->magic) != 0)
    return ek_error_set(e, EK_ERR_INVALID, "not an image of partitions");
  if (h->version != EK_PARTITIONS_VERSION)
    return ek_error_set(e, EK_ERR_INVALID, "image of partitions has version %u, not %u", h->version,
                        EK_PARTITIONS_VERSION);
  if (h->size != size)
    return ek_error_set(e, EK_ERR_INVALID, "image of partitions has %zu bytes, not %u", size,
                        h->size);
  for (int t = 0; t < EK_PARTITIONS_TABLE_COUNT; t++) {
    uint32_t offset = h->table[t].offset;
    if (offset % 8 != 0 || offset > size || h->table[t].count > (size - offset) / record_size[t])
      return ek_error_set(e, EK_ERR_INVALID, "image of partitions: table %d is out of bounds", t);
  }
  const char *base = image;
  *p = (struct ek_partitions){
      .head = h,
      .pool = base + h->table[EK_PARTITIONS_POOL].offset,
      .list = (const void *)(base + h->table[EK_PARTITIONS_LIST].offset),
      .regions = (const void *)(base + h->table[EK_PARTITIONS_REGIONS].offset),
  };
  uint32_t pool = h->table[EK_PARTITIONS_POOL].count;
  if (pool == 0 || p->pool[0] != '\0' || p->pool[pool - 1] != '\0' || !records_valid(p)) {
    memset(p, 0, sizeof *p);
    return ek_error_set(e, EK_ERR_INVALID, "image of partitions: a record is out of bounds");
  }
  return 0;
}

/* As strcmp, of len bytes at s that may hold NUL. */
static int compare(const char *s, size_t len, const char *name) {
  size_t name_len = strlen(name);
  int order = memcmp(s, name, len < name_len ? len : name_len);
  return order != 0 ? order : (len > name_len) - (len < name_len);
}

const struct ek_partition *ek_partitions_find(const struct ek_partitions *p, const char *region,
                                              size_t len) {
  uint32_t low = 0, high = p->head->table[EK_PARTITIONS_REGIONS].count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    int order = compare(region, len, p->pool + p->regions[middle].name);
    if (order == 0) return &p->list[p->regions[middle].partition];
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  for (uint32_t i = 0; i < p->head->table[EK_PARTITIONS_LIST].count; i++) {
    const char *pattern = p->pool + p->list[i].pattern;
    if (*pattern != '\0' && matches(pattern, region, len)) return &p->list[i];
  }
  return &p->list[0];
}
