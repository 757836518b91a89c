#include "synth/wiring.h"

#include <algorithm>

namespace synth {

Wiring::Wiring(const Plan& plan)
    : structure_(*plan.structure),
      folded_(structure_.nodes.size()),
      buffer_(structure_.nodes.size(), -1),
      depth_(structure_.nodes.size()) {
  for (const int node : structure_.audio)
    folded_[static_cast<std::size_t>(node)] = neutral(plan, planned(node));
  share_buffers();
  measure_depths();
}

// Of now and for ever, but for events: what a modulation moves is no constant.
bool Wiring::neutral(const Plan& plan, const PlannedNode& node) const noexcept {
  const auto first = structure_.modulations.begin() + node.first_modulation;
  const auto holds = [&](const Neutral& at) {
    return plan.values_of(node)[static_cast<std::size_t>(at.param)] == at.value &&
           std::none_of(first, first + node.modulations,
                        [&](const Modulation& m) { return m.param == at.param; });
  };
  const auto& all = node.type->neutral;
  return !all.empty() && std::all_of(all.begin(), all.end(), holds);
}

bool Wiring::unfolds(int node, int param, float value) const noexcept {
  const auto& all = planned(node).type->neutral;
  return folded(node) && std::any_of(all.begin(), all.end(), [&](const Neutral& at) {
           return at.param == param && at.value != value;
         });
}

int Wiring::heard(int node) const noexcept {
  while (alias(node)) node = planned(node).inputs[0];
  return node;
}

// A buffer is free again behind its last reader, so a chain of any length needs two. Whoever reads a folded
// node reads what it hands on, now, and its own buffer once it is unfolded.
void Wiring::share_buffers() {
  std::vector<std::size_t> last_read(structure_.nodes.size());
  const auto read = [&](int node, std::size_t step) {
    for (;; node = planned(node).inputs[0]) {
      std::size_t& last = last_read[static_cast<std::size_t>(node)];
      last = std::max(last, step);
      if (!alias(node)) return;
    }
  };
  for (std::size_t step = 0; step < structure_.audio.size(); ++step) {
    const PlannedNode& node = planned(structure_.audio[step]);
    for (const auto* sources : {&node.inputs, &node.sidechain})
      for (const int source : *sources) read(source, step);
  }
  read(structure_.output, structure_.audio.size());
  std::vector<std::size_t> busy_until;  // per buffer
  for (std::size_t step = 0; step < structure_.audio.size(); ++step) {
    const auto index = static_cast<std::size_t>(structure_.audio[step]);
    auto free =
        std::find_if(busy_until.begin(), busy_until.end(), [&](std::size_t until) { return until < step; });
    if (free == busy_until.end()) free = busy_until.insert(free, 0);
    *free = std::max(last_read[index], step);
    buffer_[index] = static_cast<int>(free - busy_until.begin());
  }
  buffers_ = static_cast<int>(busy_until.size());
}

void Wiring::measure_depths() {
  for (const int index : structure_.audio) {
    const PlannedNode& node = planned(index);
    int& depth = depth_[static_cast<std::size_t>(index)];
    for (const auto* sources : {&node.inputs, &node.sidechain})
      for (const int source : *sources)
        depth = std::max(depth, depth_[static_cast<std::size_t>(source)] + (alias(index) ? 0 : 1));
  }
}

}  // namespace synth
