#include "synth/instance.h"

#include <algorithm>

namespace synth {
namespace {

// A node computes several blocks before the next node does: its code and its state stay in the cache.
constexpr int kMostFrames = 512;

// Whatever listens and moves parameters needs all nodes to be at the same block.
int frames_at_once(const Structure& structure, int block) noexcept {
  const auto listens = [&](int index) {
    return structure.nodes[static_cast<std::size_t>(index)].type->role == Role::control;
  };
  return std::any_of(structure.audio.begin(), structure.audio.end(), listens)
             ? block
             : std::max(1, kMostFrames / block) * block;
}

bool output_is_read(const Structure& structure) noexcept {
  return std::any_of(structure.audio.begin(), structure.audio.end(), [&](int index) {
    const PlannedNode& node = structure.nodes[static_cast<std::size_t>(index)];
    return std::count(node.inputs.begin(), node.inputs.end(), structure.output) +
               std::count(node.sidechain.begin(), node.sidechain.end(), structure.output) >
           0;
  });
}

// Amplifiers in a row would reach infinity, and then no recursion behind them would ever sound again. Every
// second one holds this bound; between two, no sum of finite gains gets out of 32 bits.
void bound(const Stereo& x, int frames) noexcept {
  constexpr float kBound = 1e6f;
  for (float* side : {x.left, x.right})
    for (int i = 0; i < frames; ++i) side[i] = std::min(std::max(side[i], -kBound), kBound);
}

StereoView from(const StereoView& x, int frame) noexcept {
  return x.left ? StereoView{x.left + frame, x.right + frame} : x;
}

}  // namespace

Instance::Instance(std::shared_ptr<const Plan> plan, double sample_rate_hz, std::uint64_t seed, int block)
    : plan_(std::move(plan)),
      structure_(*plan_->structure),
      transport_{plan_->tempo_bpm},
      wiring_(*plan_),
      block_(block),
      most_frames_(frames_at_once(structure_, block)),
      output_is_read_(output_is_read(structure_)),
      nodes_(structure_.nodes.size()),
      sent_(arena_.floats(nodes_.size() * static_cast<std::size_t>(most_frames_ / block))),
      sum_(new_buffer()),
      sidechain_sum_(new_buffer()),
      silence_(new_buffer()) {
  for (int i = 0; i < wiring_.buffers(); ++i) buffers_.push_back(new_buffer());
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
    modulate(index, 0);
    node.begin();
    sent(0)[index] = node.sent();
    if (planned.type->role == Role::control && !planned.type->takes_input) senders_.push_back(index);
  }
  for (const int index : structure_.audio) steps_.push_back(step_of(index));
}

Instance::Step Instance::step_of(int index) const noexcept {
  const PlannedNode& planned = structure_.nodes[static_cast<std::size_t>(index)];
  const bool one = planned.inputs.size() == 1;
  return {nodes_[static_cast<std::size_t>(index)],
          &planned,
          index,
          one ? sound_of(planned.inputs[0]) : StereoView{nullptr, nullptr},
          buffer_of(index),
          planned.type->role == Role::external,
          planned.inputs.size() > 1,
          !planned.sidechain.empty(),
          index == structure_.output && !output_is_read_,
          planned.type->takes_input && wiring_.depth(index) % 2 == 0};
}

Instance::~Instance() {
  for (Node* node : nodes_)
    if (node) node->~Node();
}

Stereo Instance::new_buffer() {
  const auto size = static_cast<std::size_t>(most_frames_);
  return {arena_.floats(size), arena_.floats(size)};
}

const Stereo& Instance::buffer_of(int node) const noexcept {
  return buffers_[static_cast<std::size_t>(wiring_.buffer(node))];
}

StereoView Instance::sound_of(int node) const noexcept {
  const Stereo& buffer = buffer_of(wiring_.heard(node));
  return {buffer.left, buffer.right};
}

void Instance::tick() noexcept {
  for (const int index : structure_.control) tick(index, 0);
}

// `line` counts the grid lines of one process().
void Instance::tick(int index, int line) noexcept {
  const auto at = static_cast<std::size_t>(index);
  if (wiring_.folded(index)) return;
  if (structure_.nodes[at].modulations > 0) modulate(index, line);
  nodes_[at]->tick();
  if (structure_.nodes[at].type->role == Role::control) sent(line)[at] = nodes_[at]->sent();
}

// Modulations lie grouped by what they move; several of one parameter add up.
void Instance::modulate(int index, int line) noexcept {
  const PlannedNode& node = structure_.nodes[static_cast<std::size_t>(index)];
  const auto first = structure_.modulations.begin() + node.first_modulation;
  const auto last = first + node.modulations;
  for (auto m = first; m != last;) {
    const int param = m->param;
    float octaves = 0.0f, amount = 0.0f;
    for (; m != last && m->param == param; ++m) {
      const float moved = plan_->amounts[m->amount] * sent(line)[m->from];
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
  if (wiring_.unfolds(event.node, event.param, event.value)) unfold(event.node);
  node->set(event.param, event.value, event.ramp_s);
}

void Instance::unfold(int index) noexcept {
  wiring_.unfold(index);
  nodes_[static_cast<std::size_t>(index)]->wake();
  for (Step& step : steps_) {
    if (step.planned->inputs.size() == 1) step.in = sound_of(step.planned->inputs[0]);
    if (step.index == index) step.bounded = step.planned->type->takes_input;  // it was no part of the count
  }
}

void Instance::process(const StereoView& input, const Stereo& out, int frames) noexcept {
  const StereoView outside = input.left ? input : StereoView{silence_.left, silence_.right};
  for (int line = 1; line * block_ < frames; ++line)
    for (const int index : senders_) tick(index, line);
  for (const Step& step : steps_) {
    const Stereo& to = step.last ? out : step.out;
    if (wiring_.folded(step.index)) {
      hand_on(step, to, frames);
      continue;
    }
    const StereoView in = step.external  ? outside
                          : step.gathers ? gather(step.planned->inputs, sum_, frames)
                                         : step.in;
    play(step, in, to, frames);
  }
  if (!output_is_read_) return;
  const StereoView sound = sound_of(structure_.output);
  std::copy_n(sound.left, frames, out.left);
  std::copy_n(sound.right, frames, out.right);
}

void Instance::play(const Step& step, const StereoView& in, const Stereo& out, int frames) noexcept {
  const StereoView key =
      step.listens ? gather(step.planned->sidechain, sidechain_sum_, frames) : StereoView{nullptr, nullptr};
  for (int at = 0, line = 0; at < frames; at += block_, ++line) {
    if (line > 0) tick(step.index, line);
    if (step.listens) step.node->hear(from(key, at));
    step.node->process(from(in, at), {out.left + at, out.right + at}, std::min(block_, frames - at));
  }
  if (step.bounded) bound(out, frames);
}

// A folded node: its readers read its only source, so there is nothing to do but for a sum or the caller.
void Instance::hand_on(const Step& step, const Stereo& out, int frames) noexcept {
  if (step.gathers) {
    add_up(step.planned->inputs, out, frames);
    if (step.bounded) bound(out, frames);
  } else if (step.last) {
    std::copy_n(step.in.left, frames, out.left);
    std::copy_n(step.in.right, frames, out.right);
  }
}

// One source is read where it lies; several are summed.
StereoView Instance::gather(const std::vector<int>& sources, const Stereo& sum, int frames) const noexcept {
  if (sources.empty()) return {nullptr, nullptr};
  if (sources.size() == 1) return sound_of(sources[0]);
  add_up(sources, sum, frames);
  return {sum.left, sum.right};
}

// In the order the author gave.
void Instance::add_up(const std::vector<int>& sources, const Stereo& sum, int frames) const noexcept {
  const StereoView first = sound_of(sources[0]);
  std::copy_n(first.left, frames, sum.left);
  std::copy_n(first.right, frames, sum.right);
  for (std::size_t k = 1; k < sources.size(); ++k) {
    const StereoView more = sound_of(sources[k]);
    for (int i = 0; i < frames; ++i) sum.left[i] += more.left[i];
    for (int i = 0; i < frames; ++i) sum.right[i] += more.right[i];
  }
}

}  // namespace synth
