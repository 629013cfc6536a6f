/* gzip (RFC 1952), whole, by zlib. */
#ifndef EK_CORE_GZIP_H
#define EK_CORE_GZIP_H

#include "core/buf.h"
#include "core/error.h"

/* Appends data compressed; the header holds neither name nor time. */
int ek_gzip(struct ek_buf *out, const void *data, size_t n, struct ek_error *e);

/* Appends what data holds, all its members. EK_ERR_SYNTAX: damaged or cut; EK_ERR_LIMIT: more than
 * max bytes come out. */
int ek_gunzip(struct ek_buf *out, const void *data, size_t n, size_t max, struct ek_error *e);

#endif
