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

struct NodeSpec {
  std::string id;
  std::string type;
  std::map<std::string, std::variant<double, std::string>> params;
  std::vector<std::string> inputs;
};

struct GraphSpec {
  std::vector<NodeSpec> nodes;
  std::string output;
};

struct PlannedNode {
  std::string id;
  const NodeType* type;
  std::vector<float> values;
  std::vector<int> inputs;  // indices into Plan::nodes
};

// Immutable and shared: any number of renderers may use one plan at once.
struct Plan {
  std::vector<PlannedNode> nodes;
  std::vector<int> order;  // what the output needs, inputs before their readers
  int output = 0;
  [[nodiscard]] int find(std::string_view id) const noexcept;
};

std::shared_ptr<const Plan> compile(const GraphSpec& graph);

// Checked value of a parameter; `where` names the node in errors.
float checked_value(const std::string& where, const ParamSpec& spec,
                    const std::variant<double, std::string>& value);
int find_param(const std::string& where, const NodeType& type, const std::string& name);
// ", did you mean 'x'?" or a list of what there is.
std::string suggestion(const std::string& given, const std::vector<std::string>& valid);

}  // namespace synth
