/* Points in time: seconds since 1970-01-01T00:00:00Z as a double, years 0001 to 9999, UTC.
 * No locale, no time zone data. */
#ifndef EK_CORE_TIME_H
#define EK_CORE_TIME_H

#include <stddef.h>

#include "core/error.h"

enum { EK_TIME_MAX = 40 }; /* bytes that ek_time_format needs */

enum ek_time_format {
  EK_TIME_ISO8601,        /* 2026-01-02T03:04:05Z */
  EK_TIME_ISO8601_MILLIS, /* 2026-01-02T03:04:05.678Z; without a fraction if it is zero */
  EK_TIME_BASIC,          /* 20260102T030405Z, as SigV4 has it */
  EK_TIME_DATE,           /* 20260102 */
  EK_TIME_HTTP            /* Fri, 02 Jan 2026 03:04:05 GMT (RFC 9110) */
};

/* YYYY-MM-DD, or with T (or t or a space) hh:mm:ss[.fraction] and Z, UTC, +hh:mm, +hhmm, +hh or
 * nothing (= UTC); also the basic form YYYYMMDDThhmmssZ. Second 60 is the next minute's first. */
int ek_time_parse_iso8601(double *out, const char *s, size_t n, struct ek_error *e);
/* RFC 9110's three forms (RFC 5322 with GMT, UT, UTC, Z or +hhmm, seconds with a fraction too; RFC
 * 850 with two-digit years: 69 to 99 are 19xx; asctime). The weekday is read, not compared. */
int ek_time_parse_http_date(double *out, const char *s, size_t n, struct ek_error *e);
/* Decimal seconds. */
int ek_time_parse_epoch(double *out, const char *s, size_t n, struct ek_error *e);
/* Whichever of the three it is. */
int ek_time_parse(double *out, const char *s, size_t n, struct ek_error *e);

/* Seconds are cut off, not rounded; milliseconds are rounded. The length, or 0: t is not a time in
 * years 1 to 9999. out is closed by NUL. */
size_t ek_time_format(char out[EK_TIME_MAX], enum ek_time_format format, double t);

#endif
