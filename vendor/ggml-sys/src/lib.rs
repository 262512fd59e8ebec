//! Bindings of ggml and llama.cpp.
