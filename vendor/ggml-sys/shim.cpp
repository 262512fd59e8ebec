// See shim.h. Nothing here decides anything: it calls, catches and copies.
#include "shim.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>

namespace {

// Enough for a few lines; more is cut at the front, since the cause is logged last.
constexpr size_t errors_bytes_max = 2048;

std::atomic<outpost_log_sink> log_sink{nullptr};

// Error lines since the fence was entered, of this thread alone. The library logs from the thread
// that called it; lines of its workers are passed to the sink only.
thread_local std::string errors;

// Level of the last line, for those that continue one.
thread_local ggml_log_level last_level = GGML_LOG_LEVEL_NONE;

void on_log(ggml_log_level level, const char * text, void *) noexcept {
    if (level == GGML_LOG_LEVEL_CONT) {
        level = last_level;
    }
    last_level = level;
    if (level == GGML_LOG_LEVEL_ERROR) {
        try {
            errors += text;
            if (errors.size() > errors_bytes_max) {
                errors.erase(0, errors.size() - errors_bytes_max);
            }
        } catch (...) {
            // Without memory for a message, the status alone must do.
        }
    }
    if (outpost_log_sink sink = log_sink.load(std::memory_order_acquire)) {
        sink(level, text);
    }
}

void copy_error(const char * text, char * error, size_t error_bytes) noexcept {
    if (error == nullptr || error_bytes == 0) {
        return;
    }
    size_t length = std::min(std::strlen(text), error_bytes - 1);
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == ' ')) {
        --length;
    }
    std::memcpy(error, text, length);
    error[length] = '\0';
}

// Runs `call`, which returns a status, and lets nothing out.
template <typename Call> int fenced(char * error, size_t error_bytes, Call && call) noexcept {
    errors.clear();
    copy_error("", error, error_bytes);
    try {
        const int status = call();
        if (status != OUTPOST_OK) {
            copy_error(errors.c_str(), error, error_bytes);
        }
        return status;
    } catch (const std::bad_alloc &) {
        copy_error("out of memory", error, error_bytes);
        return OUTPOST_NO_MEMORY;
    } catch (const std::exception & caught) {
        copy_error(caught.what(), error, error_bytes);
        return OUTPOST_EXCEPTION;
    } catch (...) {
        copy_error("an exception that is no std::exception", error, error_bytes);
        return OUTPOST_EXCEPTION;
    }
}

} // namespace

extern "C" {

void outpost_log_init(outpost_log_sink sink) {
    log_sink.store(sink, std::memory_order_release);
    llama_log_set(on_log, nullptr);
}

int outpost_model_load(const char * path, const llama_model_params * params, llama_model ** model,
                       char * error, size_t error_bytes) {
    *model = nullptr;
    return fenced(error, error_bytes, [&] {
        *model = llama_model_load_from_file(path, *params);
        return *model != nullptr ? OUTPOST_OK : OUTPOST_FAILED;
    });
}

int outpost_context_init(llama_model * model, const llama_context_params * params,
                         llama_context ** context, char * error, size_t error_bytes) {
    *context = nullptr;
    return fenced(error, error_bytes, [&] {
        *context = llama_init_from_model(model, *params);
        return *context != nullptr ? OUTPOST_OK : OUTPOST_FAILED;
    });
}

int outpost_decode(llama_context * context, const llama_batch * batch, char * error,
                   size_t error_bytes) {
    return fenced(error, error_bytes, [&] {
        switch (llama_decode(context, *batch)) {
            case 0: return OUTPOST_OK;
            case 1: return OUTPOST_NO_SLOT;
            case 2: return OUTPOST_ABORTED;
            default: return OUTPOST_FAILED;
        }
    });
}

int outpost_quantize(const char * input, const char * output,
                     const llama_model_quantize_params * params, char * error,
                     size_t error_bytes) {
    return fenced(error, error_bytes, [&] {
        return llama_model_quantize(input, output, params) == 0 ? OUTPOST_OK : OUTPOST_FAILED;
    });
}

int outpost_tokenize(const llama_vocab * vocab, const char * text, int32_t text_bytes,
                     llama_token * tokens, int32_t tokens_max, bool add_special,
                     bool parse_special, int32_t * count, char * error, size_t error_bytes) {
    *count = 0;
    return fenced(error, error_bytes, [&] {
        const int32_t result = llama_tokenize(vocab, text, text_bytes, tokens, tokens_max,
                                              add_special, parse_special);
        if (result == INT32_MIN) { // more tokens than an int32_t counts
            return OUTPOST_FAILED;
        }
        *count = result < 0 ? -result : result;
        return result < 0 ? OUTPOST_TOO_SMALL : OUTPOST_OK;
    });
}

int outpost_token_to_piece(const llama_vocab * vocab, llama_token token, char * piece,
                           int32_t piece_bytes, bool special, int32_t * count, char * error,
                           size_t error_bytes) {
    *count = 0;
    return fenced(error, error_bytes, [&] {
        const int32_t result = llama_token_to_piece(vocab, token, piece, piece_bytes, 0, special);
        *count = result < 0 ? -result : result;
        return result < 0 ? OUTPOST_TOO_SMALL : OUTPOST_OK;
    });
}

int outpost_chat(const char * form, const llama_chat_message * messages, size_t count,
                 bool answer_begins, char * prompt, int32_t prompt_bytes, int32_t * bytes,
                 char * error, size_t error_bytes) {
    *bytes = 0;
    return fenced(error, error_bytes, [&] {
        const int32_t result = llama_chat_apply_template(form, messages, count, answer_begins,
                                                         prompt, prompt_bytes);
        if (result < 0) { // a template that the library does not know
            return OUTPOST_FAILED;
        }
        *bytes = result;
        return result > prompt_bytes ? OUTPOST_TOO_SMALL : OUTPOST_OK;
    });
}

int outpost_state_seq_get(llama_context * context, llama_seq_id sequence, uint8_t * state,
                          size_t state_bytes, size_t * bytes, char * error, size_t error_bytes) {
    *bytes = 0;
    return fenced(error, error_bytes, [&] {
        *bytes = llama_state_seq_get_size(context, sequence);
        if (*bytes > state_bytes) {
            return OUTPOST_TOO_SMALL;
        }
        *bytes = llama_state_seq_get_data(context, state, state_bytes, sequence);
        return *bytes > 0 ? OUTPOST_OK : OUTPOST_FAILED;
    });
}

int outpost_state_seq_set(llama_context * context, llama_seq_id sequence, const uint8_t * state,
                          size_t state_bytes, char * error, size_t error_bytes) {
    return fenced(error, error_bytes, [&] {
        const size_t bytes = llama_state_seq_set_data(context, state, state_bytes, sequence);
        return bytes > 0 ? OUTPOST_OK : OUTPOST_FAILED;
    });
}

int outpost_adapter_load(llama_model * model, const char * path, llama_adapter_lora ** adapter,
                         char * error, size_t error_bytes) {
    *adapter = nullptr;
    return fenced(error, error_bytes, [&] {
        *adapter = llama_adapter_lora_init(model, path);
        return *adapter != nullptr ? OUTPOST_OK : OUTPOST_FAILED;
    });
}

int outpost_adapters_set(llama_context * context, llama_adapter_lora ** adapters, size_t count,
                         float * scales, char * error, size_t error_bytes) {
    return fenced(error, error_bytes, [&] {
        const int32_t result = llama_set_adapters_lora(context, adapters, count, scales);
        return result == 0 ? OUTPOST_OK : OUTPOST_FAILED;
    });
}

int outpost_throw(const char * text, char * error, size_t error_bytes) {
    return fenced(error, error_bytes, [&]() -> int {
        if (text == nullptr) {
            throw std::bad_alloc();
        }
        throw std::runtime_error(text);
    });
}

} // extern "C"
