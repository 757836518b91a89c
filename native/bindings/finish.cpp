// The Python face of measuring, finishing and mixing.
#include "finish.h"

#include "convert.h"
#include "synth/finish/finish.h"
#include "synth/finish/join.h"
#include "synth/random.h"

namespace {

namespace py = pybind11;
using namespace pybind11::literals;
using convert::Channels;
using convert::FloatArray;

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
  const Channels given(source);
  synth::Report report;
  {
    const py::gil_scoped_release release;
    report = synth::finish(given.view(sample_rate_hz), pointers, loudness_lufs, true_peak_dbtp);
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

}  // namespace

void bind_finishing(py::module_& m) {
  py::register_exception<synth::NotFinite>(m, "NotFinite", PyExc_ValueError);
  py::register_exception<synth::Silent>(m, "Silent", PyExc_ValueError);
  m.def("finish", &finish, "audio"_a, "sample_rate_hz"_a, "loudness_lufs"_a = -16.0,
        "true_peak_dbtp"_a = -1.0);
  m.def("measure", &measure, "audio"_a, "sample_rate_hz"_a);
  m.def("crossfade", &crossfade, "a"_a, "b"_a, "frames"_a, "curve"_a = "equal_power");
  m.def("duck", &duck, "bed"_a, "voice"_a, "sample_rate_hz"_a, "amount_db"_a = -12.0, "attack_s"_a = 0.05,
        "release_s"_a = 0.4, "threshold_db"_a = -40.0);
  m.def("dither", &dither, "audio"_a, "bits"_a = 16, "seed"_a = 0);
}
