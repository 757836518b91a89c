// Python values to the library's types and back.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <vector>

#include "synth/finish/finish.h"
#include "synth/lru.h"
#include "synth/renderer.h"

namespace convert {

namespace py = pybind11;
using FloatArray = py::array_t<float, py::array::c_style>;

synth::GraphSpec graph_from(const py::dict& graph);
// Equal for two graphs of plain dicts, lists, text and numbers only when they are equal; empty when there is
// anything else in it or it is very long.
std::string same_bytes(const py::dict& graph);
std::vector<synth::EventSpec> events_from(const py::iterable& events);
py::dict dict_from(const synth::Report& report);
py::dict dict_from(const synth::CacheStats& stats);

// An array on a buffer of the pool; the buffer goes back when the last view of it is collected.
FloatArray pooled_array(const std::vector<py::ssize_t>& shape);
py::dict pool_stats();

// Audio of shape (frames,) or (channels, frames) with 1 to 8 channels, as float32, C order; ValueError
// otherwise.
FloatArray audio_from(const py::array& array, const char* name);

struct Channels {
  explicit Channels(const FloatArray& array);
  std::size_t frames;
  std::vector<const float*> pointers;
  [[nodiscard]] synth::AudioView view(double sample_rate_hz) const {
    return {pointers, frames, sample_rate_hz};
  }
};

}  // namespace convert
