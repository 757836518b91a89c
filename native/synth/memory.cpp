#include "synth/memory.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <new>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#endif

namespace synth {
namespace {

constexpr std::size_t kChunk = std::size_t{1} << 18;

// Fresh pages of zeros come from the system, which makes each at its first touch: a long delay line costs
// what of it is used.
std::byte* fresh_zeros(std::size_t size) {
#if defined(MAP_ANONYMOUS)
  void* const pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  return static_cast<std::byte*>(pages);
#else
  return static_cast<std::byte*>(std::memset(::operator new (size, std::align_val_t{64}), 0, size));
#endif
}

void discard(std::byte* data, [[maybe_unused]] std::size_t size) noexcept {
#if defined(MAP_ANONYMOUS)
  munmap(data, size);
#else
  ::operator delete (data, std::align_val_t{64});
#endif
}

// A page's first touch costs forty times what clearing it again does, and a short sound is over before its
// pages would have paid. So some plain chunks are kept, cleared. Safe from any thread.
class CleanChunks {
 public:
  CleanChunks() { kept_.reserve(8); }  // 2 MiB
  std::byte* take() {
    {
      const std::lock_guard lock(mutex_);
      if (!kept_.empty()) {
        std::byte* const chunk = kept_.back();
        kept_.pop_back();
        return chunk;
      }
    }
    return fresh_zeros(kChunk);
  }
  void give(std::byte* chunk, std::size_t used) noexcept {
    std::memset(chunk, 0, used);
    {
      const std::lock_guard lock(mutex_);
      if (kept_.size() < kept_.capacity()) return kept_.push_back(chunk);
    }
    discard(chunk, kChunk);
  }

 private:
  std::mutex mutex_;
  std::vector<std::byte*> kept_;
};

// Never destroyed: renderers may outlive the end of the program's main part.
CleanChunks& clean_chunks() {
  static auto* instance = new CleanChunks();
  return *instance;
}

}  // namespace

Arena::~Arena() {
  for (const Chunk& chunk : chunks_) {
    if (chunk.size == kChunk)
      clean_chunks().give(chunk.data, chunk.used);
    else
      discard(chunk.data, chunk.size);
  }
}

float* Arena::floats(std::size_t count) { return static_cast<float*>(bytes_for(count * sizeof(float))); }

void* Arena::bytes_for(std::size_t size) {
  const std::size_t rounded = (size + 63) / 64 * 64;
  chunks_.reserve(chunks_.size() + 1);
  std::size_t& open = rounded > kChunk ? open_large_ : open_;
  if (open == kNone || chunks_[open].size - chunks_[open].used < rounded) {
    if (rounded > kChunk)
      chunks_.push_back({fresh_zeros(2 * rounded), 2 * rounded, 0});  // long lines come in pairs
    else
      chunks_.push_back({clean_chunks().take(), kChunk, 0});
    open = chunks_.size() - 1;
  }
  Chunk& chunk = chunks_[open];
  void* const place = chunk.data + chunk.used;
  chunk.used += rounded;
  return place;
}

std::size_t Arena::bytes() const noexcept {
  std::size_t sum = 0;
  for (const Chunk& chunk : chunks_) sum += chunk.size == kChunk ? kChunk : chunk.used;
  return sum;
}

}  // namespace synth
