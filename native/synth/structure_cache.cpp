#include "synth/structure_cache.h"

#include <cstdint>
#include <cstring>

namespace synth {
namespace {

constexpr std::size_t kMostStructures = 256;

Lru<std::shared_ptr<const Structure>>& cache() {
  static Lru<std::shared_ptr<const Structure>> instance(kMostStructures);
  return instance;
}

// Every text with its length in front, so that no two graphs share a key.
class Key {
 public:
  void add(const std::string& word) {
    add(word.size());
    text += word;
  }
  void add(const std::vector<std::string>& words) {
    add(words.size());
    for (const std::string& word : words) add(word);
  }
  void add(std::size_t number) {
    char bytes[sizeof number];
    std::memcpy(bytes, &number, sizeof number);
    text.append(bytes, sizeof number);
  }
  std::string text;
};

std::string key_of(const GraphSpec& graph) {
  Key key;
  key.add(graph.output);
  key.add(graph.nodes.size());
  for (const NodeSpec& node : graph.nodes) {
    key.add(node.id);
    key.add(node.type);
    key.add(node.inputs);
    key.add(node.sidechain);
  }
  for (const ModulationSpec& m : graph.modulations) {
    for (const std::string* word : {&m.from, &m.to, &m.param, &m.unit}) key.add(*word);
    key.add(std::size_t{m.amount != 0.0});
  }
  return std::move(key.text);
}

}  // namespace

std::shared_ptr<const Structure> cached_structure(
    const GraphSpec& graph, std::shared_ptr<const Structure> (*make)(const GraphSpec&)) {
  std::string key = key_of(graph);
  if (auto kept = cache().find(key)) return kept;
  auto made = make(graph);
  cache().keep(std::move(key), made);
  return made;
}

CacheStats structure_cache() { return cache().stats(); }

}  // namespace synth
