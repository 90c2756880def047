// What the unpacking kernels share: scalar decoders without branches, and the macro that compiles a kernel once per
// instruction level. Internal to this target.
#ifndef CK_UNPACK_H
#define CK_UNPACK_H

#include "ck_math.h"

/// The bytes at any address as a little-endian number.
CK_INLINE uint16_t ck_load_u16(const void *from) {
    uint16_t value;
    memcpy(&value, from, 2);
    return value;
}

CK_INLINE uint32_t ck_load_u32(const void *from) {
    uint32_t value;
    memcpy(&value, from, 4);
    return value;
}

/// The exact float32 value of an IEEE half pattern; a NaN keeps its payload.
CK_INLINE float ck_float_of_half(uint16_t half) {
    uint32_t magnitude = half & 0x7FFFu;
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t shifted = (magnitude << 13) + (112u << 23);
    // A subnormal half: its bits behind an implicit one that the subtraction takes away again.
    float small = ck_float_of_bits(shifted + (1u << 23)) - ck_float_of_bits(113u << 23);
    uint32_t bits = magnitude < 0x0400u ? ck_bits_of_float(small) : shifted;
    bits = magnitude >= 0x7C00u ? bits | 0x7F800000u : bits;
    return ck_float_of_bits(bits | sign);
}

/// The nearest half, ties to even, as float32; infinite from 65520 on, NaN stays NaN.
CK_INLINE float ck_round_to_half(float x) {
    uint32_t bits = ck_bits_of_float(x);
    uint32_t magnitude = bits & 0x7FFFFFFFu;
    // Normal halves lose 13 bits of their fraction.
    uint32_t normal = (magnitude + 0x0FFFu + ((magnitude >> 13) & 1u)) & ~0x1FFFu;
    // Below 2^-14 all halves lie 2^-24 apart; adding 1/2 rounds to that grid.
    float small = (ck_float_of_bits(magnitude) + 0.5f) - 0.5f;
    uint32_t result = magnitude < 0x38800000u ? ck_bits_of_float(small) : normal;
    result = magnitude >= 0x477FF000u ? 0x7F800000u : result;
    result = magnitude > 0x7F800000u ? 0x7FC00000u : result;
    return ck_float_of_bits(result | (bits & 0x80000000u));
}

/// The nearest bfloat16, ties to even, as float32; NaN stays NaN.
CK_INLINE float ck_round_to_bfloat16(float x) {
    uint32_t bits = ck_bits_of_float(x);
    uint32_t rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) & 0xFFFF0000u;
    return ck_float_of_bits((bits & 0x7FFFFFFFu) > 0x7F800000u ? 0x7FC00000u : rounded);
}

#if defined(__x86_64__)
/// Marks functions with intrinsics of an instruction level.
#define CK_TARGET_AVX2 __attribute__((target("avx2,fma,f16c")))
#define CK_TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))

/// Defines `void name(int level, PARAMETERS)` that runs `name_body ARGUMENTS`, an inline function, compiled for the
/// instruction level it is given (see ck_instruction_level).
#define CK_LEVELS(name, PARAMETERS, ARGUMENTS)                                                                     \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))) static void name##_avx512          \
        PARAMETERS {                                                                                               \
        name##_body ARGUMENTS;                                                                                     \
    }                                                                                                              \
    __attribute__((target("avx2,fma,f16c"))) static void name##_avx2 PARAMETERS {                                  \
        name##_body ARGUMENTS;                                                                                     \
    }                                                                                                              \
    static void name##_portable PARAMETERS {                                                                       \
        name##_body ARGUMENTS;                                                                                     \
    }                                                                                                              \
    void name PARAMETERS {                                                                                         \
        if (level >= 2) {                                                                                          \
            name##_avx512 ARGUMENTS;                                                                               \
        } else if (level == 1) {                                                                                   \
            name##_avx2 ARGUMENTS;                                                                                 \
        } else {                                                                                                   \
            name##_portable ARGUMENTS;                                                                             \
        }                                                                                                          \
    }
#else
#define CK_LEVELS(name, PARAMETERS, ARGUMENTS)                                                                     \
    void name PARAMETERS {                                                                                         \
        name##_body ARGUMENTS;                                                                                     \
    }
#endif

#endif
