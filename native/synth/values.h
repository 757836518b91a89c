// Checked values and helpful refusals: every message about a parameter is made here.
#pragma once

#include <string>
#include <vector>

#include "synth/graph.h"

namespace synth {

// Checked value of a parameter; `where` names the node in errors.
float checked_value(const std::string& where, const ParamSpec& spec, const Value& value);
int find_param(const std::string& where, const NodeType& type, const std::string& name);
// ", did you mean 'x'?" or a list of what there is.
std::string suggestion(const std::string& given, const std::vector<std::string>& valid);
std::string described(const std::string& id, const NodeType& type);

// Whether a parameter has values in between, so that it can ramp and be modulated.
[[nodiscard]] inline bool continuous(const ParamSpec& spec) noexcept {
  return spec.choices.empty() && std::string_view(spec.unit) != "count";
}

inline constexpr ParamSpec kTempo{"tempo_bpm", "BPM", 20, 400, 120, "beats per minute"};

}  // namespace synth
