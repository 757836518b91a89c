// Which voice plays a new note.
#pragma once

#include <cstdint>
#include <span>

namespace synth {
inline namespace SYNTH_ISA {

// What an instrument's voices have in common.
struct VoiceState {
  float note = -1.0f;
  bool held = false;
  std::uint32_t age = 0;
};

// The voice that already has the note; else a free one; else the quietest that was let go; else the oldest.
// Voice needs: VoiceState's members, active(), level().
template <class Voice>
Voice& pick_voice(std::span<Voice> voices, float note) noexcept {
  Voice* free = nullptr;
  Voice* released = nullptr;
  Voice* oldest = &voices[0];
  for (Voice& v : voices) {
    if (!v.active()) {
      if (!free) free = &v;
      continue;
    }
    if (v.note == note) return v;
    if (!v.held && (!released || v.level() < released->level())) released = &v;
    if (v.age < oldest->age) oldest = &v;
  }
  return free ? *free : released ? *released : *oldest;
}

}  // namespace SYNTH_ISA
}  // namespace synth
