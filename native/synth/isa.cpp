#include "synth/isa.h"

#include <cstdlib>

#include "synth/graph.h"

namespace synth {

namespace isa_baseline {
extern const Isa kIsa;
}
#ifdef SYNTH_HAS_V3
namespace isa_v3 {
extern const Isa kIsa;
}
#endif
#ifdef SYNTH_HAS_V4
namespace isa_v4 {
extern const Isa kIsa;
}
#endif

namespace {

#if defined(SYNTH_HAS_V3) || defined(SYNTH_HAS_V4)
bool has_v3() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
}
#endif
#ifdef SYNTH_HAS_V4
bool has_v4() {
  return has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}
#endif

const Isa& chosen() {
  const std::vector<const Isa*> isas = available_isas();
  const char* wanted = std::getenv("SYNTH_ISA");
  if (!wanted || !*wanted) return *isas.front();
  std::string names;
  for (const Isa* candidate : isas) {
    if (std::string_view(candidate->name) == wanted) return *candidate;
    names += (names.empty() ? "" : ", ") + std::string(candidate->name);
  }
  throw Invalid("SYNTH_ISA = '" + std::string(wanted) + "' is not available here; there are " + names);
}

}  // namespace

std::vector<const Isa*> available_isas() {
  std::vector<const Isa*> isas;
#ifdef SYNTH_HAS_V4
  if (has_v4()) isas.push_back(&isa_v4::kIsa);
#endif
#ifdef SYNTH_HAS_V3
  if (has_v3()) isas.push_back(&isa_v3::kIsa);
#endif
  isas.push_back(&isa_baseline::kIsa);
  return isas;
}

const Isa& isa() {
  static const Isa& instance = chosen();
  return instance;
}

}  // namespace synth
