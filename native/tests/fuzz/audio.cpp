// synth_audio_fuzz CASES [SEED]: audio of any floats through all that measures, finishes and mixes audio, see
// any_audio.h. Run under sanitizers. A failure prints the seed that repeats it.
#include <cstdio>
#include <cstdlib>

#include "../any_audio.h"

int main(int argc, char** argv) {
  const std::uint64_t cases = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1000;
  const std::uint64_t first = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  for (std::uint64_t seed = first; seed < first + cases; ++seed)
    if (const std::string fault = fault_with_any_audio(seed); !fault.empty()) {
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), fault.c_str());
      return 1;
    }
  std::printf("%llu sounds without a fault\n", static_cast<unsigned long long>(cases));
  return 0;
}
