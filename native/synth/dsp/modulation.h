// What moves a voice besides its envelope: slow oscillators, chance, and which of them moves what.
#pragma once

#include <cmath>

#include "synth/dsp/lane_math.h"

namespace synth {
inline namespace SYNTH_ISA {

inline constexpr const char* kLfoShapes[] = {"sine", "triangle", "saw", "square", "random", "steps"};
inline constexpr const char* kModSources[] = {"none",    "lfo1",     "lfo2", "env",
                                              "mod_env", "velocity", "key",  "random"};
inline constexpr const char* kModTargets[] = {"none",  "pitch", "pitch2", "cutoff", "resonance",
                                              "level", "pan",   "shape",  "mix",    "timbre"};
enum ModSource {
  kFromNone,
  kFromLfo1,
  kFromLfo2,
  kFromEnv,
  kFromModEnv,
  kFromVelocity,
  kFromKey,
  kFromRandom,
  kSources
};
enum ModTarget {
  kToNone,
  kToPitch,
  kToPitch2,
  kToCutoff,
  kToResonance,
  kToLevel,
  kToPan,
  kToShape,
  kToMix,
  kToTimbre,
  kTargets
};

// Random values at whole numbers, and a smooth way between them; `key` tells the lanes apart.
SYNTH_INLINE F8 smooth_chance(const U8& key, std::uint32_t cell, float part) noexcept {
  const F8 a = chance(key + cell * 0x9e3779b9u), b = chance(key + (cell + 1) * 0x9e3779b9u);
  return fma(splat(part * part * (3.0f - 2.0f * part)), b - a, a);
}

// One low-frequency oscillator for all voices of an instrument; its random shapes differ from voice to voice.
// The phase is an integer number of 2^-32 turns, so that 10 + 54 frames are exactly 64.
class VoiceLfo {
 public:
  enum Shape { kSine, kTriangle, kSaw, kSquare, kRandom, kSteps };
  void set(int shape, float hz, float rate) noexcept {
    shape_ = static_cast<Shape>(shape);
    increment_ =
        static_cast<std::uint64_t>(static_cast<double>(hz) / static_cast<double>(rate) * 4294967296.0);
  }
  void advance(int frames) noexcept { phase_ += increment_ * static_cast<std::uint64_t>(frames); }

  // The shape `random`, for another key than the voice's own.
  [[nodiscard]] F8 noise(const U8& key) const noexcept {
    return smooth_chance(key, static_cast<std::uint32_t>(phase_ >> 32), turns());
  }
  // -1 .. 1
  [[nodiscard]] F8 value(const U8& seed) const noexcept {
    const auto cell = static_cast<std::uint32_t>(phase_ >> 32);
    const float at = turns();
    switch (shape_) {
      case kRandom:
        return noise(seed);
      case kSteps:
        return chance(seed + cell * 0x9e3779b9u);
      case kTriangle:
        return splat(at < 0.25f ? 4.0f * at : at < 0.75f ? 2.0f - 4.0f * at : 4.0f * at - 4.0f);
      case kSaw:
        return splat(1.0f - 2.0f * at);
      case kSquare:
        return splat(at < 0.5f ? 1.0f : -1.0f);
      default:
        return splat(std::sin(6.2831853f * at));
    }
  }

 private:
  [[nodiscard]] float turns() const noexcept {
    return static_cast<float>((phase_ >> 8) & 0xffffffu) * 0x1p-24f;
  }

  Shape shape_ = kSine;
  std::uint64_t phase_ = 0, increment_ = 0;
};

struct ModSlot {
  int source = 0, target = 0;
  float amount = 0.0f;
};

}  // namespace SYNTH_ISA
}  // namespace synth
