#include "synth/instance.h"

#include <algorithm>

namespace synth {
namespace {

constexpr std::size_t kNone = ~std::size_t{0};

// The parameter of an effect that decides how much of it is heard.
std::size_t mix_of(const NodeType& type) noexcept {
  if (type.takes_input && type.role == Role::audio)
    for (std::size_t i = 0; i < type.params.size(); ++i)
      if (std::string_view(type.params[i].name) == "mix") return i;
  return kNone;
}

}  // namespace

Instance::Instance(std::shared_ptr<const Plan> plan, double sample_rate_hz, std::uint64_t seed, int block)
    : plan_(std::move(plan)),
      structure_(*plan_->structure),
      transport_{plan_->tempo_bpm},
      nodes_(structure_.nodes.size()),
      sleeping_(structure_.nodes.size()),
      sum_(new_buffer(block)),
      sidechain_sum_(new_buffer(block)),
      silence_(new_buffer(block)) {
  for (int i = 0; i < structure_.buffers; ++i) buffers_.push_back(new_buffer(block));
  for (const std::vector<int>* order : {&structure_.control, &structure_.audio})
    for (const int index : *order) {
      Node*& node = nodes_[static_cast<std::size_t>(index)];
      if (!node) node = structure_.nodes[static_cast<std::size_t>(index)].type->make(arena_);
    }
  for (const int index : structure_.control) {
    const PlannedNode& planned = structure_.nodes[static_cast<std::size_t>(index)];
    Node& node = *nodes_[static_cast<std::size_t>(index)];
    node.start(planned.type->params, plan_->values_of(planned),
               {sample_rate_hz, block, node_seed(seed, planned.id), &arena_, &transport_});
    modulate(index);
    node.begin();
    sleeping_[static_cast<std::size_t>(index)] = bypassed(planned);
  }
  for (const int index : structure_.audio) steps_.push_back(step_of(index));
}

Instance::Step Instance::step_of(int index) const noexcept {
  const PlannedNode& planned = structure_.nodes[static_cast<std::size_t>(index)];
  const bool one = planned.inputs.size() == 1;
  return {nodes_[static_cast<std::size_t>(index)],
          &planned,
          static_cast<std::size_t>(index),
          one ? StereoView{buffer_of(planned.inputs[0]).left, buffer_of(planned.inputs[0]).right}
              : StereoView{nullptr, nullptr},
          buffer_of(index),
          planned.type->role == Role::external,
          planned.inputs.size() > 1,
          !planned.sidechain.empty()};
}

Instance::~Instance() {
  for (Node* node : nodes_)
    if (node) node->~Node();
}

Stereo Instance::new_buffer(int block) {
  const auto size = static_cast<std::size_t>(block);
  return {arena_.floats(size), arena_.floats(size)};
}

const Stereo& Instance::buffer_of(int node) const noexcept {
  return buffers_[static_cast<std::size_t>(structure_.nodes[static_cast<std::size_t>(node)].buffer)];
}

// An effect of which nothing is heard, now or by a modulation, need not run: it wakes without a past.
bool Instance::bypassed(const PlannedNode& node) const noexcept {
  const std::size_t mix = mix_of(*node.type);
  if (mix == kNone || plan_->values_of(node)[mix] != 0.0f) return false;
  const auto first = structure_.modulations.begin() + node.first_modulation;
  return std::none_of(first, first + node.modulations,
                      [&](const Modulation& m) { return static_cast<std::size_t>(m.param) == mix; });
}

void Instance::tick() noexcept {
  for (const int index : structure_.control) {
    if (sleeping_[static_cast<std::size_t>(index)]) continue;
    if (structure_.nodes[static_cast<std::size_t>(index)].modulations > 0) modulate(index);
    nodes_[static_cast<std::size_t>(index)]->tick();
  }
}

// Modulations lie grouped by what they move; several of one parameter add up.
void Instance::modulate(int index) noexcept {
  const PlannedNode& node = structure_.nodes[static_cast<std::size_t>(index)];
  const auto first = structure_.modulations.begin() + node.first_modulation;
  const auto last = first + node.modulations;
  for (auto m = first; m != last;) {
    const int param = m->param;
    float octaves = 0.0f, amount = 0.0f;
    for (; m != last && m->param == param; ++m) {
      const float moved = plan_->amounts[m->amount] * nodes_[static_cast<std::size_t>(m->from)]->sent();
      (m->octaves ? octaves : amount) += moved;
    }
    nodes_[static_cast<std::size_t>(index)]->modulate(param, octaves, amount);
  }
}

void Instance::apply(const Event& event) noexcept {
  if (event.kind == Event::Kind::tempo) {
    transport_.tempo_bpm = event.value;  // heard from the next tick on
    return;
  }
  Node* const node = nodes_[static_cast<std::size_t>(event.node)];
  if (!node) return;
  if (event.kind == Event::Kind::note_on) return node->note_on(event.note, event.value);
  if (event.kind == Event::Kind::note_off) return node->note_off(event.note);
  const auto index = static_cast<std::size_t>(event.node);
  if (sleeping_[index])
    sleeping_[index] = static_cast<std::size_t>(event.param) != mix_of(*structure_.nodes[index].type);
  node->set(event.param, event.value, event.ramp_s);
}

StereoView Instance::process(const StereoView& input, int frames) noexcept {
  const StereoView outside = input.left ? input : StereoView{silence_.left, silence_.right};
  for (const Step& step : steps_) {
    if (step.listens) step.node->hear(gather(step.planned->sidechain, sidechain_sum_, frames));
    const StereoView in = step.external  ? outside
                          : step.gathers ? gather(step.planned->inputs, sum_, frames)
                                         : step.in;
    if (sleeping_[step.index]) {
      std::copy_n(in.left, frames, step.out.left);
      std::copy_n(in.right, frames, step.out.right);
      continue;
    }
    step.node->process(in, step.out, frames);
  }
  const Stereo& last = buffer_of(structure_.output);
  return {last.left, last.right};
}

// One source is read where it lies; several are summed in the order the author gave.
StereoView Instance::gather(const std::vector<int>& sources, const Stereo& sum, int frames) const noexcept {
  if (sources.empty()) return {nullptr, nullptr};
  const Stereo& first = buffer_of(sources[0]);
  if (sources.size() == 1) return {first.left, first.right};
  std::copy_n(first.left, frames, sum.left);
  std::copy_n(first.right, frames, sum.right);
  for (std::size_t k = 1; k < sources.size(); ++k) {
    const Stereo& more = buffer_of(sources[k]);
    for (int i = 0; i < frames; ++i) sum.left[i] += more.left[i];
    for (int i = 0; i < frames; ++i) sum.right[i] += more.right[i];
  }
  return {sum.left, sum.right};
}

}  // namespace synth
