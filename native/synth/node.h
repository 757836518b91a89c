// What every node of a graph is: parameters with ranges and units, and a stereo process function.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <new>
#include <span>
#include <string>

#include "synth/memory.h"
#include "synth/random.h"

namespace synth {

inline constexpr int kMaxBlock = 1024;
inline constexpr int kMaxParams = 80;
inline constexpr float kGlideS = 0.016f;

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

// What all nodes of a renderer have in common; an event may change the tempo.
struct Transport {
  float tempo_bpm = 120.0f;
};

struct Setup {
  double sample_rate_hz;
  int block;
  std::uint64_t seed;
  Arena* arena;  // the renderer's; what prepare() takes from it is zero and lives as long as the node
  const Transport* transport;
};

// The contract: prepare() may allocate; what else a node overrides may not allocate, lock or throw.
// advance() runs on the absolute frame grid, every `block` frames; control() runs behind it and after a
// parameter was set. process() gets at most `block` frames, never crosses a grid line, and must give the same
// samples however it is split.
class Node {
 public:
  Node() = default;
  virtual ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  void start(std::span<const ParamSpec> specs, std::span<const float> values, const Setup& setup);
  void begin();  // after the first modulate()
  void tick() noexcept;
  void set(int param, float value, float ramp_s) noexcept;
  // From the next tick on: the parameter is moved by octaves, then by an amount in its unit, within its
  // range.
  void modulate(int param, float octaves, float amount) noexcept;
  void hear(const StereoView& sidechain) noexcept;  // for the next process()

  virtual void process(const StereoView& in, const Stereo& out, int frames) noexcept = 0;
  virtual void note_on(float note, float velocity) noexcept;
  virtual void note_off(float note) noexcept;
  // An effect that was left out while it changed nothing begins to hear its input, without a past.
  virtual void wake() noexcept;
  // Of a control node: what it sends, 0 to 1 or -1 to 1, for the end of the coming block.
  [[nodiscard]] virtual float sent() const noexcept;

 protected:
  virtual void prepare();
  virtual void advance() noexcept;
  virtual void control() noexcept;

  [[nodiscard]] SYNTH_SHARED float param(int index) const noexcept { return values_[index]; }
  [[nodiscard]] SYNTH_SHARED const float* params() const noexcept { return values_; }
  [[nodiscard]] SYNTH_SHARED int whole(int index) const noexcept {
    return static_cast<int>(param(index) + 0.5f);
  }
  [[nodiscard]] float gain(int index) const noexcept;
  [[nodiscard]] SYNTH_SHARED float rate() const noexcept { return static_cast<float>(setup_.sample_rate_hz); }
  [[nodiscard]] SYNTH_SHARED int block() const noexcept { return setup_.block; }
  [[nodiscard]] SYNTH_SHARED float block_s() const noexcept { return static_cast<float>(block()) / rate(); }
  [[nodiscard]] SYNTH_SHARED float beat_s() const noexcept { return 60.0f / setup_.transport->tempo_bpm; }
  [[nodiscard]] SYNTH_SHARED Arena& arena() const noexcept { return *setup_.arena; }
  // The audio of the input "sidechain"; null pointers when nothing is connected there.
  [[nodiscard]] SYNTH_SHARED const StereoView& sidechain() const noexcept { return sidechain_; }
  // Before the first block a smoothed value jumps to where it should be; afterwards it moves.
  template <class Smooth>
  SYNTH_SHARED void follow(Smooth& smooth, float target) const noexcept {
    if (fresh_)
      smooth.jump(target);
    else
      smooth.aim(target, block());
  }
  // The same for a level, which clicks when it is quick or starts at once: behind a set() it takes 16 ms for
  // its whole range and some more for gathering speed and losing it.
  template <class Smooth>
  SYNTH_SHARED void follow_level(Smooth& smooth, float target) const noexcept {
    if (glides_ == 0 || fresh_) return follow(smooth, target);
    const float now = smooth.now(), way = target - now,
                most = block_s() / kGlideS * std::max(std::max(1.0f, now), target);
    const float bend = most * std::min(0.25f, block_s() / (0.25f * kGlideS));
    const float fast = std::min(most, std::sqrt(2.0f * bend * std::abs(way)));
    const float speed = smooth.step() * static_cast<float>(block());
    const float step = std::min(std::max(std::min(std::max(way, -fast), fast), speed - bend), speed + bend);
    follow(smooth, now + step);
  }
  // The same for decibels, at most 1500 a second.
  template <class Smooth>
  SYNTH_SHARED void follow_db(Smooth& smooth, float target) const noexcept {
    if (glides_ == 0 || fresh_) return follow(smooth, target);
    const float now = smooth.now(), most = 1500.0f * block_s();
    follow(smooth, std::min(std::max(target, now - most), now + most));
  }
  Random random_;

 private:
  void move() noexcept;
  struct Param {
    float base, target, step;  // as set
    float octaves, amount;     // by which modulations move it
    float low, high;
    int ticks;  // until the target
    [[nodiscard]] float now() const noexcept;
  };
  float* values_ = nullptr;  // as moved by modulations
  Param* params_ = nullptr;
  int count_ = 0;
  bool moving_ = false;  // some parameter ramps or is modulated
  int glides_ = 0;       // ticks for which levels still glide
  Setup setup_{44100.0, 64, 0, nullptr, nullptr};
  StereoView sidechain_{nullptr, nullptr};
  bool fresh_ = true;
};

enum class Role {
  audio,
  external,  // its input is what the caller of render() gives
  control,   // gives no sound but moves parameters of others
};

// A value at which a parameter has no effect.
struct Neutral {
  int param;
  float value;
};

struct NodeType {
  const char* name;
  const char* summary;
  bool takes_input;
  bool takes_notes;
  std::span<const ParamSpec> params;
  Node* (*make)(Arena& arena);
  bool takes_sidechain = false;  // a second input that may be left open
  Role role = Role::audio;
  std::span<const Neutral> neutral = {};  // an effect at all of these hands on what it hears
};

// A node lies in its renderer's arena, beside its buffers; whoever made it calls its destructor.
template <class T>
Node* make_node(Arena& arena) {
  return new (arena.bytes_for(sizeof(T))) T;
}

}  // namespace synth
