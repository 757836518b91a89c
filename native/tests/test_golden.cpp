// Each node's own sound, 128 frames of it, against stored values: nothing changes unnoticed, and every
// instruction set gives the same. When a sound is meant to change: synth_tests --golden >
// native/tests/golden.txt
#include <fstream>
#include <sstream>

#include "check.h"
#include "golden.h"
#include "sound.h"
#include "synth/isa.h"

using namespace sound;

namespace {

constexpr std::size_t kStart = 20000, kFrames = 128;

// High notes, so that many periods and jumps fall into the window, which lies behind the first echoes.
std::vector<float> window(const synth::NodeType& type) {
  std::vector<synth::EventSpec> events;
  if (type.takes_notes) events = {note_on(0, 96, 0.8), note_on(19500, 84, 0.6)};
  synth::Renderer renderer(alone(type, {}), 48000.0, 7, 64);
  renderer.schedule(events);
  const Audio given = render(plan_of("noise", {}), {}, kStart + kFrames);
  Audio audio{std::vector<float>(kStart + kFrames), std::vector<float>(kStart + kFrames)};
  renderer.render(audio.left.data(), audio.right.data(), static_cast<std::int64_t>(kStart + kFrames),
                  {given.left.data(), given.right.data()});
  std::vector<float> both(audio.left.begin() + kStart, audio.left.end());
  for (std::size_t i = 0; i < kFrames; ++i) both[i] += 0.5f * audio.right[kStart + i];
  return both;
}

}  // namespace

void print_golden() {
  for (const synth::NodeType* type : synth::isa().node_types) {
    std::printf("%s", type->name);
    for (const float x : window(*type)) std::printf(" %.7g", static_cast<double>(x));
    std::printf("\n");
  }
}

TEST(every_node_sounds_as_it_did) {
  std::map<std::string, std::vector<double>> stored;
  std::ifstream file(SYNTH_GOLDEN_FILE);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    for (double x; words >> x;) stored[name].push_back(x);
  }
  for (const synth::NodeType* type : synth::isa().node_types) {
    const std::vector<float> now = window(*type);
    const std::vector<double>& then = stored[type->name];
    if (then.size() != kFrames) {
      check::fail(SYNTH_GOLDEN_FILE, 0, type->name);
      continue;
    }
    double largest = 0.0;
    for (std::size_t i = 0; i < kFrames; ++i)
      largest = std::max(largest, std::abs(static_cast<double>(now[i]) - then[i]));
    if (!(largest <= 1e-5)) {
      std::printf("%s differs by %.3g\n", type->name, largest);
      check::fail(SYNTH_GOLDEN_FILE, 0, type->name);
    }
  }
}
