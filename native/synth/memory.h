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
  void* bytes_for(std::size_t size);
  [[nodiscard]] std::size_t bytes() const noexcept;

 private:
  struct Chunk {
    std::byte* data;
    std::size_t size, used;
  };
  std::vector<Chunk> chunks_;
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t open_ = kNone, open_large_ = kNone;  // the chunks that are being filled
};

}  // namespace synth
