// The kernels exist once per instruction set; the best one that the processor has is chosen at first use.
//
// Everything in dsp/, nodes/ and kernels/ is compiled once per set, inside `inline namespace SYNTH_ISA`, so
// that the versions live side by side. What those files share with the rest (node.h, random.h, memory.h) has
// no inline function that could be emitted twice: check_isa.sh looks for such leaks, because the linker would
// keep any one of them, for instance the one with AVX-512 in it.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "synth/finish/kernels.h"
#include "synth/node.h"

namespace synth {

struct Isa {
  const char* name;
  std::span<const NodeType* const> node_types;
  const FinishKernels& finish;
};

// Best first: x86-64-v4 (AVX-512), x86-64-v3 (AVX2, FMA), then the baseline of the build.
std::vector<const Isa*> available_isas();

// The best, or the one that the environment variable SYNTH_ISA names (for tests). Chosen once per process.
// Throws Invalid when the name is unknown or the processor lacks it.
const Isa& isa();

}  // namespace synth
