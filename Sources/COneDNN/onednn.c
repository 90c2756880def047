#include "COneDNN.h"

#if __has_include(<oneapi/dnnl/dnnl.h>)
#include <oneapi/dnnl/dnnl.h>
#define OD_HAS_HEADER 1
#elif __has_include(<dnnl.h>)
#include <dnnl.h>
#define OD_HAS_HEADER 1
#endif

#ifdef OD_HAS_HEADER

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OD_TEXT_OF(x) #x
#define OD_TEXT(x) OD_TEXT_OF(x)
#define OD_LIBRARY "libdnnl.so." OD_TEXT(DNNL_VERSION_MAJOR)

// Functions whose signatures are the same in both versions, or differ only in how a memory descriptor is passed.
#define OD_COMMON(F) \
    F(dnnl_version) \
    F(dnnl_get_effective_cpu_isa) \
    F(dnnl_set_max_cpu_isa) \
    F(dnnl_engine_create) \
    F(dnnl_stream_create) \
    F(dnnl_stream_destroy) \
    F(dnnl_memory_create) \
    F(dnnl_memory_destroy) \
    F(dnnl_memory_desc_get_size) \
    F(dnnl_memory_desc_equal) \
    F(dnnl_primitive_attr_create) \
    F(dnnl_primitive_attr_destroy) \
    F(dnnl_primitive_attr_set_scratchpad_mode) \
    F(dnnl_primitive_desc_query) \
    F(dnnl_primitive_desc_query_md) \
    F(dnnl_primitive_desc_destroy) \
    F(dnnl_primitive_create) \
    F(dnnl_primitive_destroy) \
    F(dnnl_primitive_execute) \
    F(dnnl_reorder_primitive_desc_create)

#if DNNL_VERSION_MAJOR >= 3
#define OD_VERSIONED(F) \
    F(dnnl_memory_desc_create_with_tag) \
    F(dnnl_memory_desc_clone) \
    F(dnnl_memory_desc_destroy) \
    F(dnnl_matmul_primitive_desc_create)
#else
#define OD_VERSIONED(F) \
    F(dnnl_memory_desc_init_by_tag) \
    F(dnnl_matmul_desc_init) \
    F(dnnl_primitive_desc_create)
#endif

static struct {
#define OD_FIELD(name) __typeof__(&name) name;
    OD_COMMON(OD_FIELD)
    OD_VERSIONED(OD_FIELD)
#undef OD_FIELD
    // Of the OpenMP runtime that the library brings; absent from builds over TBB or a sequential one.
    void (*omp_set_num_threads)(int);
    int (*omp_get_max_threads)(void);
    dnnl_engine_t engine;
    char version[32];
    char problem[256];
} od;

static pthread_once_t od_once = PTHREAD_ONCE_INIT;

// Whether the CPU has matrix tiles (AMX): CPUID leaf 7, EDX bit 24.
static int od_has_tiles(void) {
#if defined(__x86_64__)
    unsigned int a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 24 & 1);
#else
    return 0;
#endif
}

static void od_open(void) {
    void *library = dlopen(OD_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        snprintf(
            od.problem, sizeof od.problem, "%s is not installed (apt-get install libdnnl-dev)", OD_LIBRARY);
        return;
    }
#define OD_LOAD(name) \
    if ((od.name = (__typeof__(&name))dlsym(library, #name)) == NULL) { \
        snprintf(od.problem, sizeof od.problem, "%s has no function %s", OD_LIBRARY, #name); \
        return; \
    }
    OD_COMMON(OD_LOAD)
    OD_VERSIONED(OD_LOAD)
#undef OD_LOAD
    od.omp_set_num_threads = (void (*)(int))dlsym(library, "omp_set_num_threads");
    od.omp_get_max_threads = (int (*)(void))dlsym(library, "omp_get_max_threads");
    // With matrix tiles the library picks other kernels for other row counts, whose sums round differently: a row would
    // depend on its company. An owner who sets the library's own variable has chosen.
    if (od_has_tiles() && getenv("DNNL_MAX_CPU_ISA") == NULL && getenv("ONEDNN_MAX_CPU_ISA") == NULL)
        od.dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx512_core_bf16);
    const dnnl_version_t *version = od.dnnl_version();
    snprintf(od.version, sizeof od.version, "%d.%d.%d", version->major, version->minor, version->patch);
    if (od.dnnl_engine_create(&od.engine, dnnl_cpu, 0) != dnnl_success)
        snprintf(od.problem, sizeof od.problem, "%s %s has no CPU engine", OD_LIBRARY, od.version);
}

const char *od_unavailable(void) {
    pthread_once(&od_once, od_open);
    return od.problem[0] ? od.problem : NULL;
}

const char *od_version(void) {
    return od_unavailable() ? NULL : od.version;
}

static int od_allows(dnnl_cpu_isa_t instructions) {
    return od_unavailable() == NULL && (od.dnnl_get_effective_cpu_isa() & instructions) == instructions;
}

int od_has_bf16(void) { return od_allows(dnnl_cpu_isa_avx512_core_bf16); }

int od_has_exact_int8(void) {
    return od_allows(dnnl_cpu_isa_avx512_core_vnni) || od_allows(dnnl_cpu_isa_avx2_vnni);
}

// Keeps the library on the calling thread while it makes or runs a primitive.
static int od_enter(void) {
    if (od.omp_set_num_threads == NULL || od.omp_get_max_threads == NULL) return 0;
    int threads = od.omp_get_max_threads();
    if (threads != 1) od.omp_set_num_threads(1);
    return threads;
}

static void od_leave(int threads) {
    if (threads > 1) od.omp_set_num_threads(threads);
}

// MARK: what differs between the versions

#if DNNL_VERSION_MAJOR >= 3

typedef dnnl_memory_desc_t od_md;
typedef const_dnnl_memory_desc_t od_md_ref;
#define OD_REF(md) (md)

static int od_md_tagged(
    od_md *md, size_t rows, size_t columns, dnnl_data_type_t type, dnnl_format_tag_t tag) {
    dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
    return od.dnnl_memory_desc_create_with_tag(md, 2, dims, type, tag);
}

static int od_md_copy(od_md *md, od_md_ref source) {
    return od.dnnl_memory_desc_clone(md, source);
}

static void od_md_free(od_md *md) {
    if (*md) od.dnnl_memory_desc_destroy(*md);
    *md = NULL;
}

static int od_matmul(
    dnnl_primitive_desc_t *result, od_md *x, od_md *w, od_md *y, const_dnnl_primitive_attr_t attributes) {
    return od.dnnl_matmul_primitive_desc_create(result, od.engine, *x, *w, NULL, *y, attributes);
}

#else

typedef dnnl_memory_desc_t od_md;
typedef const dnnl_memory_desc_t *od_md_ref;
#define OD_REF(md) (&(md))

static int od_md_tagged(
    od_md *md, size_t rows, size_t columns, dnnl_data_type_t type, dnnl_format_tag_t tag) {
    dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
    return od.dnnl_memory_desc_init_by_tag(md, 2, dims, type, tag);
}

static int od_md_copy(od_md *md, od_md_ref source) {
    *md = *source;
    return dnnl_success;
}

// Descriptors of version 2 are plain values.
static void od_md_free(od_md *md) {
    (void)md;
}

static int od_matmul(
    dnnl_primitive_desc_t *result, od_md *x, od_md *w, od_md *y, const_dnnl_primitive_attr_t attributes) {
    dnnl_matmul_desc_t operation;
    int status = od.dnnl_matmul_desc_init(&operation, x, w, NULL, y);
    if (status != dnnl_success) return status;
    return od.dnnl_primitive_desc_create(result, &operation, attributes, od.engine, NULL);
}

#endif

// MARK: layouts and products

// Rows of the product that is asked for its favourite layout of the weight.
enum { OD_TYPICAL_ROWS = 512 };

struct od_layout {
    od_type type;
    size_t outputs, inputs;
    od_md plain, transposed, packed;
    dnnl_primitive_t reorder, transposed_reorder;
};

struct od_product {
    od_md x, w, y, scratchpad;
    dnnl_primitive_t primitive;
};

static dnnl_data_type_t od_input(od_type type) { return type == OD_BF16 ? dnnl_bf16 : dnnl_u8; }
static dnnl_data_type_t od_weight(od_type type) { return type == OD_BF16 ? dnnl_bf16 : dnnl_s8; }
static dnnl_data_type_t od_output(od_type type) { return type == OD_BF16 ? dnnl_f32 : dnnl_s32; }

// Describes x · w for a weight as product->w says; refuses the library's reference loops.
static int od_describe(
    dnnl_primitive_desc_t *result, od_product *product, const od_layout *layout, size_t rows) {
    od_type type = layout->type;
    dnnl_primitive_attr_t attributes = NULL;
    int status = od_md_tagged(&product->x, rows, layout->inputs, od_input(type), dnnl_ab);
    if (!status) status = od_md_tagged(&product->y, rows, layout->outputs, od_output(type), dnnl_ab);
    if (!status) status = od.dnnl_primitive_attr_create(&attributes);
    if (!status) status = od.dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    if (!status) status = od_matmul(result, &product->x, &product->w, &product->y, attributes);
    if (attributes) od.dnnl_primitive_attr_destroy(attributes);
    const char *name = "";
    if (!status) status = od.dnnl_primitive_desc_query(*result, dnnl_query_impl_info_str, 0, &name);
    return status || strncmp(name, "ref", 3) != 0 ? status : dnnl_unimplemented;
}

// Makes the primitive that brings a weight from one description to another.
static int od_make_reorder(dnnl_primitive_t *result, const od_md *from, const od_md *to) {
    dnnl_primitive_desc_t description = NULL;
    int status = od.dnnl_reorder_primitive_desc_create(
        &description, OD_REF(*from), od.engine, OD_REF(*to), od.engine, NULL);
    if (!status) status = od.dnnl_primitive_create(result, description);
    if (description) od.dnnl_primitive_desc_destroy(description);
    return status;
}

od_layout *od_layout_create(od_type type, size_t outputs, size_t inputs) {
    if (od_unavailable()) return NULL;
    od_layout *layout = calloc(1, sizeof *layout);
    if (layout == NULL) return NULL;
    layout->type = type;
    layout->outputs = outputs;
    layout->inputs = inputs;
    int threads = od_enter();
    od_product typical = {0};
    dnnl_primitive_desc_t product = NULL;
    // The library multiplies [rows, inputs] by [inputs, outputs]: a row-major weight is the transposed of that.
    int status = od_md_tagged(&layout->plain, inputs, outputs, od_weight(type), dnnl_ba);
    if (!status) status = od_md_tagged(&layout->transposed, inputs, outputs, od_weight(type), dnnl_ab);
    if (!status) status = od_md_tagged(&typical.w, inputs, outputs, od_weight(type), dnnl_format_tag_any);
    if (!status) status = od_describe(&product, &typical, layout, OD_TYPICAL_ROWS);
    if (!status)
        status = od_md_copy(
            &layout->packed, od.dnnl_primitive_desc_query_md(product, dnnl_query_weights_md, 0));
    if (!status) status = od_make_reorder(&layout->reorder, &layout->plain, &layout->packed);
    if (!status) status = od_make_reorder(&layout->transposed_reorder, &layout->transposed, &layout->packed);
    if (product) od.dnnl_primitive_desc_destroy(product);
    od_md_free(&typical.x);
    od_md_free(&typical.w);
    od_md_free(&typical.y);
    od_leave(threads);
    if (status) {
        od_layout_destroy(layout);
        return NULL;
    }
    return layout;
}

void od_layout_destroy(od_layout *layout) {
    if (layout == NULL) return;
    if (layout->reorder) od.dnnl_primitive_destroy(layout->reorder);
    if (layout->transposed_reorder) od.dnnl_primitive_destroy(layout->transposed_reorder);
    od_md_free(&layout->plain);
    od_md_free(&layout->transposed);
    od_md_free(&layout->packed);
    free(layout);
}

size_t od_layout_size(const od_layout *layout) {
    return od.dnnl_memory_desc_get_size(OD_REF(layout->packed));
}

int od_layout_is_plain_words(const od_layout *layout) {
    od_md words;
    dnnl_format_tag_t tag = layout->type == OD_BF16 ? dnnl_BA16a64b2a : dnnl_BA16a64b4a;
    if (od_md_tagged(&words, layout->inputs, layout->outputs, od_weight(layout->type), tag)) return 0;
    int equal = od.dnnl_memory_desc_equal(OD_REF(words), OD_REF(layout->packed));
    od_md_free(&words);
    return equal;
}

// Runs a primitive on memory that the caller owns.
static int od_execute(
    dnnl_primitive_t primitive, size_t count, const int *names, const od_md_ref *types, void *const *places) {
    dnnl_exec_arg_t arguments[4] = {0};
    dnnl_stream_t stream = NULL;
    int threads = od_enter();
    int status = od.dnnl_stream_create(&stream, od.engine, dnnl_stream_default_flags);
    for (size_t index = 0; index < count && !status; index++) {
        arguments[index].arg = names[index];
        status = od.dnnl_memory_create(&arguments[index].memory, types[index], od.engine, places[index]);
    }
    // A stream of a CPU engine is done when this returns.
    if (!status) status = od.dnnl_primitive_execute(primitive, stream, (int)count, arguments);
    for (size_t index = 0; index < count; index++)
        if (arguments[index].memory) od.dnnl_memory_destroy(arguments[index].memory);
    if (stream) od.dnnl_stream_destroy(stream);
    od_leave(threads);
    return status;
}

static int od_reorder(dnnl_primitive_t reorder, const od_md *from, const void *weight, const od_md *to, void *packed) {
    const int names[] = {DNNL_ARG_FROM, DNNL_ARG_TO};
    const od_md_ref types[] = {OD_REF(*from), OD_REF(*to)};
    void *const places[] = {(void *)weight, packed};
    return od_execute(reorder, 2, names, types, places);
}

int od_layout_pack(const od_layout *layout, const void *weight, void *packed) {
    return od_reorder(layout->reorder, &layout->plain, weight, &layout->packed, packed);
}

int od_layout_pack_transposed(const od_layout *layout, const void *weight, void *packed) {
    return od_reorder(layout->transposed_reorder, &layout->transposed, weight, &layout->packed, packed);
}

od_product *od_product_create(const od_layout *layout, size_t rows) {
    od_product *product = calloc(1, sizeof *product);
    if (product == NULL) return NULL;
    int threads = od_enter();
    dnnl_primitive_desc_t description = NULL;
    int status = od_md_copy(&product->w, OD_REF(layout->packed));
    if (!status) status = od_describe(&description, product, layout, rows);
    if (!status)
        status = od_md_copy(
            &product->scratchpad, od.dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0));
    if (!status) status = od.dnnl_primitive_create(&product->primitive, description);
    if (description) od.dnnl_primitive_desc_destroy(description);
    od_leave(threads);
    if (status) {
        od_product_destroy(product);
        return NULL;
    }
    return product;
}

void od_product_destroy(od_product *product) {
    if (product == NULL) return;
    if (product->primitive) od.dnnl_primitive_destroy(product->primitive);
    od_md_free(&product->x);
    od_md_free(&product->w);
    od_md_free(&product->y);
    od_md_free(&product->scratchpad);
    free(product);
}

size_t od_product_scratch(const od_product *product) {
    return od.dnnl_memory_desc_get_size(OD_REF(product->scratchpad));
}

int od_product_run(const od_product *product, const void *x, const void *packed, void *y, void *scratch) {
    const int names[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_SCRATCHPAD};
    const od_md_ref types[] = {
        OD_REF(product->x), OD_REF(product->w), OD_REF(product->y), OD_REF(product->scratchpad)};
    void *const places[] = {(void *)x, (void *)packed, y, scratch};
    return od_execute(product->primitive, 4, names, types, places);
}

#else

static const char *const missing =
    "this program was built without oneDNN's headers (apt-get install libdnnl-dev, then build again)";

const char *od_unavailable(void) { return missing; }
const char *od_version(void) { return NULL; }
int od_has_bf16(void) { return 0; }
int od_has_exact_int8(void) { return 0; }

od_layout *od_layout_create(od_type type, size_t outputs, size_t inputs) {
    (void)type, (void)outputs, (void)inputs;
    return NULL;
}
void od_layout_destroy(od_layout *layout) { (void)layout; }
size_t od_layout_size(const od_layout *layout) {
    (void)layout;
    return 0;
}
int od_layout_is_plain_words(const od_layout *layout) {
    (void)layout;
    return 0;
}
int od_layout_pack(const od_layout *layout, const void *weight, void *packed) {
    (void)layout, (void)weight, (void)packed;
    return -1;
}
int od_layout_pack_transposed(const od_layout *layout, const void *weight, void *packed) {
    (void)layout, (void)weight, (void)packed;
    return -1;
}
od_product *od_product_create(const od_layout *layout, size_t rows) {
    (void)layout, (void)rows;
    return NULL;
}
void od_product_destroy(od_product *product) { (void)product; }
size_t od_product_scratch(const od_product *product) {
    (void)product;
    return 0;
}
int od_product_run(const od_product *product, const void *x, const void *packed, void *y, void *scratch) {
    (void)product, (void)x, (void)packed, (void)y, (void)scratch;
    return -1;
}

#endif
