// Renders a plan, block by block, with events and hot swaps.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "synth/budget.h"
#include "synth/instance.h"

namespace synth {

// An event as its author wrote it.
struct EventSpec {
  std::int64_t frame = 0;
  std::string type;  // note_on, note_off, set or tempo
  std::string node;
  double note = 0.0, velocity = 1.0;
  std::string param;
  Value value = 0.0;  // of the parameter, or beats per minute
  double ramp_s = 0.0;
};

// State continues from call to call. The control grid is absolute (every `block` frames since the start), so
// any split of the same span into render calls gives the same samples, bit by bit. Not for two threads at
// once.
struct Limits {
  std::optional<double> max_cpu = {};         // share of one core, see budget.h
  std::optional<double> max_latency_ms = {};  // of a block
};

// What a renderer is doing, and what its limits made of what was asked for.
struct RendererStatus {
  std::int64_t frame;
  double sample_rate_hz, latency_ms, cpu;  // of one block; share of one core, estimated
  int block;
  Limits limits;
  std::vector<std::string> degraded;
  std::size_t events, plans, bytes;  // scheduled, sounding (more than one during a swap), of memory
};

class Renderer {
 public:
  Renderer(std::shared_ptr<const Plan> plan, double sample_rate_hz, std::uint64_t seed, int block,
           const Limits& limits = {});
  // Frames count from the start or the last reset; an event in the past takes place at the next frame.
  void schedule(const std::vector<EventSpec>& events);
  // Allocates nothing, takes no lock, throws nothing. `input` is what nodes of type `input` hear, as long as
  // the output; null pointers are silence.
  void render(float* left, float* right, std::int64_t frames, StereoView input = {}) noexcept;
  // Cross-fades to another plan, equal power with rounded ends, in 5 ms at least. Held notes are struck again
  // there where the node exists.
  void swap(std::shared_ptr<const Plan> plan, double fade_s);
  void reset();
  [[nodiscard]] std::int64_t frame() const noexcept { return frame_; }
  [[nodiscard]] int block() const noexcept { return block_; }
  [[nodiscard]] RendererStatus status() const;

 private:
  struct Layer {
    std::unique_ptr<Instance> instance;
    double gain_turn = 1.0;  // 0 silent, 1 full, on a quarter sine
    double step = 0.0;       // per frame
    [[nodiscard]] bool finished() const noexcept { return step < 0.0 && gain_turn <= 0.0; }
  };
  struct Held {
    int node;
    float note, velocity;
  };

  [[nodiscard]] Fitted fitted(std::shared_ptr<const Plan> plan) const;
  [[nodiscard]] Layer layer_of(const Fitted& fitted) const;
  Event checked(const EventSpec& spec) const;
  void remember(const Event& event) noexcept;
  void carry_over(const Structure& before, const Structure& after);
  void apply_due() noexcept;
  [[nodiscard]] bool alone() const noexcept { return layers_.size() == 1 && layers_[0].step == 0.0; }
  [[nodiscard]] int segment(std::int64_t left) const noexcept;
  static void mix(Layer& layer, const StereoView& in, float* left, float* right, int frames) noexcept;

  double sample_rate_hz_;
  std::uint64_t seed_;
  int block_;
  Limits limits_;
  Fitted fitted_;  // the plan that sounds, after the limits
  std::int64_t frame_ = 0;
  std::vector<Layer> layers_;  // the last one is current, the others fade out
  std::vector<Event> events_;  // sorted by frame
  std::size_t next_event_ = 0;
  std::vector<Held> held_;
};

}  // namespace synth
