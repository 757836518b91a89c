// SYNTH_CLONES before a function compiles it for AVX2 as well and picks at load time. Only element-wise
// arithmetic may carry it: without fused operations (see CMakeLists.txt) both versions round alike.
#pragma once

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SYNTH_CLONES __attribute__((target_clones("avx2", "default")))
#define SYNTH_ISA (__builtin_cpu_supports("avx2") ? "x86-64+avx2" : "x86-64")
#else
#define SYNTH_CLONES
#if defined(__x86_64__)
#define SYNTH_ISA "x86-64"
#elif defined(__aarch64__)
#define SYNTH_ISA "aarch64"
#else
#define SYNTH_ISA "generic"
#endif
#endif
