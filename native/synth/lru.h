// A bounded cache: what was used longest ago goes first.
#pragma once

#include <list>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

namespace synth {

struct CacheStats {
  std::size_t entries = 0, hits = 0, misses = 0;
};

// By text, safe from any thread. V is cheap to copy (a shared pointer), empty when there is none.
template <class V>
class Lru {
 public:
  explicit Lru(std::size_t most) : most_(most) {}

  V find(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto place = places_.find(key);
    if (place == places_.end()) {
      ++stats_.misses;
      return {};
    }
    ++stats_.hits;
    entries_.splice(entries_.begin(), entries_, place->second);
    return place->second->second;
  }

  void keep(std::string key, V value) {
    const std::lock_guard lock(mutex_);
    if (places_.contains(key)) return;
    entries_.emplace_front(std::move(key), std::move(value));
    places_.emplace(entries_.front().first, entries_.begin());
    if (entries_.size() <= most_) return;
    places_.erase(entries_.back().first);
    entries_.pop_back();
  }

  CacheStats stats() {
    const std::lock_guard lock(mutex_);
    return {entries_.size(), stats_.hits, stats_.misses};
  }

 private:
  using Entries = std::list<std::pair<std::string, V>>;
  std::size_t most_;
  std::mutex mutex_;
  Entries entries_;  // the most recently used first
  std::unordered_map<std::string_view, typename Entries::iterator> places_;
  CacheStats stats_;
};

}  // namespace synth
