// synth_fuzz SECONDS [SEED]: random graphs of all nodes, parameters at their extremes, events in swarms,
// swaps, odd splits and broken input; whatever happens, every sample is a number, stays bounded and is the
// same without the splits. Run under sanitizers: `make fuzz`. A failure prints the seed that repeats it.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "synth/isa.h"
#include "synth/renderer.h"
#include "synth/values.h"

namespace {

using synth::ParamSpec, synth::Random, synth::Value;

constexpr double kBound = 1e10;  // far over any sum of resonances, far below what grows without end

int up_to(Random& random, int most) {
  return static_cast<int>(random.bits() % (static_cast<std::uint64_t>(most) + 1));
}

Value extreme(Random& random, const ParamSpec& spec) {
  if (!spec.choices.empty()) return std::string(spec.choices[random.bits() % spec.choices.size()]);
  // Makeup gains in a row are the author's own loudness, not a fault.
  const float high = std::string_view(spec.unit) == "dB" ? std::min(spec.high, 6.0f) : spec.high;
  float value = random.between(spec.low, high);
  const int which = up_to(random, 3);
  if (which == 0) value = spec.low;
  if (which == 1) value = high;
  if (std::string_view(spec.unit) == "count") value = std::floor(value);
  return static_cast<double>(value);
}

const synth::NodeType& any_type(Random& random) {
  const auto types = synth::isa().node_types;
  return *types[random.bits() % types.size()];
}

synth::GraphSpec graph_of(Random& random) {
  synth::GraphSpec graph{{{"n0", "noise", {}, {}}}, "n0"};
  std::vector<std::string> sounds{"n0"}, movers;
  const auto any = [&](const std::vector<std::string>& ids) { return ids[random.bits() % ids.size()]; };
  for (int i = 1, nodes = 1 + up_to(random, 8); i <= nodes; ++i) {
    const synth::NodeType& type = any_type(random);
    synth::NodeSpec node{std::string("n").append(std::to_string(i)), type.name, {}, {}};
    for (const ParamSpec& spec : type.params)
      if (up_to(random, 2) > 0) node.params[spec.name] = extreme(random, spec);
    if (type.takes_input)
      for (int k = up_to(random, 2); k >= 0; --k) node.inputs.push_back(k == 0 ? sounds.back() : any(sounds));
    if (type.takes_sidechain && up_to(random, 1)) node.sidechain = {any(sounds)};
    (type.role == synth::Role::control ? movers : sounds).push_back(node.id);
    if (type.role != synth::Role::control && !movers.empty())
      for (const ParamSpec& spec : type.params)
        if (synth::continuous(spec) && up_to(random, 3) == 0)
          graph.modulations.push_back(
              {any(movers), node.id, spec.name, std::min(2.0 * static_cast<double>(spec.high), 1e5)});
    graph.nodes.push_back(std::move(node));
  }
  graph.output = sounds.back();
  graph.tempo_bpm = up_to(random, 1) ? 20.0 : 400.0;
  return graph;
}

std::vector<synth::EventSpec> swarm(Random& random, const synth::Plan& plan, std::int64_t from) {
  std::vector<synth::EventSpec> events;
  for (const synth::PlannedNode& node : plan.structure->nodes) {
    for (int i = up_to(random, 30); i > 0; --i) {
      synth::EventSpec event{
          .frame = from + up_to(random, 4000), .type = "tempo", .node = node.id, .param = ""};
      event.value = static_cast<double>(20 + up_to(random, 380));
      const bool note = node.type->takes_notes && up_to(random, 1);
      if (note) {
        event.type = up_to(random, 2) ? "note_on" : "note_off";
        event.note = up_to(random, 127);
        event.velocity = up_to(random, 10) / 10.0;
      } else if (!node.type->params.empty()) {
        const ParamSpec& spec = node.type->params[random.bits() % node.type->params.size()];
        event.type = "set";
        event.param = spec.name;
        event.value = extreme(random, spec);
        event.ramp_s = up_to(random, 3) / 50.0;
      }
      events.push_back(event);
    }
  }
  return events;
}

bool bounded(const std::vector<float>& samples) {
  double largest = 0.0;
  for (const float x : samples) {
    if (!std::isfinite(x)) return false;
    largest = std::max(largest, static_cast<double>(std::abs(x)));
  }
  return largest < kBound;
}

// Node by node, with the values at the start.
void tell(const synth::Plan& plan) {
  for (const int index : plan.structure->audio) {
    const synth::PlannedNode& node = plan.structure->nodes[static_cast<std::size_t>(index)];
    std::printf("%s %s:", node.id.c_str(), node.type->name);
    for (std::size_t i = 0; i < node.type->params.size(); ++i)
      std::printf(" %s=%g", node.type->params[i].name, static_cast<double>(plan.values_of(node)[i]));
    for (const int input : node.inputs)
      std::printf(" <- %s", plan.structure->nodes[static_cast<std::size_t>(input)].id.c_str());
    std::printf("\n");
  }
}

bool survives(std::uint64_t seed) {
  Random random(seed);
  constexpr double kRates[] = {8000.0, 44100.0, 48000.0, 192000.0};
  constexpr float kBroken[] = {std::numeric_limits<float>::quiet_NaN(),
                               std::numeric_limits<float>::infinity(), 1e30f, -1e-42f};
  auto plan = synth::compile(graph_of(random));
  const double rate = kRates[random.bits() % 4];
  const int block = 16 + up_to(random, 1008);
  synth::Renderer renderer(plan, rate, seed, block), unsplit(plan, rate, seed, block);
  std::vector<float> in(6000), left(6000), right(6000), whole_left(6000), whole_right(6000);
  for (int round = 0; round < 3; ++round) {
    const std::vector<synth::EventSpec> events = swarm(random, *plan, renderer.frame());
    for (synth::Renderer* r : {&renderer, &unsplit}) r->schedule(events);
    for (float& x : in) x = up_to(random, 200) ? random.bipolar() : kBroken[random.bits() % 4];
    for (std::size_t at = 0; at < in.size();) {
      const std::size_t n = std::min(in.size() - at, static_cast<std::size_t>(1 + up_to(random, 999)));
      renderer.render(&left[at], &right[at], static_cast<std::int64_t>(n), {&in[at], &in[at]});
      at += n;
    }
    unsplit.render(whole_left.data(), whole_right.data(), 6000, {in.data(), in.data()});
    if (!bounded(left) || !bounded(right)) return tell(*plan), false;
    if (left != whole_left || right != whole_right) return std::printf("split matters\n"), tell(*plan), false;
    if (round != 1) continue;
    plan = synth::compile(graph_of(random));
    const double fade_s = up_to(random, 2) * 0.02;
    for (synth::Renderer* r : {&renderer, &unsplit}) r->swap(plan, fade_s);
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 10.0;
  std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  const std::uint64_t first = seed;
  const auto start = std::chrono::steady_clock::now();
  do {
    if (!survives(seed)) {
      std::printf("seed %llu: a sample is no number, out of all bounds or changed by a split\n",
                  static_cast<unsigned long long>(seed));
      return 1;
    }
    ++seed;
  } while (std::chrono::steady_clock::now() - start < std::chrono::duration<double>(seconds));
  std::printf("%llu graphs without a fault\n", static_cast<unsigned long long>(seed - first));
  return 0;
}
