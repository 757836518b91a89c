#include "synth/memory.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace synth {
namespace {
constexpr std::align_val_t kAlign{64};
constexpr std::size_t kChunk = std::size_t{1} << 18;
}  // namespace

Arena::~Arena() {
  for (void* chunk : chunks_) ::operator delete(chunk, kAlign);
}

float* Arena::floats(std::size_t count) {
  const std::size_t bytes = (count * sizeof(float) + 63) / 64 * 64;
  if (bytes > left_) {
    const std::size_t size = std::max(bytes, kChunk);
    chunks_.reserve(chunks_.size() + 1);
    chunks_.push_back(::operator new(size, kAlign));
    next_ = static_cast<std::byte*>(std::memset(chunks_.back(), 0, size));
    left_ = size;
    bytes_ += size;
  }
  float* const result = reinterpret_cast<float*>(next_);
  next_ += bytes;
  left_ -= bytes;
  return result;
}

}  // namespace synth
