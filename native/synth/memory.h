// The memory of one renderer: taken while it is made, given back when it ends, never while it renders.
#pragma once

#include <cstddef>
#include <vector>

namespace synth {

class Arena {
 public:
  Arena() = default;
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Zeros, aligned to 64 bytes. Throws std::bad_alloc.
  float* floats(std::size_t count);
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::vector<void*> chunks_;
  std::byte* next_ = nullptr;
  std::size_t left_ = 0, bytes_ = 0;
};

}  // namespace synth
