#ifndef CIMAGECODECS_INTERNAL_H
#define CIMAGECODECS_INTERNAL_H

#include "include/CImageCodecs.h"

/// Copies `text` into the message, cut to what fits.
void ci_write_message(ci_message message, const char *text);

#endif
