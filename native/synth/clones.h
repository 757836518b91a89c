// SYNTH_CLONES before a function compiles it for AVX2 as well and picks at load time. Only element-wise
// arithmetic may carry it: without fused operations (see CMakeLists.txt) both versions round alike.
#pragma once

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SYNTH_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define SYNTH_CLONES
#endif
