// Marks an inline function that kernels of every instruction set use (see isa.h): it must vanish into its
// callers, never stand in an object file of its own.
#pragma once

#define SYNTH_SHARED __attribute__((always_inline)) inline
