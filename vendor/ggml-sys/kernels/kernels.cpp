// Multiplies seeded random matrices by ggml's kernels. Two uses:
//
//   kernels check              every type against arithmetic in doubles; exit code 1 where wrong
//   kernels run TYPE M TIMES   only the products, for counting instructions: the difference
//                              between two values of TIMES is theirs
//
// One matrix is 2048 wide, as in a 1B model and a multiple of 256, so that every type is really
// itself, and 512 high. M is the number of tokens that go through together: 1 when writing, more
// when reading.

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "ggml-alloc.h"
#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "ggml.h"

static const int64_t WIDTH = 2048;
static const int64_t HEIGHT = 512;
// Rows that differ: quantising is slow under emulation. Prime, so that no tile repeats another.
static const int64_t ROWS_DISTINCT = 61;
static const int TOKENS_MAX = 64;
// Tokens of a product that is checked: whole tiles of four, and a rest of three.
static const int TOKENS_CHECKED = 35;
// Activations are rounded to 8 bits for the product: about 1/127 of a block's largest value, 0.4 %
// of the result's spread on average. Wrong signs, scales or offsets are off by tens of per cent.
static const double ERROR_ALLOWED = 0.02;

static const ggml_type TYPES[] = {
    GGML_TYPE_Q4_0, GGML_TYPE_Q4_1, GGML_TYPE_Q5_0, GGML_TYPE_Q5_1, GGML_TYPE_Q8_0,
    GGML_TYPE_Q2_K, GGML_TYPE_Q3_K, GGML_TYPE_Q4_K, GGML_TYPE_Q5_K, GGML_TYPE_Q6_K,
    GGML_TYPE_IQ4_NL,
};

// xorshift64* (Vigna 2016), mapped to -1..1.
static float random_value(uint64_t &state) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (float)((int32_t)((state * 2685821657736338717ULL) >> 32)) / 2147483648.0f;
}

static ggml_backend_buffer_type_t repack_buffer(ggml_backend_dev_t device) {
    auto *registry = ggml_backend_dev_backend_reg(device);
    auto *extra = (ggml_backend_dev_get_extra_bufts_t)ggml_backend_reg_get_proc_address(
        registry, "ggml_backend_dev_get_extra_bufts");
    for (auto *type = extra ? extra(device) : nullptr; type && *type; type++) {
        if (std::strcmp(ggml_backend_buft_name(*type), "CPU_REPACK") == 0) {
            return *type;
        }
    }
    return nullptr;
}

// One product of a quantised matrix with `tokens` vectors, ready to be computed again and again.
struct Product {
    ggml_context *context;
    ggml_cgraph *graph;
    ggml_tensor *weights, *input, *output;
    ggml_backend_t backend;
    const char *buffer;
    std::vector<uint8_t> bytes;
    std::vector<float> values;

    Product(ggml_type type, int tokens) : values((size_t)WIDTH * tokens) {
        backend = ggml_backend_cpu_init();
        ggml_backend_cpu_set_n_threads(backend, 1);
        context = ggml_init({1 << 20, nullptr, true});
        weights = ggml_new_tensor_2d(context, type, WIDTH, HEIGHT);
        input = ggml_new_tensor_2d(context, GGML_TYPE_F32, WIDTH, tokens);
        output = ggml_mul_mat(context, weights, input);
        graph = ggml_new_graph(context);
        ggml_build_forward_expand(graph, output);

        // As llama.cpp does it: the repacked buffer where it can do this product, else the plain.
        auto *device = ggml_backend_get_device(backend);
        auto *plain = ggml_backend_get_default_buffer_type(backend);
        auto *chosen = repack_buffer(device);
        if (chosen) {
            weights->buffer = ggml_backend_buft_alloc_buffer(chosen, 0);
            if (!ggml_backend_dev_supports_op(device, output)) {
                chosen = nullptr;
            }
            ggml_backend_buffer_free(weights->buffer);
            weights->buffer = nullptr;
        }
        chosen = chosen ? chosen : plain;
        buffer = ggml_backend_buft_name(chosen);
        auto *store = ggml_backend_buft_alloc_buffer(chosen, ggml_nbytes(weights) + 4096);
        ggml_backend_tensor_alloc(store, weights, ggml_backend_buffer_get_base(store));
        ggml_backend_alloc_ctx_tensors(context, backend);
        fill(type);
    }

    void fill(ggml_type type) {
        uint64_t state = 88172645463325252ULL;
        std::vector<float> row(WIDTH);
        const size_t row_bytes = ggml_row_size(type, WIDTH);
        bytes.resize(row_bytes * HEIGHT);
        for (int64_t at = 0; at < HEIGHT; at++) {
            if (at >= ROWS_DISTINCT) {
                std::memcpy(&bytes[at * row_bytes], &bytes[(at - ROWS_DISTINCT) * row_bytes],
                            row_bytes);
                continue;
            }
            for (auto &value : row) {
                value = random_value(state);
            }
            ggml_quantize_chunk(type, row.data(), bytes.data() + at * row_bytes, 0, 1, WIDTH,
                                nullptr);
        }
        for (auto &value : values) {
            value = random_value(state);
        }
        ggml_backend_tensor_set(weights, bytes.data(), 0, bytes.size());
        ggml_backend_tensor_set(input, values.data(), 0, values.size() * sizeof(float));
    }

    bool compute() { return ggml_backend_graph_compute(backend, graph) == GGML_STATUS_SUCCESS; }
};

// Root of the mean squared difference to doubles, in shares of the result's own spread.
static double difference(Product &product, ggml_type type, int tokens) {
    std::vector<float> found((size_t)HEIGHT * tokens);
    ggml_backend_tensor_get(product.output, found.data(), 0, found.size() * sizeof(float));
    std::vector<float> row(WIDTH);
    const size_t row_bytes = ggml_row_size(type, WIDTH);
    double squares = 0, spread = 0;
    // Every 37th row: one in each place of a tile sooner or later, without minutes of emulation.
    for (int64_t at = 0; at < HEIGHT; at += 37) {
        ggml_get_type_traits(type)->to_float(product.bytes.data() + at * row_bytes, row.data(),
                                             WIDTH);
        for (int token = 0; token < tokens; token++) {
            double wanted = 0;
            for (int64_t k = 0; k < WIDTH; k++) {
                wanted += (double)row[k] * product.values[(size_t)token * WIDTH + k];
            }
            const double off = wanted - found[(size_t)token * HEIGHT + at];
            squares += off * off;
            spread += wanted * wanted;
        }
    }
    return std::sqrt(squares / spread);
}

static int check() {
    int wrong = 0;
    for (auto type : TYPES) {
        for (int tokens : {1, TOKENS_CHECKED}) {
            Product product(type, tokens);
            const bool done = product.compute();
            const double off = done ? difference(product, type, tokens) : INFINITY;
            const bool right = off <= ERROR_ALLOWED;
            wrong += !right;
            std::printf("%-7s %2d tokens  %-10s  off by %.4f  %s\n", ggml_type_name(type), tokens,
                        product.buffer, off, right ? "right" : "WRONG");
        }
    }
    return wrong ? 1 : 0;
}

static int run(const char *name, int tokens, int times) {
    for (auto type : TYPES) {
        if (std::strcmp(ggml_type_name(type), name) == 0 && tokens >= 1 && tokens <= TOKENS_MAX) {
            Product product(type, tokens);
            for (int i = 0; i < times; i++) {
                if (!product.compute()) {
                    return 1;
                }
            }
            std::printf("%s\n", product.buffer);
            return 0;
        }
    }
    std::fprintf(stderr, "kernels: no type %s, or tokens not in 1 to %d\n", name, TOKENS_MAX);
    return 2;
}

int main(int argc, char **argv) {
    // ggml tells on standard error what it repacks.
    ggml_log_set([](ggml_log_level, const char *, void *) {}, nullptr);
    if (argc == 2 && std::strcmp(argv[1], "check") == 0) {
        return check();
    }
    if (argc == 5 && std::strcmp(argv[1], "run") == 0) {
        return run(argv[2], std::atoi(argv[3]), std::atoi(argv[4]));
    }
    std::fprintf(stderr, "usage: kernels check | kernels run TYPE TOKENS TIMES\n");
    return 2;
}
