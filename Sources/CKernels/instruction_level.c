#include "CKernels.h"

#include <stdlib.h>
#include <string.h>

static int ck_supported_level(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("f16c")) {
        return 2;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")) {
        return 1;
    }
#endif
    return 0;
}

static int ck_allowed_level(void) {
    const char *names[] = {"portable", "avx2", "avx512"};
    const char *most = getenv("EDIT_R1_MAX_ISA");
    for (int level = 0; most && level < 3; level++) {
        if (strcmp(most, names[level]) == 0) {
            return level;
        }
    }
    return 2;
}

int ck_instruction_level(void) {
    // One more than the level, once it is known; threads that come first together find the same.
    static _Atomic int known;
    int level = known;
    if (level == 0) {
        int supported = ck_supported_level();
        int allowed = ck_allowed_level();
        level = 1 + (supported < allowed ? supported : allowed);
        known = level;
    }
    return level - 1;
}
