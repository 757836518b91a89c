// What every node of a graph is: parameters with ranges and units, and a stereo process function.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "synth/memory.h"
#include "synth/random.h"

namespace synth {

inline constexpr int kMaxBlock = 512;
inline constexpr int kMaxParams = 80;

struct Stereo {
  float* left;
  float* right;
};
struct StereoView {
  const float* left;
  const float* right;
};

// `choices` makes a parameter a word; its value is then the word's index. unit "count" means a whole number.
struct ParamSpec {
  const char* name;
  const char* unit;
  float low, high, initial;
  const char* meaning;
  std::span<const char* const> choices = {};
};

struct Setup {
  double sample_rate_hz;
  int block;
  std::uint64_t seed;
  Arena* arena;  // the renderer's; what prepare() takes from it is zero and lives as long as the node
};

// The contract: prepare() may allocate; control() and process() may not allocate, lock or throw.
// control() runs on the absolute frame grid (every `block` frames) and after a parameter was set. process()
// gets at most `block` frames, never crosses a grid line, and must give the same samples however it is split.
class Node {
 public:
  Node() = default;
  virtual ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  void start(std::span<const float> values, const Setup& setup);
  void tick() noexcept;
  void set(int param, float value, float ramp_s) noexcept;

  virtual void process(const StereoView& in, const Stereo& out, int frames) noexcept = 0;
  virtual void note_on(float note, float velocity) noexcept;
  virtual void note_off(float note) noexcept;

 protected:
  virtual void prepare();
  virtual void control() noexcept;

  [[nodiscard]] SYNTH_SHARED float param(int index) const noexcept {
    return params_[static_cast<std::size_t>(index)].value;
  }
  [[nodiscard]] SYNTH_SHARED int whole(int index) const noexcept {
    return static_cast<int>(param(index) + 0.5f);
  }
  [[nodiscard]] float gain(int index) const noexcept;
  [[nodiscard]] SYNTH_SHARED float rate() const noexcept { return static_cast<float>(setup_.sample_rate_hz); }
  [[nodiscard]] SYNTH_SHARED int block() const noexcept { return setup_.block; }
  [[nodiscard]] SYNTH_SHARED float block_s() const noexcept { return static_cast<float>(block()) / rate(); }
  [[nodiscard]] SYNTH_SHARED Arena& arena() const noexcept { return *setup_.arena; }
  // Before the first block a smoothed value jumps to where it should be; afterwards it moves.
  template <class Smooth>
  SYNTH_SHARED void follow(Smooth& smooth, float target) const noexcept {
    if (fresh_)
      smooth.jump(target);
    else
      smooth.aim(target, block());
  }
  Random random_;

 private:
  struct Param {
    float value = 0.0f, target = 0.0f, step = 0.0f;
    int ticks = 0;
  };
  std::array<Param, kMaxParams> params_{};
  std::size_t count_ = 0;
  Setup setup_{44100.0, 64, 0, nullptr};
  bool fresh_ = true;
};

struct NodeType {
  const char* name;
  const char* summary;
  bool takes_input;
  bool takes_notes;
  std::span<const ParamSpec> params;
  std::unique_ptr<Node> (*make)();
};

template <class T>
std::unique_ptr<Node> make_node() {
  return std::unique_ptr<Node>(new T);
}

}  // namespace synth
