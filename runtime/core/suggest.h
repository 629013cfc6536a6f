/* "Did you mean": the names nearest to one that nobody knows. */
#ifndef EK_CORE_SUGGEST_H
#define EK_CORE_SUGGEST_H

#include <stddef.h>

enum { EK_SUGGEST_MAX = 3 };

/* Puts the names most like name into best, the nearest first, at most max (up to EK_SUGGEST_MAX);
 * returns how many. Likeness: few insertions, deletions, replacements and swaps of neighbours,
 * letter case aside, at most one for every three characters; then names that it begins, or that
 * begin it. Left out are those more than twice as far off as the nearest. */
size_t ek_suggest(const char **best, size_t max, const char *name, const char *const *names,
                  size_t count);

#endif
