// The Python face of measuring, finishing and mixing whole pieces.
#include "finish.h"

#include <span>

#include "arguments.h"
#include "streams.h"
#include "synth/finish/dither.h"
#include "synth/finish/duck.h"
#include "synth/finish/fade.h"
#include "synth/finish/finish.h"

namespace {

namespace py = pybind11;
using namespace pybind11::literals;
using namespace arguments;
using convert::FloatArray;

py::tuple finish(const py::array& audio, double sample_rate_hz, double loudness_lufs, double true_peak_dbtp) {
  require_rate(sample_rate_hz);
  require_in("loudness_lufs", loudness_lufs, -70, 0, "LUFS");
  require_in("true_peak_dbtp", true_peak_dbtp, -40, 0, "dBTP");
  const Input given(audio, "audio");
  const Output out(given.shape());
  synth::Report report;
  unlocked([&] {
    report = synth::finish(given.view(sample_rate_hz), out.pointers, loudness_lufs, true_peak_dbtp);
  });
  return py::make_tuple(out.array, convert::dict_from(report));
}

py::dict measure(const py::array& audio, double sample_rate_hz) {
  require_rate(sample_rate_hz);
  const Input given(audio, "audio");
  synth::Report report;
  unlocked([&] { report = synth::measure(given.view(sample_rate_hz)); });
  return convert::dict_from(report);
}

FloatArray crossfade(const py::array& a_in, const py::array& b_in, py::ssize_t frames,
                     const std::string& curve) {
  const Input a(a_in, "a"), b(b_in, "b");
  if (a.array.ndim() != b.array.ndim() || a.count() != b.count())
    throw synth::Invalid("crossfade: a and b must have the same channels");
  const auto a_frames = static_cast<py::ssize_t>(a.channels.frames),
             b_frames = static_cast<py::ssize_t>(b.channels.frames);
  if (frames < 0 || frames > a_frames || frames > b_frames)
    throw synth::Invalid("crossfade: frames = " + std::to_string(frames) +
                         " must be between 0 and the length of each");
  const synth::CrossCurve kind = cross_curve(curve);
  std::vector<py::ssize_t> shape = a.shape();
  shape.back() = a_frames + b_frames - frames;
  const Output out(shape);
  unlocked([&] {
    a.require_finite();
    b.require_finite();
    for (std::size_t c = 0; c < a.count(); ++c) {
      const float *tail = a.channels.pointers[c] + a_frames - frames, *head = b.channels.pointers[c];
      float* to = std::copy_n(a.channels.pointers[c], a_frames - frames, out.pointers[c]);
      const auto overlap = static_cast<std::size_t>(frames);
      synth::Crossfader(0, frames, kind)
          .process({{&tail, 1}, overlap, 1.0}, {{&head, 1}, overlap, 1.0}, {&to, 1});
      std::copy_n(head + frames, b_frames - frames, to + frames);
    }
  });
  return out.array;
}

FloatArray fade(const py::array& audio, py::ssize_t frames_in, py::ssize_t frames_out,
                const std::string& curve) {
  const Input given(audio, "audio");
  require_frames("frames_in", frames_in);
  require_frames("frames_out", frames_out);
  const auto frames = static_cast<py::ssize_t>(given.channels.frames);
  if (frames_in > frames || frames_out > frames - frames_in)
    throw synth::Invalid("fade: frames_in = " + std::to_string(frames_in) +
                         " and frames_out = " + std::to_string(frames_out) +
                         " together must not be more than the length of the audio");
  const synth::FadeCurve kind = fade_curve(curve);
  const Output out(given.shape());
  unlocked([&] { synth::fade(given.view(), frames_in, frames_out, kind, out.pointers); });
  return out.array;
}

FloatArray duck(const py::array& bed_in, const py::array& voice_in, double sample_rate_hz, double amount_db,
                double attack_s, double release_s, double threshold_db) {
  require_rate(sample_rate_hz);
  const synth::DuckSettings settings = duck_settings(amount_db, attack_s, release_s, threshold_db);
  const Input bed(bed_in, "bed"), voice(voice_in, "voice");
  if (voice.count() != 1) voice.require_channels("voice", bed.count());
  const Output out(bed.shape());
  unlocked(
      [&] { synth::duck(bed.view(sample_rate_hz), voice.view(sample_rate_hz), settings, out.pointers); });
  return out.array;
}

py::array_t<std::int32_t> dither(const py::array& audio, int bits, std::uint64_t seed) {
  const Input given(audio, "audio");
  synth::Dither stream(dither_bits(bits), seed, given.count());
  return dithered(given, stream);
}

template <class Whole>
py::array quantised(const Input& given, std::span<const std::int32_t> noise) {
  py::array_t<Whole> out({given.channels.frames, given.count()});
  Whole* to = out.mutable_data();
  unlocked([&] {
    given.require_finite();
    synth::quantise(given.view(), noise, to);
  });
  return std::move(out);
}

py::array quantise(const py::array& audio, const py::array_t<std::int32_t>& noise, int bits) {
  const Input given(audio, "audio");
  const auto samples = static_cast<py::ssize_t>(given.count() * given.channels.frames);
  if (noise.ndim() != 1 || noise.strides(0) != sizeof(std::int32_t) || noise.size() < samples)
    throw synth::Invalid("noise must have one dimension without gaps, and a word for each of the " +
                         std::to_string(samples) + " samples");
  const std::span words(noise.data(), static_cast<std::size_t>(samples));
  return dither_bits(bits) == 16 ? quantised<std::int16_t>(given, words)
                                 : quantised<std::int32_t>(given, words);
}

}  // namespace

void bind_finishing(py::module_& m) {
  py::register_exception<synth::NotFinite>(m, "NotFinite", PyExc_ValueError);
  py::register_exception<synth::Silent>(m, "Silent", PyExc_ValueError);
  m.def("finish", &finish, "audio"_a, "sample_rate_hz"_a, "loudness_lufs"_a = -16.0,
        "true_peak_dbtp"_a = -1.0);
  m.def("measure", &measure, "audio"_a, "sample_rate_hz"_a);
  m.def("crossfade", &crossfade, "a"_a, "b"_a, "frames"_a, "curve"_a = "equal_power");
  m.def("fade", &fade, "audio"_a, "frames_in"_a = 0, "frames_out"_a = 0, "curve"_a = "smooth");
  m.def("duck", &duck, "bed"_a, "voice"_a, "sample_rate_hz"_a, "amount_db"_a = -12.0, "attack_s"_a = 0.05,
        "release_s"_a = 0.4, "threshold_db"_a = -40.0);
  m.def("dither", &dither, "audio"_a, "bits"_a = 16, "seed"_a = 0);
  m.def("quantise", &quantise, "audio"_a, py::arg("noise").noconvert(), "bits"_a = 16);
  bind_streams(m);
}
