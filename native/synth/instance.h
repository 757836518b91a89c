// A plan brought to life: nodes and buffers in one arena.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "synth/wiring.h"

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

  // To a grid line: before the frames behind it, and before the events there.
  void tick() noexcept;
  void apply(const Event& event) noexcept;
  // Up to the next grid line; or, from a grid line that was ticked, several whole blocks, at most
  // `most_frames`, with the ticks between them.
  void process(const StereoView& input, const Stereo& out, int frames) noexcept;
  [[nodiscard]] int most_frames() const noexcept { return most_frames_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return arena_.bytes(); }

 private:
  // What process() needs of a node, in a row; the view is where its only source lies.
  struct Step {
    Node* node;
    const PlannedNode* planned;
    int index;
    StereoView in;
    Stereo out;
    bool external, gathers, listens, last;  // last: nobody but the caller hears it
    bool bounded;
  };

  void play(const Step& step, const StereoView& in, const Stereo& out, int frames) noexcept;
  void hand_on(const Step& step, const Stereo& out, int frames) noexcept;
  void unfold(int index) noexcept;
  void tick(int index, int line) noexcept;
  void modulate(int index, int line) noexcept;
  [[nodiscard]] float* sent(int line) noexcept {
    return sent_ + static_cast<std::size_t>(line) * nodes_.size();
  }
  [[nodiscard]] Step step_of(int index) const noexcept;
  [[nodiscard]] StereoView gather(const std::vector<int>& sources, const Stereo& sum,
                                  int frames) const noexcept;
  void add_up(const std::vector<int>& sources, const Stereo& sum, int frames) const noexcept;
  [[nodiscard]] const Stereo& buffer_of(int node) const noexcept;  // to write
  [[nodiscard]] StereoView sound_of(int node) const noexcept;      // to read
  Stereo new_buffer();

  std::shared_ptr<const Plan> plan_;
  const Structure& structure_;
  Transport transport_;
  Wiring wiring_;
  int block_, most_frames_;
  bool output_is_read_;  // by other nodes too
  Arena arena_;
  std::vector<Node*> nodes_;  // null where the output does not need the node
  std::vector<Step> steps_;
  std::vector<int> senders_;  // control nodes that hear nothing
  float* sent_;               // by control nodes, at the grid lines of one process()
  std::vector<Stereo> buffers_;
  Stereo sum_, sidechain_sum_, silence_;
};

}  // namespace synth
