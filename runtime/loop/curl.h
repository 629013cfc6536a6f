/* libcurl, loaded by the first transfer.
 *
 * It and what it needs (some twenty libraries) take longer to load than `eksrun token` to run, and
 * commands like that make no transfer. So it is opened when it is first wanted, and called through
 * this table: ek_curl.easy_init() is curl_easy_init(). */
#ifndef EK_LOOP_CURL_H
#define EK_LOOP_CURL_H

#include <curl/curl.h>

#include "core/error.h"

#define EK_CURL_FUNCTIONS(X) \
  X(easy_cleanup)            \
  X(easy_getinfo)            \
  X(easy_init)               \
  X(easy_pause)              \
  X(easy_setopt)             \
  X(easy_strerror)           \
  X(free)                    \
  X(global_cleanup)          \
  X(global_init_mem)         \
  X(multi_add_handle)        \
  X(multi_assign)            \
  X(multi_cleanup)           \
  X(multi_info_read)         \
  X(multi_init)              \
  X(multi_remove_handle)     \
  X(multi_setopt)            \
  X(multi_socket_action)     \
  X(slist_append)            \
  X(slist_free_all)          \
  X(url)                     \
  X(url_cleanup)             \
  X(url_get)                 \
  X(url_set)

struct ek_curl {
#define EK_CURL_MEMBER(name) __typeof__(curl_##name) *(name);
  EK_CURL_FUNCTIONS(EK_CURL_MEMBER)
#undef EK_CURL_MEMBER
};

/* All NULL until ek_curl_load has succeeded. */
extern struct ek_curl ek_curl;

/* Loads the library; does nothing once it is loaded. It is never unloaded. */
int ek_curl_load(struct ek_error *e);

#endif
