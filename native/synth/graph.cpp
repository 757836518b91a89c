#include "synth/graph.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "synth/blep.h"
#include "synth/isa.h"

namespace synth {
namespace {

constexpr std::size_t kMaxNodes = 256;

// Levenshtein distance, one row.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string shown(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

std::string shown(const std::variant<double, std::string>& value) {
  if (const double* number = std::get_if<double>(&value)) return shown(*number);
  return "'" + std::get<std::string>(value) + "'";
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

float checked_choice(const std::string& where, const ParamSpec& spec,
                     const std::variant<double, std::string>& value) {
  const std::vector<std::string> words(spec.choices.begin(), spec.choices.end());
  if (const std::string* word = std::get_if<std::string>(&value)) {
    for (std::size_t i = 0; i < words.size(); ++i)
      if (words[i] == *word) return static_cast<float>(i);
  }
  throw Invalid(where + ": " + spec.name + " = " + shown(value) + " must be one of " + joined(words));
}

std::vector<std::string> names_of(std::span<const ParamSpec> params) {
  std::vector<std::string> names;
  for (const ParamSpec& p : params) names.emplace_back(p.name);
  return names;
}

std::string described(const NodeSpec& node) { return "node '" + node.id + "' (" + node.type + ")"; }

const NodeType& type_of(const NodeSpec& node) {
  std::vector<std::string> names;
  for (const NodeType* type : isa().node_types) {
    if (node.type == type->name) return *type;
    names.emplace_back(type->name);
  }
  throw Invalid("node '" + node.id + "': unknown type '" + node.type + "'" + suggestion(node.type, names));
}

std::vector<float> values_of(const NodeSpec& node, const NodeType& type) {
  std::vector<float> values;
  for (const ParamSpec& spec : type.params) values.push_back(spec.initial);
  for (const auto& [name, value] : node.params) {
    const auto index = static_cast<std::size_t>(find_param(described(node), type, name));
    values[index] = checked_value(described(node), type.params[index], value);
  }
  return values;
}

std::vector<int> inputs_of(const NodeSpec& node, const Plan& plan) {
  const NodeType& type = *plan.nodes[static_cast<std::size_t>(plan.find(node.id))].type;
  if (!type.takes_input && !node.inputs.empty()) throw Invalid(described(node) + ": takes no input");
  if (type.takes_input && node.inputs.empty())
    throw Invalid(described(node) + ": needs at least one input in \"in\"");
  std::vector<int> indices;
  for (const std::string& id : node.inputs) {
    std::vector<std::string> ids;
    for (const PlannedNode& other : plan.nodes) ids.push_back(other.id);
    indices.push_back(plan.find(id));
    if (indices.back() < 0)
      throw Invalid(described(node) + ": unknown input '" + id + "'" + suggestion(id, ids));
  }
  return indices;
}

enum class Mark { fresh, open, done };

// Depth first from the output: gives the order of computing and leaves out what the output does not need.
void visit(Plan& plan, int index, std::vector<Mark>& marks) {
  Mark& mark = marks[static_cast<std::size_t>(index)];
  const PlannedNode& node = plan.nodes[static_cast<std::size_t>(index)];
  if (mark == Mark::done) return;
  if (mark == Mark::open) throw Invalid("node '" + node.id + "' feeds itself: a graph must have no cycle");
  mark = Mark::open;
  for (const int input : node.inputs) visit(plan, input, marks);
  marks[static_cast<std::size_t>(index)] = Mark::done;
  plan.order.push_back(index);
}

}  // namespace

std::string suggestion(const std::string& given, const std::vector<std::string>& valid) {
  const std::string* nearest = nullptr;
  std::size_t best = 3;  // more edits than this are not a slip of the pen
  for (const std::string& name : valid)
    if (const std::size_t d = distance(given, name); d <= best && d < name.size()) best = d, nearest = &name;
  if (nearest) return "; did you mean '" + *nearest + "'?";
  return valid.empty() ? "" : "; valid: " + joined(valid);
}

float checked_value(const std::string& where, const ParamSpec& spec,
                    const std::variant<double, std::string>& value) {
  if (!spec.choices.empty()) return checked_choice(where, spec, value);
  const std::string unit = *spec.unit ? std::string(" ") + spec.unit : "";
  const std::string range =
      shown(static_cast<double>(spec.low)) + " to " + shown(static_cast<double>(spec.high)) + unit;
  const double* number = std::get_if<double>(&value);
  const std::string given = where + ": " + spec.name + " = " + shown(value);
  if (!number) throw Invalid(given + " must be a number from " + range);
  if (!std::isfinite(*number)) throw Invalid(given + " must be finite, from " + range);
  const auto narrow = static_cast<float>(*number);
  if (narrow < spec.low || narrow > spec.high) throw Invalid(given + unit + " is outside " + range);
  if (std::string_view(spec.unit) == "count" && narrow != std::floor(narrow))
    throw Invalid(given + " must be a whole number from " + range);
  return narrow;
}

int find_param(const std::string& where, const NodeType& type, const std::string& name) {
  for (std::size_t i = 0; i < type.params.size(); ++i)
    if (name == type.params[i].name) return static_cast<int>(i);
  throw Invalid(where + ": unknown parameter '" + name + "'" + suggestion(name, names_of(type.params)));
}

int Plan::find(std::string_view id) const noexcept {
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (nodes[i].id == id) return static_cast<int>(i);
  return -1;
}

std::shared_ptr<const Plan> compile(const GraphSpec& graph) {
  blep_table();  // built here so that no render waits for them
  const auto plan = std::make_shared<Plan>();
  std::vector<std::string> ids;
  if (graph.nodes.size() > kMaxNodes)
    throw Invalid("a graph of " + std::to_string(graph.nodes.size()) + " nodes; at most " +
                  std::to_string(kMaxNodes));
  for (const NodeSpec& node : graph.nodes) {
    if (node.id.empty()) throw Invalid("a node has an empty id");
    if (plan->find(node.id) >= 0) throw Invalid("two nodes have the id '" + node.id + "'");
    const NodeType& type = type_of(node);
    plan->nodes.push_back({node.id, &type, values_of(node, type), {}});
    ids.push_back(node.id);
  }
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    plan->nodes[i].inputs = inputs_of(graph.nodes[i], *plan);
  plan->output = plan->find(graph.output);
  if (plan->output < 0)
    throw Invalid("output '" + graph.output + "' is not a node" + suggestion(graph.output, ids));
  std::vector<Mark> marks(plan->nodes.size(), Mark::fresh);
  for (std::size_t i = 0; i < plan->nodes.size(); ++i) visit(*plan, static_cast<int>(i), marks);
  plan->order.clear();
  std::fill(marks.begin(), marks.end(), Mark::fresh);
  visit(*plan, plan->output, marks);
  return plan;
}

}  // namespace synth
