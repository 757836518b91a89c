// Buffers of audio that are handed out and come back.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

namespace synth {

// Blocks of floats, 64-byte aligned, in sizes of powers of two. Fresh pages cost more than rendering into
// them, so up to 64 MiB of returned blocks are kept for the next request. Safe from any thread.
class BufferPool {
 public:
  struct Stats {
    std::size_t out_bytes = 0, kept_bytes = 0, hits = 0, misses = 0;
  };

  BufferPool() = default;
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool() {
    for (auto& [size, blocks] : kept_)
      for (float* block : blocks) std::free(block);
  }

  // Throws bad_alloc.
  float* take(std::size_t floats) {
    if (floats > kMostFloats) throw std::bad_alloc();
    const std::size_t bytes = rounded(floats);
    {
      const std::lock_guard lock(mutex_);
      if (auto& blocks = kept_[bytes]; !blocks.empty()) {
        float* block = blocks.back();
        blocks.pop_back();
        stats_.kept_bytes -= bytes;
        stats_.out_bytes += bytes;
        ++stats_.hits;
        return block;
      }
    }
    void* const block = std::aligned_alloc(64, bytes);
    if (!block) throw std::bad_alloc();
    const std::lock_guard lock(mutex_);
    stats_.out_bytes += bytes;
    ++stats_.misses;
    return static_cast<float*>(block);
  }

  void give(float* block, std::size_t floats) {
    const std::size_t bytes = rounded(floats);
    const std::lock_guard lock(mutex_);
    stats_.out_bytes -= bytes;
    if (stats_.kept_bytes + bytes > kMostKept) return std::free(block);
    stats_.kept_bytes += bytes;
    kept_[bytes].push_back(block);
  }

  Stats stats() {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  static constexpr std::size_t kMostKept = std::size_t{64} << 20;
  static constexpr std::size_t kMostFloats = std::size_t{1} << 60;  // whose bytes can be counted
  static std::size_t rounded(std::size_t floats) {
    std::size_t bytes = 4096;
    while (bytes < floats * sizeof(float)) bytes *= 2;
    return bytes;
  }
  std::mutex mutex_;
  std::map<std::size_t, std::vector<float*>> kept_;
  Stats stats_;
};

}  // namespace synth
