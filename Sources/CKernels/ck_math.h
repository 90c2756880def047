// Elementary functions without branches, for loops that the compiler turns into vector code, and the macro that
// compiles one loop for AVX-512, AVX2 and any other machine. Internal to this target: kernels include it, Swift
// does not see it.
//
// Polynomials were fitted here by Chebyshev interpolation in 50-digit arithmetic (mpmath); each function's error
// against the exact value is below 2 units in the last place unless its comment says otherwise.
#ifndef CK_MATH_H
#define CK_MATH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CK_INLINE static inline __attribute__((always_inline))

#if defined(__x86_64__)
/// Defines `void name PARAMETERS` that runs `name_body ARGUMENTS`, an inline function, compiled three times and
/// chosen by the features of the CPU at run time.
#define CK_MULTIVERSION(name, PARAMETERS, ARGUMENTS)                                                               \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))) static void name##_avx512 PARAMETERS {  \
        name##_body ARGUMENTS;                                                                                     \
    }                                                                                                              \
    __attribute__((target("avx2,fma"))) static void name##_avx2 PARAMETERS {                                       \
        name##_body ARGUMENTS;                                                                                     \
    }                                                                                                              \
    static void name##_portable PARAMETERS {                                                                       \
        name##_body ARGUMENTS;                                                                                     \
    }                                                                                                              \
    void name PARAMETERS {                                                                                         \
        int level = ck_instruction_level();                                                                        \
        if (level == 2) {                                                                                          \
            name##_avx512 ARGUMENTS;                                                                               \
        } else if (level == 1) {                                                                                   \
            name##_avx2 ARGUMENTS;                                                                                 \
        } else {                                                                                                   \
            name##_portable ARGUMENTS;                                                                             \
        }                                                                                                          \
    }
#else
#define CK_MULTIVERSION(name, PARAMETERS, ARGUMENTS)                                                               \
    void name PARAMETERS {                                                                                         \
        name##_body ARGUMENTS;                                                                                     \
    }
#endif

/// Sixteen floats at any address; one register with AVX-512, several elsewhere. Kernels sum in these sixteen lanes, so
/// that the order of a sum does not depend on the machine. Never a parameter: its passing depends on the target.
typedef float ck_lanes __attribute__((vector_size(64), aligned(4), may_alias));

#define CK_LANES(pointer) (*(const ck_lanes *)(pointer))
#define CK_STORE_LANES(pointer, value) (*(ck_lanes *)(pointer) = (value))

/// The sum of the sixteen lanes, pairwise.
#define CK_LANE_SUM(v)                                                                                             \
    ((((v[0] + v[8]) + (v[4] + v[12])) + ((v[2] + v[10]) + (v[6] + v[14])))                                        \
     + (((v[1] + v[9]) + (v[5] + v[13])) + ((v[3] + v[11]) + (v[7] + v[15]))))

CK_INLINE float ck_float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

CK_INLINE uint32_t ck_bits_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}

CK_INLINE float ck_absolute(float x) {
    return ck_float_of_bits(ck_bits_of_float(x) & 0x7FFFFFFFu);
}

/// `magnitude` with the sign of `x`; `magnitude` is not negative.
CK_INLINE float ck_with_sign(float magnitude, float x) {
    return ck_float_of_bits(ck_bits_of_float(magnitude) | (ck_bits_of_float(x) & 0x80000000u));
}

/// e^x; 0 below -104, infinity above 88.73, NaN stays NaN.
CK_INLINE float ck_exp(float x) {
    x = x < -105.0f ? -105.0f : x;
    x = x > 90.0f ? 90.0f : x;
    // Adding 1.5·2^23 leaves the nearest integer in the low bits of the sum.
    float shifted = x * 1.44269504f + 12582912.0f;
    int32_t n = (int32_t)(ck_bits_of_float(shifted) - 0x4B400000u);
    float whole = shifted - 12582912.0f;
    float r = x - whole * 0.693145752f;
    r = r - whole * 1.42860677e-6f;
    float q = 0.000198995853f;
    q = q * r + 0.00139338822f;
    q = q * r + 0.00833329811f;
    q = q * r + 0.0416664628f;
    q = q * r + 0.166666667f;
    q = q * r + 0.5f;
    float power = r * r * q + r + 1.0f;
    // Two factors, since 2^n itself may lie outside the normal numbers.
    int32_t half = n >> 1;
    float first = ck_float_of_bits((uint32_t)(half + 127) << 23);
    float second = ck_float_of_bits((uint32_t)(n - half + 127) << 23);
    return power * first * second;
}

/// 1 / (1 + e^-x), by the form whose exponential does not overflow; within 4 units in the last place.
CK_INLINE float ck_sigmoid(float x) {
    float e = ck_exp(-ck_absolute(x));
    float numerator = x >= 0.0f ? 1.0f : e;
    return x == x ? numerator / (1.0f + e) : x;
}

/// tanh x; within 4 units in the last place.
CK_INLINE float ck_tanh(float x) {
    float a = ck_absolute(x);
    float z = a * a;
    float q = 0.00227269258f;
    q = q * z - 0.00832638875f;
    q = q * z + 0.0217636283f;
    q = q * z - 0.0539586233f;
    q = q * z + 0.13333301f;
    q = q * z - 0.333333332f;
    float small = a + a * z * q;
    float large = 1.0f - 2.0f / (ck_exp(2.0f * a) + 1.0f);
    return ck_with_sign(a < 0.6f ? small : large, x);
}

/// The error function; within 4 units in the last place.
CK_INLINE float ck_erf(float x) {
    float a = ck_absolute(x);
    float z = a * a;
    float p = -9.67359033e-6f;
    p = p * z + 0.000112682537f;
    p = p * z - 0.000848439653f;
    p = p * z + 0.00522105341f;
    p = p * z - 0.0268654383f;
    p = p * z + 0.112837826f;
    p = p * z - 0.376126385f;
    p = p * z + 1.12837917f;
    float small = a * p;
    // erfc(a) e^(a²) as a polynomial in 1 / (1 + a), fitted for a in 1 ... 4.2; beyond it erfc is below 2^-27.
    float t = 1.0f / (1.0f + a);
    float s = 0.824120492f;
    s = s * t - 2.91962582f;
    s = s * t + 4.1139438f;
    s = s * t - 2.53985662f;
    s = s * t + 0.179384323f;
    s = s * t + 0.212349158f;
    s = s * t + 0.570086545f;
    s = s * t + 0.563974556f;
    float large = 1.0f - s * t * ck_exp(-z);
    return ck_with_sign(a < 1.0f ? small : large, x);
}

#endif
