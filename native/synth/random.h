// Seeded randomness. Every node owns one generator, so no node's draws depend on what else is in the graph.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>

#include "synth/shared.h"

namespace synth {

// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014).
class Random {
 public:
  SYNTH_SHARED explicit Random(std::uint64_t seed = 0) : state_(seed) {}

  SYNTH_SHARED std::uint64_t bits() noexcept {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  // [0, 1)
  SYNTH_SHARED float uniform() noexcept { return static_cast<float>(bits() >> 40) * 0x1p-24f; }
  // [-1, 1)
  SYNTH_SHARED float bipolar() noexcept { return 2.0f * uniform() - 1.0f; }
  SYNTH_SHARED float between(float low, float high) noexcept { return low + (high - low) * uniform(); }

  // Two independent values in [-1, 1) from one draw: white noise for left and right.
  SYNTH_SHARED void stereo(float& left, float& right) noexcept {
    const std::uint64_t z = bits();
    left = static_cast<float>(static_cast<std::int32_t>(z >> 32)) * 0x1p-31f;
    right = static_cast<float>(static_cast<std::int32_t>(z & 0xffffffffu)) * 0x1p-31f;
  }

  // Waiting time of a Poisson process.
  SYNTH_SHARED float exponential(float mean) noexcept { return -mean * std::log(1.0f - uniform()); }

  // Unit variance, bell shaped: the sum of twelve uniforms is within 1 % of Gauss up to 2.5 sigma.
  SYNTH_SHARED float gauss() noexcept {
    float sum = -6.0f;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return sum;
  }

 private:
  std::uint64_t state_;
};

// FNV-1a of the node's id, mixed with the render's seed.
inline std::uint64_t node_seed(std::uint64_t seed, std::string_view id) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return Random(hash ^ (seed * 0xd1342543de82ef95u)).bits();
}

}  // namespace synth
