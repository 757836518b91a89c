#include "synth/node.h"

#include <algorithm>
#include <cmath>

namespace synth {

Node::~Node() = default;
void Node::note_on(float, float) noexcept {}
void Node::note_off(float) noexcept {}
void Node::prepare() {}
void Node::control() noexcept {}
float Node::gain(int index) const noexcept { return std::pow(10.0f, param(index) / 20.0f); }

void Node::start(std::span<const float> values, const Setup& setup) {
  setup_ = setup;
  random_ = Random(setup.seed);
  count_ = values.size();
  for (std::size_t i = 0; i < count_; ++i) params_[i] = {values[i], values[i], 0.0f, 0};
  prepare();
  fresh_ = true;
  control();
  fresh_ = false;
}

void Node::tick() noexcept {
  for (std::size_t i = 0; i < count_; ++i) {
    Param& p = params_[i];
    if (p.ticks == 0) continue;
    p.value = --p.ticks == 0 ? p.target : p.value + p.step;
  }
  control();
}

void Node::set(int param, float value, float ramp_s) noexcept {
  Param& p = params_[static_cast<std::size_t>(param)];
  p.target = value;
  p.ticks = static_cast<int>(std::min(ramp_s / block_s() + 0.5f, 1e9f));
  if (p.ticks > 0) {
    p.step = (value - p.value) / static_cast<float>(p.ticks);
    return;
  }
  p.value = value;
  control();
}

}  // namespace synth
