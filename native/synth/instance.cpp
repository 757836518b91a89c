#include <algorithm>

#include "synth/renderer.h"

namespace synth {

Instance::Instance(std::shared_ptr<const Plan> plan, double sample_rate_hz, std::uint64_t seed, int block)
    : plan_(std::move(plan)), nodes_(plan_->nodes.size()), outputs_(plan_->nodes.size()) {
  for (const int index : plan_->order) {
    const auto i = static_cast<std::size_t>(index);
    const PlannedNode& planned = plan_->nodes[i];
    nodes_[i] = planned.type->make();
    nodes_[i]->start(planned.values, {sample_rate_hz, block, node_seed(seed, planned.id), &arena_});
  }
}

void Instance::tick() noexcept {
  for (const int index : plan_->order) nodes_[static_cast<std::size_t>(index)]->tick();
}

void Instance::apply(const Event& event) noexcept {
  Node* node = nodes_[static_cast<std::size_t>(event.node)].get();
  if (!node) return;
  switch (event.kind) {
    case Event::Kind::note_on:
      return node->note_on(event.note, event.value);
    case Event::Kind::note_off:
      return node->note_off(event.note);
    case Event::Kind::set:
      return node->set(event.param, event.value, event.ramp_s);
  }
}

StereoView Instance::process(int frames) noexcept {
  for (const int index : plan_->order) {
    const auto i = static_cast<std::size_t>(index);
    const StereoView in = gather(plan_->nodes[i], frames);
    nodes_[i]->process(in, {outputs_[i].left, outputs_[i].right}, frames);
  }
  const Buffer& last = outputs_[static_cast<std::size_t>(plan_->output)];
  return {last.left, last.right};
}

// One input is read where it lies; several are summed in the order the author gave.
StereoView Instance::gather(const PlannedNode& node, int frames) noexcept {
  if (node.inputs.empty()) return {nullptr, nullptr};
  const Buffer& first = outputs_[static_cast<std::size_t>(node.inputs[0])];
  if (node.inputs.size() == 1) return {first.left, first.right};
  std::copy_n(first.left, frames, sum_.left);
  std::copy_n(first.right, frames, sum_.right);
  for (std::size_t k = 1; k < node.inputs.size(); ++k) {
    const Buffer& more = outputs_[static_cast<std::size_t>(node.inputs[k])];
    for (int i = 0; i < frames; ++i) sum_.left[i] += more.left[i];
    for (int i = 0; i < frames; ++i) sum_.right[i] += more.right[i];
  }
  return {sum_.left, sum_.right};
}

}  // namespace synth
