// The Python face of the streams: chunk in, chunk out, state kept.
#include "streams.h"

#include <atomic>

#include "synth/finish/limiter.h"
#include "synth/finish/meter.h"

namespace {

namespace py = pybind11;
using namespace pybind11::literals;
using namespace arguments;
using convert::FloatArray;

// A stream is one sequence of chunks; a second thread in it at the same time is a mistake that is told, not a
// race.
class Claim {
 public:
  explicit Claim(std::atomic_flag& flag) : flag_(flag) {
    if (flag_.test_and_set()) throw std::runtime_error("this stream is being used in another thread");
  }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  ~Claim() { flag_.clear(); }

 private:
  std::atomic_flag& flag_;
};

std::size_t channel_count(const char* name, py::ssize_t channels) {
  require_in(name, static_cast<double>(channels), 1, 8, "channels");
  return static_cast<std::size_t>(channels);
}

class PyMeter {
 public:
  PyMeter(double sample_rate_hz, py::ssize_t channels)
      : rate_((require_rate(sample_rate_hz), sample_rate_hz)),
        meter_(rate_, channel_count("channels", channels)) {}

  void push(const py::array& audio) {
    const Input given(audio, "audio");
    given.require_channels("audio", meter_.channels());
    const Claim claim(busy_);
    unlocked([&] { meter_.push(given.view(rate_)); });
  }
  py::dict report() {
    const Claim claim(busy_);
    synth::Report report;
    unlocked([&] { report = meter_.report(); });
    return convert::dict_from(report);
  }
  [[nodiscard]] std::int64_t frames() const { return meter_.frames(); }
  [[nodiscard]] std::optional<double> momentary() const { return meter_.loudness().momentary(); }
  [[nodiscard]] std::optional<double> short_term() const { return meter_.loudness().short_term(); }

 private:
  double rate_;
  synth::Meter meter_;
  std::atomic_flag busy_;
};

class PyLimiter {
 public:
  PyLimiter(double sample_rate_hz, py::ssize_t channels, double gain_db, double true_peak_dbtp)
      : limiter_((require_rate(sample_rate_hz), sample_rate_hz), channel_count("channels", channels),
                 (require_in("gain_db", gain_db, -60, 60, "dB"), gain_db),
                 (require_in("true_peak_dbtp", true_peak_dbtp, -40, 0, "dBTP"), true_peak_dbtp)) {}

  FloatArray process(const py::array& audio) {
    const Input given(audio, "audio");
    given.require_channels("audio", limiter_.channels());
    const Claim claim(busy_);
    const Output out(given.shape());
    unlocked([&] {
      given.require_finite();
      limiter_.process(given.view(), out.pointers);
    });
    return out.array;
  }
  FloatArray flush() {
    {
      const Claim claim(busy_);
      limiter_.end();
    }
    return process(silence(limiter_.channels(), limiter_.latency()));
  }
  [[nodiscard]] std::size_t latency() const { return limiter_.latency(); }
  [[nodiscard]] double limited_db() const { return limiter_.limited_db(); }

  static py::array silence(std::size_t channels, std::size_t frames) {
    const Output out({static_cast<py::ssize_t>(channels), static_cast<py::ssize_t>(frames)});
    std::fill_n(out.pointers[0], channels * frames, 0.0f);
    return out.array;
  }

 private:
  synth::Limiter limiter_;
  std::atomic_flag busy_;
};

class PyDucker {
 public:
  PyDucker(double sample_rate_hz, py::ssize_t channels, py::ssize_t voice_channels,
           const synth::DuckSettings& settings)
      : ducker_((require_rate(sample_rate_hz), sample_rate_hz), channel_count("channels", channels),
                channel_count("voice_channels", voice_channels), settings) {
    if (voice_channels != 1 && voice_channels != channels)
      throw synth::Invalid("voice_channels = " + std::to_string(voice_channels) + " must be 1 or " +
                           std::to_string(channels));
  }

  FloatArray process(const py::array& bed_in, const py::array& voice_in) {
    const Input bed(bed_in, "bed"), voice(voice_in, "voice");
    bed.require_channels("bed", ducker_.bed_channels());
    voice.require_channels("voice", ducker_.voice_channels());
    if (bed.channels.frames != voice.channels.frames)
      throw synth::Invalid("bed and voice must be of the same length");
    const Claim claim(busy_);
    const Output out(bed.shape());
    unlocked([&] {
      bed.require_finite();
      voice.require_finite();  // one NaN would stay in the level for ever
      ducker_.process(bed.view(), voice.view(), out.pointers);
    });
    return out.array;
  }
  FloatArray flush() {
    return process(PyLimiter::silence(ducker_.bed_channels(), ducker_.latency()),
                   PyLimiter::silence(ducker_.voice_channels(), ducker_.latency()));
  }
  [[nodiscard]] std::size_t latency() const { return ducker_.latency(); }

 private:
  synth::Ducker ducker_;
  std::atomic_flag busy_;
};

class PyCrossfader {
 public:
  PyCrossfader(std::int64_t frames, const std::string& curve, std::int64_t at)
      : fader_((require_frames("at", at), at), (require_frames("frames", frames), frames),
               cross_curve(curve)) {}

  FloatArray process(const py::array& a_in, const py::array& b_in) {
    const Input a(a_in, "a"), b(b_in, "b");
    if (a.shape() != b.shape()) throw synth::Invalid("a and b must have the same shape");
    const Claim claim(busy_);
    const Output out(a.shape());
    unlocked([&] {
      a.require_finite();
      b.require_finite();
      fader_.process(a.view(), b.view(), out.pointers);
    });
    return out.array;
  }
  [[nodiscard]] std::int64_t frame() const { return fader_.frame(); }
  [[nodiscard]] bool done() const { return fader_.done(); }

 private:
  synth::Crossfader fader_;
  std::atomic_flag busy_;
};

double checked_level(double level) {
  require_in("level", level, 0, 16, "(linear)");
  return level;
}

class PyFader {
 public:
  explicit PyFader(double level) : fader_(checked_level(level)) {}

  void fade(double level, std::int64_t frames, std::optional<std::int64_t> at, const std::string& curve) {
    require_frames("frames", frames);
    const synth::FadeCurve kind = fade_curve(curve);
    const Claim claim(busy_);
    fader_.fade(checked_level(level), frames, at.value_or(fader_.frame()), kind);
  }
  FloatArray process(const py::array& audio) {
    const Input given(audio, "audio");
    const Claim claim(busy_);
    const Output out(given.shape());
    unlocked([&] {
      given.require_finite();
      fader_.process(given.view(), out.pointers);
    });
    return out.array;
  }
  [[nodiscard]] std::int64_t frame() const { return fader_.frame(); }
  [[nodiscard]] double level() const { return fader_.level(); }

 private:
  synth::Fader fader_;
  std::atomic_flag busy_;
};

class PyDither {
 public:
  PyDither(int bits, std::uint64_t seed, py::ssize_t channels)
      : dither_(dither_bits(bits), seed, channel_count("channels", channels)) {}

  py::array_t<std::int32_t> process(const py::array& audio) {
    const Input given(audio, "audio");
    given.require_channels("audio", dither_.channels());
    const Claim claim(busy_);
    return dithered(given, dither_);
  }

 private:
  synth::Dither dither_;
  std::atomic_flag busy_;
};

}  // namespace

synth::CrossCurve cross_curve(const std::string& name) {
  return one_of<synth::CrossCurve>(
      "curve", name,
      {{"equal_power", synth::CrossCurve::equal_power}, {"equal_gain", synth::CrossCurve::equal_gain}});
}

synth::FadeCurve fade_curve(const std::string& name) {
  return one_of<synth::FadeCurve>(
      "curve", name, {{"smooth", synth::FadeCurve::smooth}, {"linear", synth::FadeCurve::linear}});
}

synth::DuckSettings duck_settings(double amount_db, double attack_s, double release_s, double threshold_db) {
  require_in("amount_db", amount_db, -60, 0, "dB");
  require_in("attack_s", attack_s, 0, 5, "s");
  require_in("release_s", release_s, 0, 30, "s");
  require_in("threshold_db", threshold_db, -100, 0, "dB");
  return {amount_db, attack_s, release_s, threshold_db};
}

int dither_bits(int bits) {
  if (bits == 16 || bits == 24) return bits;
  throw synth::Invalid("dither: bits = " + std::to_string(bits) + " must be 16 or 24");
}

py::array_t<std::int32_t> dithered(const Input& given, synth::Dither& dither) {
  py::array_t<std::int32_t> out(given.shape());
  std::vector<std::int32_t*> pointers;
  for (std::size_t c = 0; c < given.count(); ++c)
    pointers.push_back(out.mutable_data() + c * given.channels.frames);
  unlocked([&] {
    given.require_finite();
    dither.process(given.view(), pointers);
  });
  return out;
}

void bind_streams(py::module_& m) {
  // The ordinary metaclass, see module.cpp.
  const py::metaclass plain(py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(&PyType_Type)));
  py::class_<PyMeter>(m, "Meter", plain, py::is_final())
      .def(py::init<double, py::ssize_t>(), "sample_rate_hz"_a, "channels"_a = 2)
      .def("push", &PyMeter::push, "audio"_a)
      .def("report", &PyMeter::report)
      .def_property_readonly("frames", &PyMeter::frames)
      .def_property_readonly("momentary_lufs", &PyMeter::momentary)
      .def_property_readonly("short_term_lufs", &PyMeter::short_term);
  py::class_<PyLimiter>(m, "Limiter", plain, py::is_final())
      .def(py::init<double, py::ssize_t, double, double>(), "sample_rate_hz"_a, "channels"_a = 2,
           "gain_db"_a = 0.0, "true_peak_dbtp"_a = -1.0)
      .def("process", &PyLimiter::process, "audio"_a)
      .def("flush", &PyLimiter::flush)
      .def_property_readonly("latency", &PyLimiter::latency)
      .def_property_readonly("limited_db", &PyLimiter::limited_db);
  py::class_<PyDucker>(m, "Ducker", plain, py::is_final())
      .def(py::init([](double rate, py::ssize_t channels, py::ssize_t voice_channels, double amount_db,
                       double attack_s, double release_s, double threshold_db) {
             return std::make_unique<PyDucker>(rate, channels, voice_channels,
                                               duck_settings(amount_db, attack_s, release_s, threshold_db));
           }),
           "sample_rate_hz"_a, "channels"_a = 2, "voice_channels"_a = 1, "amount_db"_a = -12.0,
           "attack_s"_a = 0.05, "release_s"_a = 0.4, "threshold_db"_a = -40.0)
      .def("process", &PyDucker::process, "bed"_a, "voice"_a)
      .def("flush", &PyDucker::flush)
      .def_property_readonly("latency", &PyDucker::latency);
  py::class_<PyCrossfader>(m, "Crossfader", plain, py::is_final())
      .def(py::init<std::int64_t, const std::string&, std::int64_t>(), "frames"_a, "curve"_a = "equal_power",
           "at"_a = 0)
      .def("process", &PyCrossfader::process, "a"_a, "b"_a)
      .def_property_readonly("frame", &PyCrossfader::frame)
      .def_property_readonly("done", &PyCrossfader::done);
  py::class_<PyFader>(m, "Fader", plain, py::is_final())
      .def(py::init<double>(), "level"_a = 1.0)
      .def("fade", &PyFader::fade, "level"_a, "frames"_a, "at"_a = py::none(), "curve"_a = "smooth")
      .def("process", &PyFader::process, "audio"_a)
      .def_property_readonly("frame", &PyFader::frame)
      .def_property_readonly("level", &PyFader::level);
  py::class_<PyDither>(m, "Dither", plain, py::is_final())
      .def(py::init<int, std::uint64_t, py::ssize_t>(), "bits"_a = 16, "seed"_a = 0, "channels"_a = 2)
      .def("process", &PyDither::process, "audio"_a);
}
