// A graph as its author wrote it, and the plan that is compiled from it.
#pragma once

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "synth/node.h"

namespace synth {

// What the author wrote is wrong. The message names node, parameter, value, range and unit.
class Invalid : public std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

using Value = std::variant<double, std::string>;

struct NodeSpec {
  std::string id;
  std::string type;
  std::map<std::string, Value> params;
  std::vector<std::string> inputs;
  std::vector<std::string> sidechain = {};
};

// A control node moves a parameter by `amount` times its value; `unit` is the parameter's own, or "octave".
struct ModulationSpec {
  std::string from, to, param;
  double amount = 0.0;
  std::string unit = {};
};

struct GraphSpec {
  std::vector<NodeSpec> nodes;
  std::string output;
  std::vector<ModulationSpec> modulations = {};
  double tempo_bpm = 120.0;
};

struct PlannedNode {
  std::string id;
  const NodeType* type;
  std::vector<int> inputs, sidechain;  // indices into Structure::nodes
  std::size_t first_value;             // into Plan::values
  int first_modulation = 0;            // of its parameters, in Structure::modulations
  int modulations = 0;
};

struct Modulation {
  int from, to, param;
  bool octaves;
  std::size_t amount;  // into Plan::amounts
};

// What two graphs have in common that differ in their numbers only. Immutable, shared and cached. Modulations
// by 0 are none, and the amount of a modulation is no parameter: where it is 0 it stays 0.
struct Structure {
  std::vector<PlannedNode> nodes;
  std::vector<int> audio;  // in the order of computing samples: what the output needs, inputs before readers
  std::vector<int> control;  // in the order of computing parameters: modulators before what they move
  std::vector<Modulation> modulations;  // grouped by node and parameter
  int output = 0;
  [[nodiscard]] int find(std::string_view id) const noexcept;
  [[nodiscard]] std::vector<std::string> ids() const;
};

// Immutable: any number of renderers may use one plan at once.
struct Plan {
  std::shared_ptr<const Structure> structure;
  std::vector<float> values, amounts;
  float tempo_bpm = 120.0f;
  [[nodiscard]] std::span<const float> values_of(const PlannedNode& node) const noexcept {
    return std::span(values).subspan(node.first_value, node.type->params.size());
  }
};

std::shared_ptr<const Plan> compile(const GraphSpec& graph);

}  // namespace synth
