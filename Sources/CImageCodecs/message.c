#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

void ci_write_message(ci_message message, const char *text) {
    if (message.text != NULL && message.capacity > 0) {
        snprintf(message.text, message.capacity, "%s", text);
    }
}

void ci_free(uint8_t *output) {
    free(output);
}
