#include "synth/node.h"

#include <algorithm>
#include <cmath>

namespace synth {

Node::~Node() = default;
void Node::note_on(float, float) noexcept {}
void Node::note_off(float) noexcept {}
void Node::wake() noexcept {}
void Node::prepare() {}
void Node::advance() noexcept {}
void Node::control() noexcept {}
float Node::sent() const noexcept { return 0.0f; }
void Node::hear(const StereoView& sidechain) noexcept { sidechain_ = sidechain; }
float Node::gain(int index) const noexcept { return std::pow(10.0f, param(index) / 20.0f); }

void Node::start(std::span<const ParamSpec> specs, std::span<const float> values, const Setup& setup) {
  setup_ = setup;
  random_ = Random(setup.seed);
  count_ = static_cast<int>(specs.size());
  values_ = arena().floats(specs.size());
  params_ = static_cast<Param*>(arena().bytes_for(specs.size() * sizeof(Param)));
  for (std::size_t i = 0; i < specs.size(); ++i) {
    values_[i] = values[i];
    params_[i] = {values[i], values[i], 0.0f, 0.0f, 0.0f, specs[i].low, specs[i].high, 0};
  }
}

void Node::begin() {
  move();
  prepare();
  fresh_ = true;
  control();
  fresh_ = false;
}

float Node::Param::now() const noexcept {
  if (octaves == 0.0f && amount == 0.0f) return base;
  const float moved = (octaves == 0.0f ? base : base * std::exp2(octaves)) + amount;
  return std::min(std::max(moved, low), high);
}

void Node::move() noexcept {
  if (!moving_) return;
  moving_ = false;
  for (int i = 0; i < count_; ++i) {
    Param& p = params_[i];
    if (p.ticks > 0) p.base = --p.ticks == 0 ? p.target : p.base + p.step;
    values_[i] = p.now();
    moving_ |= p.ticks > 0 || p.octaves != 0.0f || p.amount != 0.0f;
  }
}

void Node::tick() noexcept {
  move();
  if (glides_ > 0) --glides_;
  advance();
  control();
}

void Node::set(int param, float value, float ramp_s) noexcept {
  Param& p = params_[param];
  p.target = value;
  p.ticks = static_cast<int>(std::min(ramp_s / block_s() + 0.5f, 1e9f));
  if (p.ticks > 0) {
    p.step = (value - p.base) / static_cast<float>(p.ticks);
    moving_ = true;
    return;
  }
  p.base = value;
  values_[param] = p.now();
  glides_ = 12 + static_cast<int>(2.0f * kGlideS / block_s());
  control();
}

void Node::modulate(int param, float octaves, float amount) noexcept {
  params_[param].octaves = octaves;
  params_[param].amount = amount;
  moving_ = true;
}

}  // namespace synth
