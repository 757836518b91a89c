// The Python face of the synthesizer. Everything it does is in the library; this file only translates.
#include <atomic>

#include "convert.h"
#include "synth/catalog.h"
#include "synth/clones.h"
#include "synth/join.h"
#include "synth/measure.h"

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

PyPlan compile(const py::dict& graph) {
  const synth::GraphSpec spec = convert::graph_from(graph);
  PyPlan plan{synth::compile(spec)};
  ++plans_compiled;
  return plan;
}

// A renderer is one stream of sound; a second thread in it at the same time is a mistake that is told, not a
// race.
class PyRenderer {
 public:
  PyRenderer(const PyPlan& plan, double sample_rate_hz, std::uint64_t seed, int block)
      : renderer_(plan.plan, sample_rate_hz, seed, block) {}

  void schedule(const py::iterable& events) {
    const Claim claim(busy_);
    renderer_.schedule(convert::events_from(events));
  }

  FloatArray render(py::ssize_t frames) {
    if (frames < 0) throw synth::Invalid("render: frames = " + std::to_string(frames) + " must be 0 or more");
    FloatArray audio = convert::pooled_array({2, frames});
    fill(audio.mutable_data(), frames);
    return audio;
  }

  void render_into(py::array_t<float, py::array::c_style>& out) {
    if (out.ndim() != 2 || out.shape(0) != 2)
      throw synth::Invalid("render_into: out must have shape (2, frames)");
    fill(out.mutable_data(), out.shape(1));  // mutable_data refuses a read-only array
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

  void fill(float* data, py::ssize_t frames) {
    const Claim claim(busy_);
    const py::gil_scoped_release release;
    renderer_.render(data, data + frames, frames);
    frames_rendered += static_cast<long>(frames);
  }

  synth::Renderer renderer_;
  std::atomic_flag busy_;
};

void require_in(const char* name, double value, double low, double high, const char* unit) {
  if (value >= low && value <= high) return;
  const auto shown = [](double x) { return std::string(py::str(py::float_(x))); };
  throw synth::Invalid(std::string(name) + " = " + shown(value) + " " + unit + " is outside " + shown(low) +
                       " to " + shown(high) + " " + unit);
}

void require_rate(double sample_rate_hz) { require_in("sample_rate_hz", sample_rate_hz, 8000, 384000, "Hz"); }

std::vector<py::ssize_t> shape_of(const py::array& array) {
  return {array.shape(), array.shape() + array.ndim()};
}

py::tuple finish(const py::array& audio, double sample_rate_hz, double loudness_lufs, double true_peak_dbtp) {
  require_rate(sample_rate_hz);
  require_in("loudness_lufs", loudness_lufs, -70, 0, "LUFS");
  require_in("true_peak_dbtp", true_peak_dbtp, -40, 0, "dBTP");
  const FloatArray source = convert::audio_from(audio, "audio");
  FloatArray out = convert::pooled_array(shape_of(source));
  const Channels channels(out);
  std::vector<float*> pointers;
  for (const float* pointer : channels.pointers) pointers.push_back(const_cast<float*>(pointer));
  const float* from = source.data();
  float* to = out.mutable_data();
  synth::Report report;
  {
    const py::gil_scoped_release release;
    std::copy_n(from, pointers.size() * channels.frames, to);
    report = synth::finish(pointers, channels.frames, sample_rate_hz, loudness_lufs, true_peak_dbtp);
  }
  return py::make_tuple(out, convert::dict_from(report));
}

py::dict measure(const py::array& audio, double sample_rate_hz) {
  require_rate(sample_rate_hz);
  const FloatArray source = convert::audio_from(audio, "audio");
  const Channels channels(source);
  synth::Report report;
  {
    const py::gil_scoped_release release;
    report = synth::measure(channels.view(sample_rate_hz));
  }
  return convert::dict_from(report);
}

FloatArray crossfade(const py::array& a_in, const py::array& b_in, py::ssize_t frames,
                     const std::string& curve) {
  const FloatArray a = convert::audio_from(a_in, "a"), b = convert::audio_from(b_in, "b");
  const Channels ca(a), cb(b);
  if (a.ndim() != b.ndim() || ca.pointers.size() != cb.pointers.size())
    throw synth::Invalid("crossfade: a and b must have the same channels");
  if (frames < 0 || frames > a.shape(a.ndim() - 1) || frames > b.shape(b.ndim() - 1))
    throw synth::Invalid("crossfade: frames = " + std::to_string(frames) +
                         " must be between 0 and the length of each");
  if (curve != "equal_power" && curve != "equal_gain")
    throw synth::Invalid("crossfade: curve = '" + curve + "' must be one of equal_power, equal_gain");
  const auto overlap = static_cast<std::size_t>(frames);
  const std::size_t length = ca.frames + cb.frames - overlap;
  std::vector<py::ssize_t> shape = shape_of(a);
  shape.back() = static_cast<py::ssize_t>(length);
  FloatArray out = convert::pooled_array(shape);
  const auto kind = curve == "equal_power" ? synth::FadeCurve::equal_power : synth::FadeCurve::equal_gain;
  for (std::size_t c = 0; c < ca.pointers.size(); ++c)
    synth::crossfade(ca.pointers[c], ca.frames, cb.pointers[c], cb.frames, overlap, kind,
                     out.mutable_data() + c * length);
  return out;
}

FloatArray duck(const py::array& bed_in, const py::array& voice_in, double sample_rate_hz, double amount_db,
                double attack_s, double release_s, double threshold_db) {
  require_rate(sample_rate_hz);
  require_in("amount_db", amount_db, -60, 0, "dB");
  require_in("attack_s", attack_s, 0, 5, "s");
  require_in("release_s", release_s, 0, 30, "s");
  require_in("threshold_db", threshold_db, -100, 0, "dB");
  const FloatArray bed = convert::audio_from(bed_in, "bed"), voice = convert::audio_from(voice_in, "voice");
  const Channels cb(bed), cv(voice);
  if (cv.pointers.size() != 1 && cv.pointers.size() != cb.pointers.size())
    throw synth::Invalid("duck: voice must have one channel or as many as bed");
  FloatArray out = convert::pooled_array(shape_of(bed));
  std::vector<float> gains(cb.frames);
  synth::duck_gains(cv.view(sample_rate_hz), {amount_db, attack_s, release_s, threshold_db}, gains.data(),
                    cb.frames);
  const std::size_t spoken = std::min(cb.frames, cv.frames);
  for (std::size_t c = 0; c < cb.pointers.size(); ++c) {
    float* to = out.mutable_data() + c * cb.frames;
    const float* over = cv.pointers[cv.pointers.size() == 1 ? 0 : c];
    for (std::size_t i = 0; i < cb.frames; ++i) to[i] = gains[i] * cb.pointers[c][i];
    for (std::size_t i = 0; i < spoken; ++i) to[i] += over[i];
  }
  return out;
}

py::array_t<std::int32_t> dither(const py::array& audio, int bits, std::uint64_t seed) {
  if (bits != 16 && bits != 24)
    throw synth::Invalid("dither: bits = " + std::to_string(bits) + " must be 16 or 24");
  const FloatArray source = convert::audio_from(audio, "audio");
  const Channels channels(source);
  synth::require_finite(channels.view(44100.0));
  py::array_t<std::int32_t> out(shape_of(source));
  for (std::size_t c = 0; c < channels.pointers.size(); ++c)
    synth::dither(channels.pointers[c], channels.frames, bits, synth::node_seed(seed, std::to_string(c)),
                  out.mutable_data() + c * channels.frames);
  return out;
}

py::dict status() {
  py::list types;
  for (const synth::NodeType* type : synth::node_types()) types.append(type->name);
  py::dict dict;
  dict["version"] = kVersion;
  dict["isa"] = SYNTH_ISA;
  dict["node_types"] = types;
  dict["plans_compiled"] = plans_compiled.load();
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
  for (const synth::NodeType* type : synth::node_types()) {
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
    types[type->name] = py::dict("summary"_a = type->summary, "takes_input"_a = type->takes_input,
                                 "takes_notes"_a = type->takes_notes, "params"_a = params);
  }
  return types;
}

std::vector<std::string> ids_of(const PyPlan& plan) {
  std::vector<std::string> ids;
  for (const int index : plan.plan->order)
    ids.push_back(plan.plan->nodes[static_cast<std::size_t>(index)].id);
  return ids;
}

}  // namespace

PYBIND11_MODULE(synth_native, m) {
  m.doc() = "Continuo's C++ synthesizer and audio finisher.";
  m.attr("__version__") = kVersion;
  py::register_exception<synth::NotFinite>(m, "NotFinite", PyExc_ValueError);
  py::register_exception<synth::Silent>(m, "Silent", PyExc_ValueError);

  // The ordinary metaclass: pybind11's own only serves static properties and subclasses, and stubs cannot
  // name it.
  const py::metaclass plain(py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(&PyType_Type)));
  py::class_<PyPlan>(m, "Plan", plain, py::is_final()).def_property_readonly("nodes", &ids_of);
  py::class_<PyRenderer>(m, "Renderer", plain, py::is_final())
      .def(py::init<const PyPlan&, double, std::uint64_t, int>(), "plan"_a, "sample_rate_hz"_a = 44100.0,
           "seed"_a = 0, "block"_a = 64)
      .def_property_readonly("frame", &PyRenderer::frame)
      .def("schedule", &PyRenderer::schedule, "events"_a)
      .def("render", &PyRenderer::render, "frames"_a)
      .def("render_into", &PyRenderer::render_into, "out"_a.noconvert())
      .def("swap", &PyRenderer::swap, "plan"_a, "fade_s"_a = 0.05)
      .def("reset", &PyRenderer::reset);

  m.def("compile", &compile, "graph"_a);
  m.def("describe", &describe);
  m.def("status", &status);
  m.def("finish", &finish, "audio"_a, "sample_rate_hz"_a, "loudness_lufs"_a = -16.0,
        "true_peak_dbtp"_a = -1.0);
  m.def("measure", &measure, "audio"_a, "sample_rate_hz"_a);
  m.def("crossfade", &crossfade, "a"_a, "b"_a, "frames"_a, "curve"_a = "equal_power");
  m.def("duck", &duck, "bed"_a, "voice"_a, "sample_rate_hz"_a, "amount_db"_a = -12.0, "attack_s"_a = 0.05,
        "release_s"_a = 0.4, "threshold_db"_a = -40.0);
  m.def("dither", &dither, "audio"_a, "bits"_a = 16, "seed"_a = 0);
}
