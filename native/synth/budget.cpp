#include "synth/budget.h"

#include <algorithm>
#include <ctime>

#include "synth/denormals.h"
#include "synth/lru.h"
#include "synth/values.h"

namespace synth {
namespace {

constexpr int kBlocks = 8, kRuns = 3;

double cpu_s() {
  std::timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// One node at work: noise at its inputs, all of its voices sounding.
class Trial {
 public:
  Trial(const NodeType& type, std::span<const float> values, double sample_rate_hz, int block)
      : block_(block), node_(type.make(arena_)) {
    const auto size = static_cast<std::size_t>(block);
    in_ = {arena_.floats(size), arena_.floats(size)};
    out_ = {arena_.floats(size), arena_.floats(size)};
    Random random(1);
    for (std::size_t i = 0; i < size; ++i) random.stereo(in_.left[i], in_.right[i]);
    node_->start(type.params, values, {sample_rate_hz, block, 1, &arena_, &transport_});
    node_->begin();
    if (type.takes_sidechain) node_->hear({in_.left, in_.right});
    if (!type.takes_notes) return;
    for (std::size_t i = 0; i < values.size(); ++i)
      if (std::string_view(type.params[i].name) == "voices") voices_ = static_cast<int>(values[i]);
    for (int v = 0; v < voices_; ++v) node_->note_on(static_cast<float>(24 + v * 7 % 80), 0.8f);
  }
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;
  ~Trial() { node_->~Node(); }

  void run(int blocks) noexcept {
    for (int i = 0; i < blocks; ++i) {
      node_->tick();
      node_->process({in_.left, in_.right}, out_, block_);
    }
  }

 private:
  int block_, voices_ = 1;
  Transport transport_;
  Arena arena_;
  Node* node_;
  Stereo in_, out_;
};

double measured(const NodeType& type, std::span<const float> values, double sample_rate_hz, int block) {
  const FlushDenormals flush;
  Trial trial(type, values, sample_rate_hz, block);
  trial.run(2);
  double least = 1e9;
  for (int run = 0; run < kRuns; ++run) {
    const double start = cpu_s();
    trial.run(kBlocks);
    least = std::min(least, cpu_s() - start);
  }
  return least / (kBlocks * block / sample_rate_hz);
}

// Nodes cost alike that differ only in values that lie on a line.
double remembered(const NodeType& type, std::span<const float> values, double sample_rate_hz, int block) {
  static Lru<std::shared_ptr<const double>> costs(1024);
  std::string key =
      std::string(type.name) + ' ' + std::to_string(sample_rate_hz) + ' ' + std::to_string(block);
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!continuous(type.params[i])) key += ' ' + std::to_string(static_cast<int>(values[i]));
  if (const auto known = costs.find(key)) return *known;
  const double cost = measured(type, values, sample_rate_hz, block);
  costs.keep(std::move(key), std::make_shared<const double>(cost));
  return cost;
}

struct Step {
  const char* param;
  bool instruments, effects;
  float (*lower)(float value);
};

float draft(float) { return 1.0f; }  // the second of "high", "draft"
float half(float count) { return std::max(1.0f, static_cast<float>(static_cast<int>(count) / 2)); }

constexpr Step kSteps[] = {
    {"quality", true, false, draft},
    {"unison", true, false, half},
    {"quality", false, true, draft},
    {"voices", true, false, half},
};

std::string shown(const ParamSpec& spec, float value) {
  const auto whole = static_cast<std::size_t>(value);
  return spec.choices.empty() ? std::to_string(whole) : std::string(spec.choices[whole]);
}

// Applies one step to every node that it concerns; false when there is nothing left to give up that way.
bool lower(const Step& step, Plan& plan, Fitted& fitted) {
  bool any = false;
  for (const int index : plan.structure->audio) {
    const PlannedNode& node = plan.structure->nodes[static_cast<std::size_t>(index)];
    if (!(node.type->takes_notes ? step.instruments : step.effects)) continue;
    for (std::size_t i = 0; i < node.type->params.size(); ++i) {
      const ParamSpec& spec = node.type->params[i];
      float& value = plan.values[node.first_value + i];
      if (std::string_view(spec.name) != step.param || step.lower(value) == value) continue;
      const float before = value;
      value = step.lower(value);
      fitted.lowered[node.first_value + i] = true;
      fitted.degraded.push_back(node.id + ": " + spec.name + " " + shown(spec, before) + " -> " +
                                shown(spec, value));
      any = true;
    }
  }
  return any;
}

}  // namespace

double cost_of(const Plan& plan, double sample_rate_hz, int block) {
  double sum = 0.0;
  for (const int index : plan.structure->audio) {
    const PlannedNode& node = plan.structure->nodes[static_cast<std::size_t>(index)];
    sum += remembered(*node.type, plan.values_of(node), sample_rate_hz, block);
  }
  return sum;
}

Fitted fit(std::shared_ptr<const Plan> plan, double sample_rate_hz, int block, double max_cpu) {
  Fitted fitted{plan, {}, std::vector<bool>(plan->values.size())};
  const auto fits = [&](const Plan& candidate) {
    return cost_of(candidate, sample_rate_hz, block) <= max_cpu;
  };
  if (fits(*plan)) return fitted;
  auto lowered = std::make_shared<Plan>(*plan);
  for (const Step& step : kSteps)
    while (!fits(*lowered) && lower(step, *lowered, fitted)) continue;
  fitted.plan = std::move(lowered);
  return fitted;
}

}  // namespace synth
