// A plan brought to life: nodes and buffers in one arena.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "synth/graph.h"

namespace synth {

struct Event {
  enum class Kind { note_on, note_off, set, tempo };
  std::int64_t frame;
  Kind kind;
  int node;
  int param;
  float value;  // velocity or the parameter's value
  float note;
  float ramp_s;
};

class Instance {
 public:
  Instance(std::shared_ptr<const Plan> plan, double sample_rate_hz, std::uint64_t seed, int block);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  void tick() noexcept;
  void apply(const Event& event) noexcept;
  // The output node's buffers, valid until the next call.
  StereoView process(const StereoView& input, int frames) noexcept;
  [[nodiscard]] std::size_t bytes() const noexcept { return arena_.bytes(); }

 private:
  // What process() needs of a node, in a row; the view is where its only source lies.
  struct Step {
    Node* node;
    const PlannedNode* planned;
    std::size_t index;
    StereoView in;
    Stereo out;
    bool external, gathers, listens;
  };

  void modulate(int index) noexcept;
  [[nodiscard]] Step step_of(int index) const noexcept;
  [[nodiscard]] StereoView gather(const std::vector<int>& sources, const Stereo& sum,
                                  int frames) const noexcept;
  [[nodiscard]] const Stereo& buffer_of(int node) const noexcept;
  Stereo new_buffer(int block);
  [[nodiscard]] bool bypassed(const PlannedNode& node) const noexcept;

  std::shared_ptr<const Plan> plan_;
  const Structure& structure_;
  Transport transport_;
  Arena arena_;
  std::vector<Node*> nodes_;    // null where the output does not need the node
  std::vector<char> sleeping_;  // effects whose mix is 0, until an event sets it
  std::vector<Step> steps_;
  std::vector<Stereo> buffers_;
  Stereo sum_, sidechain_sum_, silence_;
};

}  // namespace synth
