#include "synth/renderer.h"

#include <algorithm>
#include <cmath>

#include "synth/denormals.h"
#include "synth/smoothstep.h"
#include "synth/values.h"

namespace synth {
namespace {

constexpr std::size_t kMostHeld = 256;

Event::Kind kind_of(const EventSpec& spec) {
  if (spec.type == "note_on") return Event::Kind::note_on;
  if (spec.type == "note_off") return Event::Kind::note_off;
  if (spec.type == "set") return Event::Kind::set;
  if (spec.type == "tempo") return Event::Kind::tempo;
  throw Invalid("event at frame " + std::to_string(spec.frame) + ": unknown type '" + spec.type + "'" +
                suggestion(spec.type, {"note_on", "note_off", "set", "tempo"}));
}

constexpr ParamSpec kNote{"note", "MIDI note", 0, 127, 60, ""};
constexpr ParamSpec kVelocity{"velocity", "", 0, 1, 1, ""};
constexpr ParamSpec kRamp{"ramp_s", "s", 0, 3600, 0, ""};
constexpr ParamSpec kRate{"sample_rate_hz", "Hz", 8000, 384000, 44100, ""};
constexpr ParamSpec kBlock{"block", "count", 16, kMaxBlock, 64, ""};
constexpr ParamSpec kMaxCpu{"max_cpu", "of a core", 1e-4f, 1, 0.8f, ""};
constexpr ParamSpec kMaxLatency{"max_latency_ms", "ms", 0.01f, 10000, 10, ""};
constexpr double kLeastFadeS = 0.005;  // a shorter one is a click
constexpr ParamSpec kFade{"fade_s", "s", 0, 60, 0.05f, ""};

}  // namespace

Renderer::Renderer(std::shared_ptr<const Plan> plan, double sample_rate_hz, std::uint64_t seed, int block,
                   const Limits& limits)
    : sample_rate_hz_(sample_rate_hz), seed_(seed), block_(block), limits_(limits) {
  checked_value("Renderer", kRate, sample_rate_hz);
  checked_value("Renderer", kBlock, static_cast<double>(block));
  if (limits.max_cpu) checked_value("Renderer", kMaxCpu, *limits.max_cpu);
  if (limits.max_latency_ms) {
    checked_value("Renderer", kMaxLatency, *limits.max_latency_ms);
    while (block_ > 16 && block_ / sample_rate_hz > 1e-3 * *limits.max_latency_ms)
      block_ = std::max(16, block_ / 2);
  }
  fitted_ = fitted(std::move(plan));
  held_.reserve(kMostHeld);
  reset();
}

Fitted Renderer::fitted(std::shared_ptr<const Plan> plan) const {
  if (limits_.max_cpu) return fit(std::move(plan), sample_rate_hz_, block_, *limits_.max_cpu);
  return {plan, {}, std::vector<bool>(plan->values.size())};
}

Renderer::Layer Renderer::layer_of(const Fitted& fitted) const {
  return {std::make_unique<Instance>(fitted.plan, sample_rate_hz_, seed_, block_), 1.0, 0.0};
}

void Renderer::reset() {
  layers_.clear();
  layers_.push_back(layer_of(fitted_));
  events_.clear();
  next_event_ = 0;
  held_.clear();
  frame_ = 0;
}

RendererStatus Renderer::status() const {
  std::size_t sounding = 0, bytes = 0;
  for (const Layer& layer : layers_) {
    sounding += layer.finished() ? 0 : 1;
    bytes += layer.instance->bytes();
  }
  return {frame_,
          sample_rate_hz_,
          1000.0 * block_ / sample_rate_hz_,
          cost_of(*fitted_.plan, sample_rate_hz_, block_),
          block_,
          limits_,
          fitted_.degraded,
          events_.size() - next_event_,
          sounding,
          bytes};
}

Event Renderer::checked(const EventSpec& spec) const {
  const Event::Kind kind = kind_of(spec);
  const std::string at = "event at frame " + std::to_string(spec.frame);
  if (spec.frame < 0) throw Invalid(at + ": frame must be 0 or more");
  if (kind == Event::Kind::tempo)
    return {spec.frame, kind, 0, 0, checked_value(at, kTempo, spec.value), 0.0f, 0.0f};
  const Structure& structure = *fitted_.plan->structure;
  const int index = structure.find(spec.node);
  if (index < 0)
    throw Invalid(at + ": unknown node '" + spec.node + "'" + suggestion(spec.node, structure.ids()));
  const NodeType& type = *structure.nodes[static_cast<std::size_t>(index)].type;
  const std::size_t first_value = structure.nodes[static_cast<std::size_t>(index)].first_value;
  const std::string where = at + ", " + described(spec.node, type);
  Event event{spec.frame, kind, index, 0, 0.0f, 0.0f, 0.0f};
  if (kind == Event::Kind::set) {
    event.param = find_param(where, type, spec.param);
    event.value = checked_value(where, type.params[static_cast<std::size_t>(event.param)], spec.value);
    event.ramp_s = checked_value(where, kRamp, spec.ramp_s);
    if (fitted_.lowered[first_value + static_cast<std::size_t>(event.param)])
      event.value = fitted_.plan->values[first_value + static_cast<std::size_t>(event.param)];
    // Words and counts have no values in between.
    if (!continuous(type.params[static_cast<std::size_t>(event.param)])) event.ramp_s = 0.0f;
    return event;
  }
  if (!type.takes_notes) throw Invalid(where + ": takes no notes");
  event.note = checked_value(where, kNote, spec.note);
  event.value = checked_value(where, kVelocity, spec.velocity);
  return event;
}

void Renderer::schedule(const std::vector<EventSpec>& specs) {
  std::vector<Event> events(events_.begin() + static_cast<std::ptrdiff_t>(next_event_), events_.end());
  for (const EventSpec& spec : specs) events.push_back(checked(spec));
  const auto earlier = [](const Event& a, const Event& b) { return a.frame < b.frame; };
  std::stable_sort(events.begin(), events.end(), earlier);
  events_ = std::move(events);
  next_event_ = 0;
}

void Renderer::remember(const Event& event) noexcept {
  if (event.kind != Event::Kind::note_on && event.kind != Event::Kind::note_off) return;
  std::erase_if(held_, [&](const Held& h) { return h.node == event.node && h.note == event.note; });
  if (event.kind == Event::Kind::note_on && held_.size() < kMostHeld)
    held_.push_back({event.node, event.note, event.value});
}

void Renderer::apply_due() noexcept {
  for (; next_event_ < events_.size() && events_[next_event_].frame <= frame_; ++next_event_) {
    layers_.back().instance->apply(events_[next_event_]);
    remember(events_[next_event_]);
  }
}

// Up to the next event or end: some whole blocks from a grid line, or as far as the next one.
int Renderer::segment(std::int64_t left) const noexcept {
  std::int64_t frames = left;
  if (next_event_ < events_.size()) frames = std::min(frames, events_[next_event_].frame - frame_);
  if (frame_ % block_ == 0 && frames > block_ && alone())
    return static_cast<int>(
        std::min<std::int64_t>(frames / block_ * block_, layers_[0].instance->most_frames()));
  return static_cast<int>(std::min(frames, block_ - frame_ % block_));
}

void Renderer::render(float* left, float* right, std::int64_t frames, StereoView input) noexcept {
  const FlushDenormals flush;
  while (frames > 0) {
    if (frame_ % block_ == 0)
      for (Layer& layer : layers_)
        if (!layer.finished()) layer.instance->tick();
    apply_due();
    const int n = segment(frames);
    if (alone()) {
      layers_[0].instance->process(input, {left, right}, n);
    } else {
      std::fill_n(left, n, 0.0f);
      std::fill_n(right, n, 0.0f);
      float sound[2][kMaxBlock];
      for (Layer& layer : layers_) {
        if (layer.finished()) continue;
        layer.instance->process(input, {sound[0], sound[1]}, n);
        mix(layer, {sound[0], sound[1]}, left, right, n);
      }
    }
    left += n, right += n, frames -= n, frame_ += n;
    if (input.left) input.left += n, input.right += n;
  }
}

void Renderer::mix(Layer& layer, const StereoView& in, float* left, float* right, int frames) noexcept {
  for (int i = 0; i < frames; ++i) {
    float gain = 1.0f;
    if (layer.step != 0.0) {
      layer.gain_turn = std::clamp(layer.gain_turn + layer.step, 0.0, 1.0);
      gain = static_cast<float>(std::sin(1.5707963267948966 * smoothstep(layer.gain_turn)));
    }
    left[i] += gain * in.left[i];
    right[i] += gain * in.right[i];
  }
  if (layer.gain_turn >= 1.0) layer.step = 0.0;
}

void Renderer::swap(std::shared_ptr<const Plan> plan, double fade_s) {
  checked_value("swap", kFade, fade_s);
  const double step = 1.0 / (std::max(kLeastFadeS, fade_s) * sample_rate_hz_);
  Fitted after = fitted(std::move(plan));
  Layer next = layer_of(after);
  next.gain_turn = 0.0;
  next.step = step;
  std::erase_if(layers_, [](const Layer& layer) { return layer.finished(); });
  for (Layer& layer : layers_) layer.step = -step;
  layers_.push_back(std::move(next));
  carry_over(*fitted_.plan->structure, *after.plan->structure);
  fitted_ = std::move(after);
}

// Held notes and coming events follow their node's id; what the new plan lacks is dropped.
void Renderer::carry_over(const Structure& before, const Structure& after) {
  const auto moved = [&](int node) {
    const PlannedNode& old = before.nodes[static_cast<std::size_t>(node)];
    const int index = after.find(old.id);
    return index >= 0 && after.nodes[static_cast<std::size_t>(index)].type == old.type ? index : -1;
  };
  for (Held& held : held_) held.node = moved(held.node);
  std::erase_if(held_, [](const Held& held) { return held.node < 0; });
  for (const Held& held : held_)
    layers_.back().instance->apply(
        {frame_, Event::Kind::note_on, held.node, 0, held.velocity, held.note, 0.0f});
  for (Event& event : events_)
    if (event.kind != Event::Kind::tempo) event.node = moved(event.node);
  events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(next_event_));
  next_event_ = 0;
  std::erase_if(events_, [](const Event& event) { return event.node < 0; });
}

}  // namespace synth
