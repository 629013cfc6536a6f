/* UTF-8 and the width of its characters on a terminal. */
#include "core/utf8.h"

size_t ek_utf8_length(const char *text, size_t n) {
  const unsigned char *s = (const unsigned char *)text;
  if (n == 0) return 0;
  unsigned lead = s[0];
  if (lead < 0x80) return 1;
  if (lead < 0xc2) return 0;
  if (n < 2) return 0;
  if (lead < 0xe0) return (s[1] & 0xc0) == 0x80 ? 2 : 0;
  /* The second byte's range closes out overlong forms, surrogates and what lies past U+10FFFF. */
  unsigned low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  unsigned high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (s[1] < low || s[1] > high) return 0;
  if (n < 3 || (s[2] & 0xc0) != 0x80) return 0;
  if (lead < 0xf0) return 3;
  if (lead > 0xf4 || n < 4 || (s[3] & 0xc0) != 0x80) return 0;
  return 4;
}

size_t ek_utf8_decode(uint32_t *point, const char *text, size_t n) {
  const unsigned char *s = (const unsigned char *)text;
  size_t length = ek_utf8_length(text, n);
  if (length == 0) return 0;
  uint32_t value = length == 1 ? s[0] : s[0] & (0x7fu >> length);
  for (size_t i = 1; i < length; i++) value = value << 6 | (s[i] & 0x3fu);
  *point = value;
  return length;
}

size_t ek_utf8_check(const char *s, size_t n) {
  size_t i = 0;
  while (i < n) {
    uint64_t eight;
    while (n - i >= sizeof eight) {
      memcpy(&eight, s + i, sizeof eight);
      if (eight & UINT64_C(0x8080808080808080)) break;
      i += sizeof eight;
    }
    if (i == n) break;
    size_t length = ek_utf8_length(s + i, n - i);
    if (length == 0) return i;
    i += length;
  }
  return n;
}

bool ek_utf8_valid(const char *s, size_t n) {
  return ek_utf8_check(s, n) == n;
}

void ek_utf8_append(struct ek_buf *b, uint32_t point) {
  char s[4];
  size_t n;
  if (point < 0x80) {
    s[0] = (char)point;
    n = 1;
  } else if (point < 0x800) {
    s[0] = (char)(0xc0 | point >> 6);
    n = 2;
  } else if (point < 0x10000) {
    s[0] = (char)(0xe0 | point >> 12);
    n = 3;
  } else {
    s[0] = (char)(0xf0 | point >> 18);
    n = 4;
  }
  for (size_t i = n - 1; i > 0; i--, point >>= 6) s[i] = (char)(0x80 | (point & 0x3f));
  ek_buf_append(b, s, n);
}

struct range {
  uint32_t first, last;
};

/* Unicode: general categories Mn, Me, Cf of the scripts in use, joiners, variation selectors. */
static const struct range zero_width[] = {
    {0x0000, 0x001f}, {0x007f, 0x009f},   {0x0300, 0x036f},   {0x0483, 0x0489}, {0x0591, 0x05bd},
    {0x05bf, 0x05bf}, {0x05c1, 0x05c2},   {0x05c4, 0x05c5},   {0x05c7, 0x05c7}, {0x0610, 0x061a},
    {0x061c, 0x061c}, {0x064b, 0x065f},   {0x0670, 0x0670},   {0x06d6, 0x06dc}, {0x06df, 0x06e4},
    {0x06e7, 0x06e8}, {0x06ea, 0x06ed},   {0x0900, 0x0902},   {0x093a, 0x093a}, {0x093c, 0x093c},
    {0x0941, 0x0948}, {0x094d, 0x094d},   {0x0e31, 0x0e31},   {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e},
    {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},   {0x200b, 0x200f},   {0x202a, 0x202e}, {0x2060, 0x206f},
    {0x20d0, 0x20f0}, {0x302a, 0x302d},   {0x3099, 0x309a},   {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
    {0xfeff, 0xfeff}, {0xe0000, 0xe007f}, {0xe0100, 0xe01ef},
};

/* Unicode: East_Asian_Width W and F, blocks with their gaps closed. */
static const struct range wide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},   {0x23e9, 0x23ec},
    {0x23f0, 0x23f0},   {0x23f3, 0x23f3},   {0x25fd, 0x25fe},   {0x2614, 0x2615},
    {0x2648, 0x2653},   {0x267f, 0x267f},   {0x2693, 0x2693},   {0x26a1, 0x26a1},
    {0x26aa, 0x26ab},   {0x26bd, 0x26be},   {0x26c4, 0x26c5},   {0x26ce, 0x26ce},
    {0x26d4, 0x26d4},   {0x26ea, 0x26ea},   {0x26f2, 0x26f3},   {0x26f5, 0x26f5},
    {0x26fa, 0x26fa},   {0x26fd, 0x26fd},   {0x2705, 0x2705},   {0x270a, 0x270b},
    {0x2728, 0x2728},   {0x274c, 0x274c},   {0x274e, 0x274e},   {0x2753, 0x2755},
    {0x2757, 0x2757},   {0x2795, 0x2797},   {0x27b0, 0x27b0},   {0x27bf, 0x27bf},
    {0x2b1b, 0x2b1c},   {0x2b50, 0x2b50},   {0x2b55, 0x2b55},   {0x2e80, 0x303e},
    {0x3041, 0x33ff},   {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xa000, 0xa4cf},
    {0xa960, 0xa97f},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe10, 0xfe19},
    {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x16fe0, 0x18cff},
    {0x1b000, 0x1b2ff}, {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f18e},
    {0x1f191, 0x1f19a}, {0x1f200, 0x1f320}, {0x1f32d, 0x1f335}, {0x1f337, 0x1f37c},
    {0x1f37e, 0x1f393}, {0x1f3a0, 0x1f3ca}, {0x1f3cf, 0x1f3d3}, {0x1f3e0, 0x1f3f0},
    {0x1f3f4, 0x1f3f4}, {0x1f3f8, 0x1f43e}, {0x1f440, 0x1f440}, {0x1f442, 0x1f4fc},
    {0x1f4ff, 0x1f53d}, {0x1f54b, 0x1f54e}, {0x1f550, 0x1f567}, {0x1f57a, 0x1f57a},
    {0x1f595, 0x1f596}, {0x1f5a4, 0x1f5a4}, {0x1f5fb, 0x1f64f}, {0x1f680, 0x1f6c5},
    {0x1f6cc, 0x1f6cc}, {0x1f6d0, 0x1f6d2}, {0x1f6d5, 0x1f6df}, {0x1f6eb, 0x1f6ec},
    {0x1f6f4, 0x1f6fc}, {0x1f7e0, 0x1f7eb}, {0x1f7f0, 0x1f7f0}, {0x1f90c, 0x1f93a},
    {0x1f93c, 0x1f945}, {0x1f947, 0x1f9ff}, {0x1fa70, 0x1faff}, {0x20000, 0x2fffd},
    {0x30000, 0x3fffd},
};

static bool within(const struct range *ranges, size_t count, uint32_t point) {
  size_t low = 0, high = count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (point > ranges[middle].last) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < count && point >= ranges[low].first;
}

size_t ek_utf8_width(const char *s, size_t n) {
  size_t columns = 0;
  for (size_t i = 0; i < n;) {
    uint32_t point = 0;
    size_t length = ek_utf8_decode(&point, s + i, n - i);
    i += length == 0 ? 1 : length;
    if (length != 0 && within(zero_width, sizeof zero_width / sizeof *zero_width, point)) continue;
    columns++;
    if (point >= wide[0].first && within(wide, sizeof wide / sizeof *wide, point)) columns++;
  }
  return columns;
}
