/* The standard library of endpoint rules, on texts. */
#include <string.h>

#include "core/endpoint/endpoint.h"

typedef struct ek_endpoint_text text;

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_alnum(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Takes the bytes up to the first of the separators off s; what is left begins with it. */
static text take(text *s, const char *separators) {
  size_t n = 0;
  while (n < s->len && (s->data[n] == '\0' || strchr(separators, s->data[n]) == NULL)) n++;
  const text taken = {s->data, n};
  s->data += n;
  s->len -= n;
  return taken;
}

static void drop(text *s, size_t n) {
  s->data += n;
  s->len -= n;
}

static bool is_label(text s) {
  if (s.len == 0 || s.len > 63 || s.data[0] == '-' || s.data[s.len - 1] == '-') return false;
  for (size_t i = 0; i < s.len; i++)
    if (!is_alnum(s.data[i]) && s.data[i] != '-') return false;
  return true;
}

bool ek_endpoint_is_host_label(text s, bool dots) {
  if (!dots) return is_label(s);
  for (;;) {
    if (!is_label(take(&s, "."))) return false;
    if (s.len == 0) return true;
    drop(&s, 1);
  }
}

/* Four numbers of up to three digits. */
static bool is_ipv4(text s) {
  for (int i = 0; i < 4; i++) {
    const text number = take(&s, ".");
    if (number.len == 0 || number.len > 3) return false;
    for (size_t k = 0; k < number.len; k++)
      if (!is_digit(number.data[k])) return false;
    if (i == 3) return s.len == 0;
    if (s.len == 0) return false;
    drop(&s, 1);
  }
  return false;
}

bool ek_endpoint_is_virtual_hostable_bucket(text s, bool dots) {
  if (s.len < 3 || s.len > 63 || is_ipv4(s)) return false;
  for (size_t i = 0; i < s.len; i++)
    if (s.data[i] >= 'A' && s.data[i] <= 'Z') return false;
  return ek_endpoint_is_host_label(s, dots);
}

/* arn:partition:service:region:account-id:resource; the resource may hold colons. */
static text arn_part(text arn, int number) {
  for (int i = 0; i < number && arn.len > 0; i++) {
    (void)take(&arn, ":");
    if (arn.len > 0) drop(&arn, 1);
  }
  return number == 5 ? arn : take(&arn, ":");
}

bool ek_endpoint_is_arn(text s) {
  int colons = 0;
  for (size_t i = 0; i < s.len; i++) colons += s.data[i] == ':';
  return colons >= 5 && memcmp(s.data, "arn:", 4) == 0 && arn_part(s, 1).len > 0 &&
         arn_part(s, 2).len > 0 && arn_part(s, 5).len > 0;
}

text ek_endpoint_arn_part(text arn, enum ek_rules_field field) {
  return arn_part(arn, 1 + (int)field - (int)EK_FIELD_ARN_PARTITION);
}

bool ek_endpoint_resource_part(text *out, text resource, uint32_t index) {
  for (;; index--) {
    *out = take(&resource, ":/");
    if (index == 0) return true;
    if (resource.len == 0) return false;
    drop(&resource, 1);
  }
}

text ek_endpoint_url_part(text url, enum ek_rules_field field) {
  const text scheme = take(&url, ":");
  if (field == EK_FIELD_URL_SCHEME) return scheme;
  if (url.len >= 3) drop(&url, 3);
  const text authority = take(&url, "/?#");
  return field == EK_FIELD_URL_AUTHORITY ? authority : take(&url, "?#");
}

/* The authority without a user's name and the port; a port that is none is an empty host. */
static text host_of(text authority) {
  for (size_t i = authority.len; i > 0; i--) {
    if (authority.data[i - 1] != '@') continue;
    drop(&authority, i);
    break;
  }
  text host = authority;
  if (host.len > 0 && host.data[0] == '[') {
    host = take(&authority, "]");
    if (authority.len == 0) return authority;
    host.len++;
    drop(&authority, 1);
  } else {
    host = take(&authority, ":");
  }
  if (authority.len == 0) return host;
  const text none = {host.data, 0};
  if (authority.data[0] != ':' || authority.len > 6) return none;
  uint32_t port = 0;
  for (size_t i = 1; i < authority.len; i++) {
    if (!is_digit(authority.data[i])) return none;
    port = port * 10 + (uint32_t)(authority.data[i] - '0');
  }
  return port <= UINT16_MAX ? host : none;
}

bool ek_endpoint_is_url(text s) {
  const text scheme = ek_endpoint_url_part(s, EK_FIELD_URL_SCHEME);
  bool known = (scheme.len == 4 && memcmp(scheme.data, "http", 4) == 0) ||
               (scheme.len == 5 && memcmp(scheme.data, "https", 5) == 0);
  if (!known || s.len < scheme.len + 3 || memcmp(s.data + scheme.len, "://", 3) != 0) return false;
  for (size_t i = 0; i < s.len; i++)
    if ((unsigned char)s.data[i] <= ' ' || s.data[i] == '?' || s.data[i] == '#') return false;
  return host_of(ek_endpoint_url_part(s, EK_FIELD_URL_AUTHORITY)).len > 0;
}

bool ek_endpoint_url_is_ip(text url) {
  const text host = host_of(ek_endpoint_url_part(url, EK_FIELD_URL_AUTHORITY));
  if (host.len == 0 || host.data[0] != '[') return is_ipv4(host);
  int colons = 0;
  for (size_t i = 1; i + 1 < host.len; i++) {
    if (strchr("0123456789abcdefABCDEF:.", host.data[i]) == NULL) return false;
    colons += host.data[i] == ':';
  }
  return colons >= 2;
}

static size_t encode(char *out, char c) {
  static const char hex[] = "0123456789ABCDEF";
  out[0] = '%';
  out[1] = hex[(unsigned char)c >> 4];
  out[2] = hex[(unsigned char)c & 15];
  return 3;
}

size_t ek_endpoint_uri_encode(char *out, text s) {
  size_t n = 0;
  for (size_t i = 0; i < s.len; i++) {
    char c = s.data[i];
    if (is_alnum(c) || (c != '\0' && strchr("-._~", c) != NULL))
      out[n++] = c;
    else
      n += encode(out + n, c);
  }
  return n;
}

/* What a path may hold as it is; '%' since it begins what is encoded already. */
static bool is_path_char(char c) {
  return is_alnum(c) || (c != '\0' && strchr("-._~!$&'()*+,;=:@%", c) != NULL);
}

size_t ek_endpoint_normalize_path(char *out, text path) {
  size_t n = 0;
  out[n++] = '/';
  while (path.len > 0) {
    const text segment = take(&path, "/");
    if (path.len > 0) drop(&path, 1);
    if (segment.len == 0 || (segment.len == 1 && segment.data[0] == '.')) continue;
    if (segment.len == 2 && memcmp(segment.data, "..", 2) == 0) {
      if (n > 1) n--;
      while (out[n - 1] != '/') n--;
      continue;
    }
    for (size_t i = 0; i < segment.len; i++) {
      if (is_path_char(segment.data[i]))
        out[n++] = segment.data[i];
      else
        n += encode(out + n, segment.data[i]);
    }
    out[n++] = '/';
  }
  return n;
}

bool ek_endpoint_substring(text *out, text s, int32_t start, int32_t stop, bool reverse) {
  if (start < 0 || start >= stop || s.len < (size_t)stop) return false;
  for (size_t i = 0; i < s.len; i++)
    if ((unsigned char)s.data[i] >= 0x80) return false;
  size_t n = (size_t)(stop - start);
  size_t first = reverse ? s.len - (size_t)stop : (size_t)start;
  *out = (text){s.data + first, n};
  return true;
}
