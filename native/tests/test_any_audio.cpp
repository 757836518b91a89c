#include "any_audio.h"
#include "check.h"

TEST(any_float_is_finished_or_refused) {
  for (std::uint64_t seed = 1; seed <= 120; ++seed)
    if (const std::string fault = fault_with_any_audio(seed); !fault.empty())
      check::fail(__FILE__, __LINE__, ("seed " + std::to_string(seed) + ": " + fault).c_str());
}
