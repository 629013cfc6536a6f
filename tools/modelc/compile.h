/* From a service model in JSON to an image. */
#ifndef EK_MODELC_COMPILE_H
#define EK_MODELC_COMPILE_H

#include "dom.h"
#include "image.h"

/* model: a file of models/, or botocore's service-2.json. service: its name, where the file does
 * not say it. The error names the shape or operation at fault. */
int compile_model(struct image *image, const struct dom *model, const char *service,
                  struct ek_error *e);

#endif
