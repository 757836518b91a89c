#include "synth/isa.h"

#include <cstdlib>

#include "synth/cpu.h"
#include "synth/graph.h"

namespace synth {

inline namespace SYNTH_ISA {  // isa_baseline, as in the headers of kernels
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
