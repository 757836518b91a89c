// Node wavetable: single cycles that morph, read at every pitch without aliases.
#include "synth/wavetable.h"

#include <algorithm>

#include "synth/dsp/instrument.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace wavetable {
namespace {

constexpr int kOwnHarmonics = 16, kMaxUnison = 4;

enum { kTable, kPosition, kUnison, kDetune, kSpread, kHarmonic1, kOwn = kHarmonic1 + kOwnHarmonics };
constexpr const char* kTables[] = {"harmonics", "organ", "vowel", "brass", "reed", "glass", "pulse", "sweep"};
constexpr const char* kOwnMeaning = "amplitude in the set `harmonics`";
constexpr auto kSpec = instrument_spec<kOwn>({
    {"table", "", 0, kWaveSets - 1, 1,
     "set of eight cycles, or the harmonics below; fixed when the graph is compiled", kTables},
    {"position", "", 0, 1, 0, "from the first cycle of the set to the last"},
    {"unison", "count", 1, kMaxUnison, 1, "oscillators per voice"},
    {"detune_cents", "cent", 0, 100, 10, "between the outermost unison oscillators and the middle"},
    {"spread", "", 0, 1, 0.5f, "unison oscillators across the stereo field"},
    {"harmonic_1", "", 0, 1, 1, kOwnMeaning},
    {"harmonic_2", "", 0, 1, 0.5f, kOwnMeaning},
    {"harmonic_3", "", 0, 1, 0.33f, kOwnMeaning},
    {"harmonic_4", "", 0, 1, 0.25f, kOwnMeaning},
    {"harmonic_5", "", 0, 1, 0, kOwnMeaning},
    {"harmonic_6", "", 0, 1, 0, kOwnMeaning},
    {"harmonic_7", "", 0, 1, 0, kOwnMeaning},
    {"harmonic_8", "", 0, 1, 0, kOwnMeaning},
    {"harmonic_9", "", 0, 1, 0, kOwnMeaning},
    {"harmonic_10", "", 0, 1, 0, kOwnMeaning},
    {"harmonic_11", "", 0, 1, 0, kOwnMeaning},
    {"harmonic_12", "", 0, 1, 0, kOwnMeaning},
    {"harmonic_13", "", 0, 1, 0, kOwnMeaning},
    {"harmonic_14", "", 0, 1, 0, kOwnMeaning},
    {"harmonic_15", "", 0, 1, 0, kOwnMeaning},
    {"harmonic_16", "", 0, 1, 0, kOwnMeaning},
});

struct Reader {
  U8 phase, increment;
  I8 offset;  // of the level that fits the pitch
  U8 bits;
};
// What configure() makes of the parameters.
struct Shapes {
  const float* samples = nullptr;
  int unison = 1;
  bool stereo = false;
  float place[kMaxUnison]{}, left[kMaxUnison]{}, right[kMaxUnison]{};
};
struct Readers {
  Reader unison[kMaxUnison];
  LaneSmooth place;  // 0 .. kFrames - 1
};

SYNTH_INLINE F4 load4(const float* x) noexcept {
  F4 four;
  std::memcpy(&four, x, sizeof four);
  return four;
}

class Wavetable final : public Instrument {
 public:
  Wavetable() : Instrument(kOwn) {}

 protected:
  void prepare_source(int groups) override {
    const std::size_t bytes = static_cast<std::size_t>(groups) * sizeof(Readers);
    readers_ = reinterpret_cast<Readers*>(arena().floats(bytes / sizeof(float)));
    stride_ = static_cast<int>(WaveSet::samples_per_frame());
    if (whole(kTable) == 0)
      for (float*& cycle : own_cycles_) cycle = arena().floats(WaveSet::samples_per_frame());
    table_ = whole(kTable);
  }

  // The set is chosen when the graph is compiled: others may not be in memory.
  void configure() noexcept override {
    Shapes& s = shapes_[0];
    if (draws())
      build_own();
    else
      s.samples = wave_set(table_);
    s.unison = whole(kUnison);
    s.stereo = s.unison > 1 && param(kSpread) > 0.0f;
    const float share = 1.0f / std::sqrt(static_cast<float>(s.unison));
    for (int u = 0; u < s.unison; ++u) {
      s.place[u] =
          s.unison == 1 ? 0.0f : 2.0f * static_cast<float>(u) / static_cast<float>(s.unison - 1) - 1.0f;
      const float side = param(kSpread) * (std::min(u, s.unison - 1 - u) % 2 == 0 ? s.place[u] : -s.place[u]);
      s.left[u] = share * std::sqrt(1.0f - side);
      s.right[u] = share * std::sqrt(1.0f + side);
    }
  }

  void keep_settings() noexcept override { shapes_[1] = shapes_[0]; }
  void copy(int from, int to) noexcept override { readers_[to] = readers_[from]; }

  void wake(int g, int lane, bool fresh) noexcept override {
    if (!fresh) return;
    for (Reader& r : readers_[g].unison)
      r.phase[lane] = shapes_[0].unison == 1 ? 0u : static_cast<std::uint32_t>(random_.bits());
  }

  bool tune(int g, const Modulation& m) noexcept override {
    Readers& readers = readers_[g];
    const Shapes& of = shapes_[is_old(g)];
    for (int u = 0; u < of.unison; ++u) {
      F8 note = m.note + splat(0.01f * of.place[u] * param(kDetune));
      if (voice_param(kDrift) > 0.0f) note += drift(g, u);
      Reader& r = readers.unison[u];
      r.increment = increments(note);
      for (int lane = 0; lane < kLanes; ++lane) fit(r, lane);
    }
    const float frames = draws() ? 0.0f : WaveSet::kFrames - 1;
    readers.place.aim(clamp(splat(param(kPosition)) + m.shape, 0.0f, 1.0f) * splat(frames), m.frames);
    return readers.place.moves;
  }

  void start(int g, int lane, bool) noexcept override { readers_[g].place.arrive(lane); }

  bool fill(int g, F8* left, F8* right, int frames) noexcept override {
    Readers& readers = readers_[g];
    const Shapes& of = shapes_[is_old(g)];
    const bool stereo = of.stereo;
    std::fill_n(left, frames, F8{});
    if (stereo) std::fill_n(right, frames, F8{});
    for (int u = 0; u < of.unison; ++u) {
      Reader& r = readers.unison[u];
      const F8 to_left = splat(of.left[u]), to_right = splat(of.right[u]);
      for (int i = 0; i < frames; ++i) {
        const F8 x = read(of.samples, r, readers.place.at(i));
        left[i] = fma(to_left, x, left[i]);
        if (stereo) right[i] = fma(to_right, x, right[i]);
        r.phase += r.increment;
      }
    }
    readers.place.advance(frames);
    return stereo;
  }

 private:
  void build_own() noexcept {
    Spectrum spectrum{};
    const float*& samples = shapes_[0].samples;
    bool changed = !samples;
    for (int n = 0; n < kOwnHarmonics; ++n) {
      const auto i = static_cast<std::size_t>(n);
      spectrum[i] = param(kHarmonic1 + n);
      changed |= spectrum[i] != built_from_[i];
      built_from_[i] = spectrum[i];
    }
    if (!changed) return;
    // Neither what sounds nor what still fades out.
    float* const free =
        *std::find_if(std::begin(own_cycles_), std::end(own_cycles_),
                      [&](const float* cycle) { return cycle != samples && cycle != shapes_[1].samples; });
    WaveSet::build(spectrum, free);
    samples = free;
  }
  [[nodiscard]] bool draws() const noexcept { return own_cycles_[0]; }

  static void fit(Reader& r, int lane) noexcept {
    const auto& levels = WaveSet::levels();
    const std::uint32_t most = r.increment[lane] == 0 ? 0x7fffffffu : 0x7fffffffu / r.increment[lane];
    std::size_t level = 0;
    while (level + 1 < levels.size() && static_cast<std::uint32_t>(levels[level].harmonics) > most) ++level;
    r.offset[lane] = levels[level].offset;
    r.bits[lane] = static_cast<std::uint32_t>(levels[level].bits);
  }

  // Four neighbours per voice, morphed as they are loaded and then turned into lanes, meet Lagrange's
  // weights: less work than eight gathers.
  [[nodiscard]] SYNTH_INLINE F8 read(const float* samples, const Reader& r, const F8& place) const noexcept {
    const bool morphs = !draws();
    const I8 frame = to_int(min(place, splat(WaveSet::kFrames - 2)));
    const I8 index = r.offset + reinterpret_cast<I8>(r.phase >> (32u - r.bits)) + frame * stride_;
    const F8 morph = place - to_float(frame);
    F4 near[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      const float* const at = samples + index[lane];
      near[lane] = load4(at);
      if (morphs) near[lane] += morph[lane] * (load4(at + stride_) - near[lane]);
    }
    F8 rows[4];
    for (int i = 0; i < 4; ++i)
      rows[i] = __builtin_shufflevector(near[i], near[i + 4], 0, 1, 2, 3, 4, 5, 6, 7);
    const F8 t0 = __builtin_shufflevector(rows[0], rows[1], 0, 8, 1, 9, 4, 12, 5, 13);
    const F8 t1 = __builtin_shufflevector(rows[0], rows[1], 2, 10, 3, 11, 6, 14, 7, 15);
    const F8 t2 = __builtin_shufflevector(rows[2], rows[3], 0, 8, 1, 9, 4, 12, 5, 13);
    const F8 t3 = __builtin_shufflevector(rows[2], rows[3], 2, 10, 3, 11, 6, 14, 7, 15);
    const F8 a = __builtin_shufflevector(t0, t2, 0, 1, 8, 9, 4, 5, 12, 13);
    const F8 b = __builtin_shufflevector(t0, t2, 2, 3, 10, 11, 6, 7, 14, 15);
    const F8 c = __builtin_shufflevector(t1, t3, 0, 1, 8, 9, 4, 5, 12, 13);
    const F8 e = __builtin_shufflevector(t1, t3, 2, 3, 10, 11, 6, 7, 14, 15);
    const F8 d = to_float(reinterpret_cast<I8>((r.phase << r.bits) >> 8)) * splat(0x1p-24f);
    const F8 one = splat(1.0f), up = d + one, down = d - one, far = d - splat(2.0f);
    const F8 outer = splat(1.0f / 6.0f) * d * down, inner = splat(0.5f) * up * far;
    return fma(outer, fma(up, e, -(far * a)), inner * fma(down, b, -(d * c)));
  }

  Readers* readers_ = nullptr;
  float* own_cycles_[3]{};
  std::array<float, kOwnHarmonics> built_from_{};
  Shapes shapes_[2];  // as they are, and as they were before an event
  int stride_ = 0, table_ = 1;
};

}  // namespace
}  // namespace wavetable

const NodeType kWavetableType{"wavetable", "cycles that morph", false,
                              true,        wavetable::kSpec.at, make_node<wavetable::Wavetable>};

}  // namespace SYNTH_ISA
}  // namespace synth
