// The Python face of the synthesizer. Everything it does is in the library; this file only translates.
#include <atomic>
#include <optional>

#include "convert.h"
#include "finish.h"
#include "synth/isa.h"
#include "synth/structure_cache.h"

namespace {

namespace py = pybind11;
using namespace pybind11::literals;
using convert::Channels;
using convert::FloatArray;

constexpr const char* kVersion = "0.1.0";
std::atomic<long> plans_compiled{0};
std::atomic<long> frames_rendered{0};

using PlanPointer = std::shared_ptr<const synth::Plan>;
struct PyPlan {
  PlanPointer plan;
};

// Equal dicts are common (a preset, played again), and reading one takes longer than rendering a block.
synth::Lru<PlanPointer>& plans() {
  static auto* instance = new synth::Lru<PlanPointer>(64);
  return *instance;
}

PyPlan compile(const py::dict& graph) {
  std::string key = convert::same_bytes(graph);
  if (!key.empty())
    if (PlanPointer kept = plans().find(key)) return {std::move(kept)};
  PyPlan plan{synth::compile(convert::graph_from(graph))};
  ++plans_compiled;
  if (!key.empty()) plans().keep(std::move(key), plan.plan);
  return plan;
}

// A renderer is one stream of sound; a second thread in it at the same time is a mistake that is told, not a
// race.
class PyRenderer {
 public:
  PyRenderer(const PyPlan& plan, double sample_rate_hz, std::uint64_t seed, int block,
             std::optional<double> max_cpu, std::optional<double> max_latency_ms)
      : renderer_(plan.plan, sample_rate_hz, seed, block, {max_cpu, max_latency_ms}) {}

  void schedule(const py::iterable& events) {
    const Claim claim(busy_);
    renderer_.schedule(convert::events_from(events));
  }

  FloatArray render(py::ssize_t frames, const std::optional<py::array>& input) {
    if (frames < 0) throw synth::Invalid("render: frames = " + std::to_string(frames) + " must be 0 or more");
    FloatArray audio = convert::pooled_array({2, frames});
    fill(audio.mutable_data(), frames, input);
    return audio;
  }

  void render_into(py::array_t<float, py::array::c_style>& out, const std::optional<py::array>& input) {
    if (out.ndim() != 2 || out.shape(0) != 2)
      throw synth::Invalid("render_into: out must have shape (2, frames)");
    float* const data = out.mutable_data();  // refuses a read-only array
    if (reinterpret_cast<std::uintptr_t>(data) % alignof(float) != 0)
      throw synth::Invalid(
          "render_into: out is not aligned, as a slice of bytes may be; its floats need addresses in fours");
    fill(data, out.shape(1), input);
  }

  void swap(const PyPlan& plan, double fade_s) {
    const Claim claim(busy_);
    renderer_.swap(plan.plan, fade_s);
  }

  void reset() {
    const Claim claim(busy_);
    renderer_.reset();
  }

  [[nodiscard]] std::int64_t frame() const { return renderer_.frame(); }

  py::dict status() {
    const Claim claim(busy_);
    const synth::RendererStatus now = renderer_.status();
    return py::dict("frame"_a = now.frame, "sample_rate_hz"_a = now.sample_rate_hz, "block"_a = now.block,
                    "latency_ms"_a = now.latency_ms, "cpu"_a = now.cpu, "max_cpu"_a = now.limits.max_cpu,
                    "max_latency_ms"_a = now.limits.max_latency_ms, "degraded"_a = now.degraded,
                    "events"_a = now.events, "plans"_a = now.plans, "bytes"_a = now.bytes);
  }

 private:
  class Claim {
   public:
    explicit Claim(std::atomic_flag& flag) : flag_(flag) {
      if (flag_.test_and_set()) throw std::runtime_error("this Renderer is rendering in another thread");
    }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;
    ~Claim() { flag_.clear(); }

   private:
    std::atomic_flag& flag_;
  };

  void fill(float* data, py::ssize_t frames, const std::optional<py::array>& input) {
    FloatArray outside;
    synth::StereoView heard{};
    if (input && frames > 0) {
      outside = convert::audio_from(*input, "input");
      if (outside.ndim() != 2 || outside.shape(0) != 2 || outside.shape(1) != frames)
        throw synth::Invalid("input must have shape (2, " + std::to_string(frames) +
                             "), as long as what is rendered");
      if (outside.data() < data + 2 * frames && data < outside.data() + 2 * frames)
        outside = FloatArray({py::ssize_t{2}, frames}, outside.data());  // a copy, where out is the input
      heard = {outside.data(), outside.data() + frames};
    }
    const Claim claim(busy_);
    const py::gil_scoped_release release;
    renderer_.render(data, data + frames, frames, heard);
    frames_rendered += static_cast<long>(frames);
  }

  synth::Renderer renderer_;
  std::atomic_flag busy_;
};

py::dict status() {
  py::list types;
  for (const synth::NodeType* type : synth::isa().node_types) types.append(type->name);
  py::dict dict;
  dict["version"] = kVersion;
  dict["isa"] = synth::isa().name;
  dict["node_types"] = types;
  dict["plans_compiled"] = plans_compiled.load();
  dict["plans"] = convert::dict_from(plans().stats());
  dict["structures"] = convert::dict_from(synth::structure_cache());
  dict["frames_rendered"] = frames_rendered.load();
  dict["pool"] = convert::pool_stats();
#ifdef NDEBUG
  dict["build"] = "release";
#else
  dict["build"] = "debug";
#endif
  return dict;
}

// The same table that validates: for interfaces and documentation.
py::dict describe() {
  py::dict types;
  for (const synth::NodeType* type : synth::isa().node_types) {
    py::list params;
    for (const synth::ParamSpec& p : type->params) {
      py::dict param("name"_a = p.name, "unit"_a = p.unit, "low"_a = p.low, "high"_a = p.high,
                     "default"_a = p.initial, "meaning"_a = p.meaning);
      if (!p.choices.empty()) {
        param["choices"] = std::vector<std::string>(p.choices.begin(), p.choices.end());
        param["default"] = p.choices[static_cast<std::size_t>(p.initial)];
      }
      params.append(param);
    }
    types[type->name] =
        py::dict("summary"_a = type->summary, "takes_input"_a = type->takes_input,
                 "takes_sidechain"_a = type->takes_sidechain, "takes_notes"_a = type->takes_notes,
                 "is_control"_a = type->role == synth::Role::control, "params"_a = params);
  }
  return types;
}

std::vector<std::string> ids_of(const PyPlan& plan) {
  const synth::Structure& structure = *plan.plan->structure;
  std::vector<std::string> ids;
  for (const std::vector<int>* order : {&structure.control, &structure.audio})
    for (const int index : *order) {
      const synth::PlannedNode& node = structure.nodes[static_cast<std::size_t>(index)];
      const bool first = order == &structure.control;
      if (first == (node.type->role == synth::Role::control)) ids.push_back(node.id);
    }
  return ids;
}

}  // namespace

PYBIND11_MODULE(synth_native, m) {
  m.doc() = "Continuo's C++ synthesizer and audio finisher.";
  m.attr("__version__") = kVersion;
  // The ordinary metaclass: pybind11's own only serves static properties and subclasses, and stubs cannot
  // name it.
  const py::metaclass plain(py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(&PyType_Type)));
  py::class_<PyPlan>(m, "Plan", plain, py::is_final()).def_property_readonly("nodes", &ids_of);
  py::class_<PyRenderer>(m, "Renderer", plain, py::is_final())
      .def(
          py::init<const PyPlan&, double, std::uint64_t, int, std::optional<double>, std::optional<double>>(),
          "plan"_a, "sample_rate_hz"_a = 44100.0, "seed"_a = 0, "block"_a = 64, "max_cpu"_a = py::none(),
          "max_latency_ms"_a = py::none())
      .def_property_readonly("frame", &PyRenderer::frame)
      .def("schedule", &PyRenderer::schedule, "events"_a)
      .def("render", &PyRenderer::render, "frames"_a, "input"_a = py::none())
      .def("render_into", &PyRenderer::render_into, "out"_a.noconvert(), "input"_a = py::none())
      .def("swap", &PyRenderer::swap, "plan"_a, "fade_s"_a = 0.05)
      .def("reset", &PyRenderer::reset)
      .def("status", &PyRenderer::status);

  m.def("compile", &compile, "graph"_a);
  m.def("describe", &describe);
  m.def("status", &status);
  bind_finishing(m);
}
