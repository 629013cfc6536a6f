/* Decimal text to double and back, exactly, whatever locale the process is in. */
#ifndef EK_CORE_NUMBER_H
#define EK_CORE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

enum { EK_NUMBER_MAX = 32 }; /* bytes that ek_number_format needs */

/* Reads all of s as [+-]digits[.digits][e[+-]digits]; the nearest double, infinite on overflow.
 * False: s is anything else (also "inf", "nan", hexadecimal), or memory ran out. */
bool ek_number_parse(double *out, const char *s, size_t n);
/* The shortest text that reads back as the finite number; with a '.' or an exponent, always, so
 * that it stays a float. Returns its length; out is closed by NUL. */
size_t ek_number_format(char out[EK_NUMBER_MAX], double number);
/* printf's "%.<precision>g" of a finite number. */
size_t ek_number_format_precision(char out[EK_NUMBER_MAX], double number, int precision);

#endif
