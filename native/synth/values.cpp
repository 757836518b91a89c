#include "synth/values.h"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace synth {
namespace {

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

std::string shown(const Value& value) {
  if (const double* number = std::get_if<double>(&value)) return shown(*number);
  return "'" + std::get<std::string>(value) + "'";
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

float checked_choice(const std::string& where, const ParamSpec& spec, const Value& value) {
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

}  // namespace

std::string described(const std::string& id, const NodeType& type) {
  return "node '" + id + "' (" + type.name + ")";
}

std::string suggestion(const std::string& given, const std::vector<std::string>& valid) {
  const std::string* nearest = nullptr;
  std::size_t best = 3;  // more edits than this are not a slip of the pen
  for (const std::string& name : valid)
    if (const std::size_t d = distance(given, name); d <= best && d < name.size()) best = d, nearest = &name;
  if (nearest) return "; did you mean '" + *nearest + "'?";
  return valid.empty() ? "" : "; valid: " + joined(valid);
}

float checked_value(const std::string& where, const ParamSpec& spec, const Value& value) {
  if (!spec.choices.empty()) return checked_choice(where, spec, value);
  const double* number = std::get_if<double>(&value);
  const float narrow = number ? static_cast<float>(*number) : 0.0f;
  const bool fits = number && narrow >= spec.low && narrow <= spec.high;  // NaN does not
  const bool counts = std::string_view(spec.unit) == "count";
  if (fits && (!counts || narrow == std::floor(narrow))) return narrow;
  const std::string unit = *spec.unit ? std::string(" ") + spec.unit : "";
  const std::string range =
      shown(static_cast<double>(spec.low)) + " to " + shown(static_cast<double>(spec.high)) + unit;
  const std::string given = where + ": " + spec.name + " = " + shown(value);
  if (!number) throw Invalid(given + " must be a number from " + range);
  if (!std::isfinite(*number)) throw Invalid(given + " must be finite, from " + range);
  if (!fits) throw Invalid(given + unit + " is outside " + range);
  throw Invalid(given + " must be a whole number from " + range);
}

int find_param(const std::string& where, const NodeType& type, const std::string& name) {
  for (std::size_t i = 0; i < type.params.size(); ++i)
    if (name == type.params[i].name) return static_cast<int>(i);
  throw Invalid(where + ": unknown parameter '" + name + "'" + suggestion(name, names_of(type.params)));
}

}  // namespace synth
