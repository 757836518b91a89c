// What the functions and streams for audio share: checks of arguments, arrays in and out.
#pragma once

#include <string>
#include <vector>

#include "convert.h"

namespace arguments {

namespace py = pybind11;

inline void require_in(const char* name, double value, double low, double high, const char* unit) {
  if (value >= low && value <= high) return;
  const auto shown = [](double x) { return std::string(py::str(py::float_(x))); };
  throw synth::Invalid(std::string(name) + " = " + shown(value) + " " + unit + " is outside " + shown(low) +
                       " to " + shown(high) + " " + unit);
}

inline void require_rate(double sample_rate_hz) {
  require_in("sample_rate_hz", sample_rate_hz, 8000, 384000, "Hz");
}

inline void require_frames(const char* name, std::int64_t frames) {
  if (frames < 0)
    throw synth::Invalid(std::string(name) + " = " + std::to_string(frames) + " must be 0 or more");
}

// The place of `word` in `words`.
template <class Enum>
Enum one_of(const char* name, const std::string& word,
            const std::vector<std::pair<const char*, Enum>>& words) {
  std::string valid;
  for (const auto& [text, value] : words) {
    if (word == text) return value;
    valid.append(valid.empty() ? "" : ", ").append(text);
  }
  throw synth::Invalid(std::string(name) + " = '" + word + "' must be one of " + valid);
}

// Without the GIL. Python's objects may not be touched, not even by returning one.
template <class Work>
void unlocked(Work work) {
  const py::gil_scoped_release release;
  work();
}

// Audio as it came in.
struct Input {
  Input(const py::array& given, const char* name)
      : array(convert::audio_from(given, name)), channels(array) {}
  [[nodiscard]] std::vector<py::ssize_t> shape() const {
    return {array.shape(), array.shape() + array.ndim()};
  }
  [[nodiscard]] std::size_t count() const { return channels.pointers.size(); }
  [[nodiscard]] synth::AudioView view(double sample_rate_hz = 44100.0) const {
    return channels.view(sample_rate_hz);
  }
  // Throws NotFinite. Touches no Python object.
  void require_finite() const { synth::require_finite(view()); }
  void require_channels(const char* name, std::size_t expected) const {
    if (count() != expected)
      throw synth::Invalid(std::string(name) + " has " + std::to_string(count()) + " channels, expected " +
                           std::to_string(expected));
  }

  convert::FloatArray array;
  convert::Channels channels;
};

// A new array on a buffer of the pool.
struct Output {
  explicit Output(const std::vector<py::ssize_t>& shape) : array(convert::pooled_array(shape)) {
    float* data = array.mutable_data();
    const std::size_t channels = shape.size() == 1 ? 1 : static_cast<std::size_t>(shape[0]);
    for (std::size_t c = 0; c < channels; ++c)
      pointers.push_back(data + c * static_cast<std::size_t>(shape.back()));
  }
  convert::FloatArray array;
  std::vector<float*> pointers;
};

}  // namespace arguments
