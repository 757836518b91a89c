#include "synth/graph.h"

#include <algorithm>

#include "synth/blep.h"
#include "synth/isa.h"
#include "synth/structure_cache.h"
#include "synth/values.h"

namespace synth {
namespace {

constexpr std::size_t kMaxNodes = 256, kMaxModulations = 1024;
constexpr ParamSpec kAmount{"amount", "", -100000, 100000, 0, "of a modulation"};

const NodeType& type_of(const NodeSpec& node) {
  std::vector<std::string> names;
  for (const NodeType* type : isa().node_types) {
    if (node.type == type->name) return *type;
    names.emplace_back(type->name);
  }
  throw Invalid("node '" + node.id + "': unknown type '" + node.type + "'" + suggestion(node.type, names));
}

int found(const Structure& structure, const std::string& id, const std::string& where) {
  const int index = structure.find(id);
  if (index < 0) throw Invalid(where + " '" + id + "'" + suggestion(id, structure.ids()));
  return index;
}

std::vector<int> sources_of(const Structure& structure, const std::vector<std::string>& ids,
                            const std::string& where) {
  std::vector<int> indices;
  for (const std::string& id : ids) {
    indices.push_back(found(structure, id, where + ": unknown input"));
    const NodeType& type = *structure.nodes[static_cast<std::size_t>(indices.back())].type;
    if (type.role == Role::control)
      throw Invalid(where + ": input '" + id + "' (" + type.name +
                    ") gives no sound; connect it in \"modulations\"");
  }
  return indices;
}

void connect(Structure& structure, PlannedNode& node, const NodeSpec& spec) {
  const std::string where = described(node.id, *node.type);
  if (!node.type->takes_input && !spec.inputs.empty()) throw Invalid(where + ": takes no input");
  if (node.type->takes_input && spec.inputs.empty())
    throw Invalid(where + ": needs at least one input in \"in\"");
  if (!node.type->takes_sidechain && !spec.sidechain.empty())
    throw Invalid(where + ": takes no \"sidechain\"");
  node.inputs = sources_of(structure, spec.inputs, where);
  node.sidechain = sources_of(structure, spec.sidechain, where);
}

Modulation modulation_of(const Structure& structure, const ModulationSpec& spec, std::size_t number) {
  const std::string where = "modulations[" + std::to_string(number) + "]";
  const int from = found(structure, spec.from, where + ": unknown node in \"from\"");
  const int to = found(structure, spec.to, where + ": unknown node in \"to\"");
  const NodeType& source = *structure.nodes[static_cast<std::size_t>(from)].type;
  const NodeType& target = *structure.nodes[static_cast<std::size_t>(to)].type;
  if (source.role != Role::control)
    throw Invalid(where + ": " + described(spec.from, source) + " is no control node");
  const int param = find_param(where + ": " + described(spec.to, target), target, spec.param);
  const ParamSpec& moved = target.params[static_cast<std::size_t>(param)];
  const std::string place = where + ": " + described(spec.to, target) + ": " + spec.param;
  if (!continuous(moved)) throw Invalid(place + " has no values in between and cannot be modulated");
  const bool octaves = spec.unit == "octave" && std::string_view(moved.unit) != "octave";
  if (octaves && !(moved.low > 0.0f)) throw Invalid(place + " can be 0 and so has no octaves");
  if (!octaves && !spec.unit.empty() && spec.unit != moved.unit)
    throw Invalid(place + ": unit = '" + spec.unit + "' must be '" + moved.unit + "' or 'octave'");
  return {from, to, param, octaves, number};
}

// Depth first: gives an order of computing in which what is needed comes first, of only what is needed.
class Ordering {
 public:
  enum class By { sound, parameters };
  Ordering(const Structure& structure, By by)
      : structure_(structure), by_(by), marks_(structure.nodes.size()) {}

  void visit(int index) {
    Mark& mark = marks_[static_cast<std::size_t>(index)];
    if (mark == Mark::done) return;
    const std::string& id = structure_.nodes[static_cast<std::size_t>(index)].id;
    if (mark == Mark::open) throw Invalid("node '" + id + "' feeds itself: a graph must have no cycle");
    mark = Mark::open;
    for (const int source : sources(index)) visit(source);
    marks_[static_cast<std::size_t>(index)] = Mark::done;
    order.push_back(index);
  }
  std::vector<int> order;

 private:
  enum class Mark { fresh, open, done };
  [[nodiscard]] std::vector<int> sources(int index) const {
    const PlannedNode& node = structure_.nodes[static_cast<std::size_t>(index)];
    std::vector<int> all;
    if (by_ == By::sound) {
      all = node.inputs;
      all.insert(all.end(), node.sidechain.begin(), node.sidechain.end());
    } else {
      for (const Modulation& m : structure_.modulations)
        if (m.to == index) all.push_back(m.from);
    }
    return all;
  }
  const Structure& structure_;
  By by_;
  std::vector<Mark> marks_;
};

// What sounds in the output, or moves a parameter of something that does. A follower's level is known one
// block late, so a modulation may lead back to where the follower listens: that is no cycle.
std::vector<bool> needed(const Structure& structure) {
  std::vector<bool> marked(structure.nodes.size());
  std::vector<int> open{structure.output};
  while (!open.empty()) {
    const int index = open.back();
    open.pop_back();
    if (marked[static_cast<std::size_t>(index)]) continue;
    marked[static_cast<std::size_t>(index)] = true;
    const PlannedNode& node = structure.nodes[static_cast<std::size_t>(index)];
    open.insert(open.end(), node.inputs.begin(), node.inputs.end());
    open.insert(open.end(), node.sidechain.begin(), node.sidechain.end());
    for (const Modulation& m : structure.modulations)
      if (m.to == index) open.push_back(m.from);
  }
  return marked;
}

void order(Structure& structure) {
  Ordering sound(structure, Ordering::By::sound), parameters(structure, Ordering::By::parameters);
  for (std::size_t i = 0; i < structure.nodes.size(); ++i) {
    sound.visit(static_cast<int>(i));  // cycles are refused even where the output does not need them
    parameters.visit(static_cast<int>(i));
  }
  const std::vector<bool> marked = needed(structure);
  const auto is_needed = [&](int index) { return marked[static_cast<std::size_t>(index)]; };
  std::copy_if(parameters.order.begin(), parameters.order.end(), std::back_inserter(structure.control),
               is_needed);
  for (const int index : sound.order) {
    const PlannedNode& node = structure.nodes[static_cast<std::size_t>(index)];
    if (is_needed(index) && (node.type->role != Role::control || node.type->takes_input))
      structure.audio.push_back(index);
  }
}

void add_nodes(Structure& structure, const GraphSpec& graph) {
  if (graph.nodes.size() > kMaxNodes)
    throw Invalid("a graph of " + std::to_string(graph.nodes.size()) + " nodes; at most " +
                  std::to_string(kMaxNodes));
  std::size_t values = 0;
  for (const NodeSpec& node : graph.nodes) {
    if (node.id.empty()) throw Invalid("a node has an empty id");
    if (structure.find(node.id) >= 0) throw Invalid("two nodes have the id '" + node.id + "'");
    const NodeType& type = type_of(node);
    structure.nodes.push_back({node.id, &type, {}, {}, values});
    values += type.params.size();
  }
}

std::shared_ptr<const Structure> structure_of(const GraphSpec& graph) {
  auto structure = std::make_shared<Structure>();
  add_nodes(*structure, graph);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    connect(*structure, structure->nodes[i], graph.nodes[i]);
  structure->output = structure->find(graph.output);
  if (structure->output < 0)
    throw Invalid("output '" + graph.output + "' is not a node" + suggestion(graph.output, structure->ids()));
  const PlannedNode& output = structure->nodes[static_cast<std::size_t>(structure->output)];
  if (output.type->role == Role::control)
    throw Invalid("output " + described(output.id, *output.type) + " gives no sound");
  if (graph.modulations.size() > kMaxModulations)
    throw Invalid(std::to_string(graph.modulations.size()) + " modulations; at most " +
                  std::to_string(kMaxModulations));
  for (std::size_t i = 0; i < graph.modulations.size(); ++i) {
    const Modulation modulation = modulation_of(*structure, graph.modulations[i], i);
    if (graph.modulations[i].amount != 0.0) structure->modulations.push_back(modulation);
  }
  const auto group = [](const Modulation& m) { return std::pair(m.to, m.param); };
  std::stable_sort(structure->modulations.begin(), structure->modulations.end(),
                   [&](const Modulation& a, const Modulation& b) { return group(a) < group(b); });
  for (std::size_t i = structure->modulations.size(); i-- > 0;) {
    PlannedNode& moved = structure->nodes[static_cast<std::size_t>(structure->modulations[i].to)];
    moved.first_modulation = static_cast<int>(i);
    ++moved.modulations;
  }
  order(*structure);
  return structure;
}

void write_values(const NodeSpec& spec, const PlannedNode& node, std::vector<float>& values) {
  for (const ParamSpec& param : node.type->params) values.push_back(param.initial);
  for (const auto& [name, value] : spec.params) {
    const std::string where = described(node.id, *node.type);
    const auto index = static_cast<std::size_t>(find_param(where, *node.type, name));
    values[node.first_value + index] = checked_value(where, node.type->params[index], value);
  }
}

}  // namespace

int Structure::find(std::string_view id) const noexcept {
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (nodes[i].id == id) return static_cast<int>(i);
  return -1;
}

std::vector<std::string> Structure::ids() const {
  std::vector<std::string> all;
  for (const PlannedNode& node : nodes) all.push_back(node.id);
  return all;
}

std::shared_ptr<const Plan> compile(const GraphSpec& graph) {
  blep_table();  // built here so that no render waits for them
  const auto plan = std::make_shared<Plan>();
  plan->structure = cached_structure(graph, structure_of);
  plan->tempo_bpm = checked_value("graph", kTempo, graph.tempo_bpm);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    write_values(graph.nodes[i], plan->structure->nodes[i], plan->values);
  for (std::size_t i = 0; i < graph.modulations.size(); ++i)
    plan->amounts.push_back(
        checked_value("modulations[" + std::to_string(i) + "]", kAmount, graph.modulations[i].amount));
  return plan;
}

}  // namespace synth
