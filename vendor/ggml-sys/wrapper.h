/* What bindgen reads: the C interface of llama.cpp and our shim around what can throw. */
#include "ggml-cpu.h"
#include "llama.h"
#include "shim.h"
