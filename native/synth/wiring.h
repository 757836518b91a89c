// Where the nodes of one instance write and read: constants folded away, buffers shared.
#pragma once

#include <vector>

#include "synth/graph.h"

namespace synth {

// An effect whose constants make it hand on what it hears is folded: whoever reads it reads its source. It
// keeps a buffer of its own, so that an event may unfold it at any time.
class Wiring {
 public:
  explicit Wiring(const Plan& plan);
  [[nodiscard]] bool folded(int node) const noexcept { return folded_[static_cast<std::size_t>(node)] != 0; }
  // Whether the parameter, set so, makes the folded node change its sound.
  [[nodiscard]] bool unfolds(int node, int param, float value) const noexcept;
  void unfold(int node) noexcept { folded_[static_cast<std::size_t>(node)] = 0; }

  // The node in whose buffer lies what `node` sounds like: itself, or what its only source leads to.
  [[nodiscard]] int heard(int node) const noexcept;
  // Shared by nodes that are never read together.
  [[nodiscard]] int buffer(int node) const noexcept { return buffer_[static_cast<std::size_t>(node)]; }
  [[nodiscard]] int buffers() const noexcept { return buffers_; }
  // How many nodes that change it a sound has gone through, at most.
  [[nodiscard]] int depth(int node) const noexcept { return depth_[static_cast<std::size_t>(node)]; }

 private:
  [[nodiscard]] const PlannedNode& planned(int node) const noexcept {
    return structure_.nodes[static_cast<std::size_t>(node)];
  }
  [[nodiscard]] bool alias(int node) const noexcept {
    return folded(node) && planned(node).inputs.size() == 1;
  }
  [[nodiscard]] bool neutral(const Plan& plan, const PlannedNode& node) const noexcept;
  void share_buffers();
  void measure_depths();

  const Structure& structure_;
  std::vector<char> folded_;
  std::vector<int> buffer_, depth_;  // -1, 0 where the output does not need the node
  int buffers_ = 0;
};

}  // namespace synth
