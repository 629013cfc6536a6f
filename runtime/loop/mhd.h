/* libmicrohttpd, loaded by the first server: it brings GnuTLS with it, which only `eksrun sandbox`
 * has a use for. Called through this table: ek_mhd.start_daemon() is MHD_start_daemon(). */
#ifndef EK_LOOP_MHD_H
#define EK_LOOP_MHD_H

#include <microhttpd.h>

#include "core/error.h"

#define EK_MHD_FUNCTIONS(X)        \
  X(add_response_header)           \
  X(create_response_from_buffer)   \
  X(create_response_from_callback) \
  X(destroy_response)              \
  X(get_connection_info)           \
  X(get_connection_values)         \
  X(get_daemon_info)               \
  X(get_timeout)                   \
  X(lookup_connection_value)       \
  X(queue_response)                \
  X(quiesce_daemon)                \
  X(resume_connection)             \
  X(run)                           \
  X(start_daemon)                  \
  X(stop_daemon)                   \
  X(suspend_connection)

struct ek_mhd {
#define EK_MHD_MEMBER(name) __typeof__(MHD_##name) *(name);
  EK_MHD_FUNCTIONS(EK_MHD_MEMBER)
#undef EK_MHD_MEMBER
};

/* All NULL until ek_mhd_load has succeeded. */
extern struct ek_mhd ek_mhd;

/* Loads the library; does nothing once it is loaded. It is never unloaded. */
int ek_mhd_load(struct ek_error *e);

#endif
