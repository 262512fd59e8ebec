/* The calls of llama.cpp that can throw, each behind a function that never does.
 *
 * Every function returns one of the statuses below. On any but OUTPOST_OK it writes what went
 * wrong, as a NUL-terminated text, into `error` (of `error_bytes` bytes, at least 1): the message
 * of the exception, or the last error lines that the library logged during the call.
 */
#ifndef OUTPOST_SHIM_H
#define OUTPOST_SHIM_H

#include "llama.h"

#ifdef __cplusplus
extern "C" {
#endif

enum outpost_status {
    OUTPOST_OK = 0,
    OUTPOST_FAILED = 1,    /* the library refused: see the text */
    OUTPOST_EXCEPTION = 2, /* a C++ exception was caught */
    OUTPOST_NO_MEMORY = 3, /* std::bad_alloc was caught */
    OUTPOST_NO_SLOT = 4,   /* decode: the batch does not fit the key-value cache; nothing changed */
    OUTPOST_ABORTED = 5,   /* decode: the abort callback said stop; the cache holds a part */
    OUTPOST_TOO_SMALL = 6, /* the result does not fit the caller's buffer; its size was written */
};

/* Takes log lines over from stderr. Lines of error level are kept for `error`, and all are passed
 * on to `sink`, if one is given. The sink may be called from any thread and must not unwind. */
typedef void (*outpost_log_sink)(enum ggml_log_level level, const char * text);
void outpost_log_init(outpost_log_sink sink);

int outpost_model_load(const char * path, const struct llama_model_params * params,
                       struct llama_model ** model, char * error, size_t error_bytes);

int outpost_context_init(struct llama_model * model, const struct llama_context_params * params,
                         struct llama_context ** context, char * error, size_t error_bytes);

int outpost_decode(struct llama_context * context, const struct llama_batch * batch,
                   char * error, size_t error_bytes);

int outpost_quantize(const char * input, const char * output,
                     const struct llama_model_quantize_params * params,
                     char * error, size_t error_bytes);

/* `count` gets the number of tokens, also when it is more than `tokens_max`. */
int outpost_tokenize(const struct llama_vocab * vocab, const char * text, int32_t text_bytes,
                     llama_token * tokens, int32_t tokens_max, bool add_special,
                     bool parse_special, int32_t * count, char * error, size_t error_bytes);

/* `count` gets the number of bytes of the piece, also when it is more than `piece_bytes`. */
int outpost_token_to_piece(const struct llama_vocab * vocab, llama_token token, char * piece,
                           int32_t piece_bytes, bool special, int32_t * count,
                           char * error, size_t error_bytes);

/* The prompt of a chat in the form of `form` (a model's template), one of those that the library
 * knows. `bytes` gets the length of the prompt, also when it is more than `prompt_bytes`. */
int outpost_chat(const char * form, const struct llama_chat_message * messages, size_t count,
                 bool answer_begins, char * prompt, int32_t prompt_bytes, int32_t * bytes,
                 char * error, size_t error_bytes);

/* Copies the state of a sequence into `state`; `bytes` gets its size, also when it is too large. */
int outpost_state_seq_get(struct llama_context * context, llama_seq_id sequence, uint8_t * state,
                          size_t state_bytes, size_t * bytes, char * error, size_t error_bytes);

/* Puts a state in place of the sequence. The caller has made sure that it is one of ours. */
int outpost_state_seq_set(struct llama_context * context, llama_seq_id sequence,
                          const uint8_t * state, size_t state_bytes,
                          char * error, size_t error_bytes);

int outpost_adapter_load(struct llama_model * model, const char * path,
                         struct llama_adapter_lora ** adapter, char * error, size_t error_bytes);

int outpost_adapters_set(struct llama_context * context, struct llama_adapter_lora ** adapters,
                         size_t count, float * scales, char * error, size_t error_bytes);

/* For tests: throws std::runtime_error(text) inside the fence, or std::bad_alloc for NULL. */
int outpost_throw(const char * text, char * error, size_t error_bytes);

#ifdef __cplusplus
}
#endif

#endif
