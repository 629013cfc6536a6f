/* From AWS's models in JSON to images: services (core/model.h), endpoint rules, partitions. */
#ifndef EK_CORE_MODELC_COMPILE_H
#define EK_CORE_MODELC_COMPILE_H

#include "core/buf.h"
#include "core/error.h"

/* Appends the image of the model in the len bytes at json: a file of models/, or botocore's
 * service-2.json. service: its name, where the text does not say it. The error names the line, or
 * the shape or operation at fault. */
int ek_model_compile(struct ek_buf *out, const char *json, size_t len, const char *service,
                     struct ek_error *e);

/* Appends the image (core/endpoint/rules.h) of the Smithy endpoint rule set in the len bytes at
 * json. The error names the rule, by its place: "rules[1].rules[0]: ...". */
int ek_rules_compile(struct ek_buf *out, const char *json, size_t len, struct ek_error *e);

/* Appends the image (core/endpoint/partition.h) of the partitions.json in the len bytes at json. */
int ek_partitions_compile(struct ek_buf *out, const char *json, size_t len, struct ek_error *e);

#endif
