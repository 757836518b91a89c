// Node fm: two pairs of sines, one of each pair moving the other's phase.
#include "synth/dsp/instrument.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace fm {
namespace {

enum {
  kRatio,
  kIndex,
  kIndexDecay,
  kIndexSustain,
  kFeedback,
  kLevel2,
  kCarrier2,
  kRatio2,
  kIndex2,
  kIndexDecay2,
  kIndexSustain2,
  kVelocityIndex,
  kPairCents,
  kOwn
};
constexpr auto kSpec = instrument_spec<kOwn>({
    {"ratio", "", 0, 16, 1, "pitch of the modulating sine against the note"},
    {"index", "", 0, 16, 2, "depth of the modulation in radians; less where sidebands would fold"},
    {"index_decay_s", "s", 0.005f, 60, 1, "99 % of the depth's way to its sustain"},
    {"index_sustain", "", 0, 1, 0.3f, "share of the depth that stays"},
    {"feedback", "", 0, 1, 0,
     "of the modulating sine on itself; 1 makes it a saw; less where that would fold"},
    {"pair2_level", "", 0, 1, 0, "of the second pair against the first"},
    {"pair2_carrier", "", 0, 16, 1, "pitch of the second pair against the note"},
    {"pair2_ratio", "", 0, 16, 1, "pitch of its modulating sine against the note"},
    {"pair2_index", "", 0, 16, 1, "depth of its modulation"},
    {"pair2_decay_s", "s", 0.005f, 60, 0.5f, "as index_decay_s"},
    {"pair2_sustain", "", 0, 1, 0, "as index_sustain"},
    {"velocity_index", "", 0, 1, 0.5f, "how far a soft note lowers the depth"},
    {"pair_cents", "cent", -50, 50, 0, "second pair against the first"},
});

// Chowning, "The synthesis of complex audio spectra by means of frequency modulation", JAES 21(7), 1973, in
// the form that moves the phase. One pair of eight voices.
struct Pair {
  U8 carrier, modulator, carrier_step, modulator_step;
  F8 last, before;  // the modulator's last two outputs, whose mean feeds back without whistling
  F8 fade;          // from 1 at the strike to 0
  LaneSmooth index;

  void skip(int frames) noexcept {
    carrier += carrier_step * static_cast<std::uint32_t>(frames);
    modulator += modulator_step * static_cast<std::uint32_t>(frames);
  }
};
struct Operators {
  Pair pairs[2];
  LaneSmooth level2, feedback;
};

SYNTH_INLINE U8 turned(const F8& radians) noexcept {
  // Up to 16 radians are 2.5 turns: whole turns drop out before the integer would overflow.
  const F8 turns = radians * splat(0.15915494f);
  return reinterpret_cast<U8>(to_int((turns - floor(turns + splat(0.5f))) * splat(0x1.fffffep31f)));
}

class Fm final : public Instrument {
 public:
  Fm() : Instrument(kOwn) {}

 protected:
  void prepare_source(int groups) override {
    const std::size_t bytes = static_cast<std::size_t>(groups) * sizeof(Operators);
    operators_ = reinterpret_cast<Operators*>(arena().floats(bytes / sizeof(float)));
  }
  void configure() noexcept override {}
  void keep_settings() noexcept override {}
  void copy(int from, int to) noexcept override { operators_[to] = operators_[from]; }

  void wake(int g, int lane, bool fresh) noexcept override {
    for (Pair& p : operators_[g].pairs) {
      p.fade[lane] = 1.0f;
      if (!fresh) continue;
      p.carrier[lane] = p.modulator[lane] = 0;
      p.last[lane] = p.before[lane] = 0.0f;
    }
  }

  bool tune(int g, const Modulation& m) noexcept override {
    Operators& o = operators_[g];
    const F8 depth = max(splat(1.0f) + m.timbre, splat(0.0f)) *
                     fma(splat(param(kVelocityIndex)), m.velocity - splat(1.0f), splat(1.0f));
    const float cents = 0.01f * param(kPairCents);
    const F8 most =
        aim(o.pairs[0], {1.0f, param(kRatio), param(kIndex), param(kIndexDecay), param(kIndexSustain)},
            m.note, depth, m);
    aim(o.pairs[1],
        {param(kCarrier2), param(kRatio2), param(kIndex2), param(kIndexDecay2), param(kIndexSustain2)},
        m.note + m.pitch2 + splat(cents), depth, m);
    o.level2.aim(clamp(splat(param(kLevel2)) + m.mix, 0.0f, 1.0f), m.frames);
    // A saw has harmonics without end; where they would fold, the feedback goes back to a sine.
    const F8 room = splat(0.02f * 4294967296.0f) /
                    max(to_float(reinterpret_cast<I8>(o.pairs[0].modulator_step)), splat(1.0f));
    // It also makes the modulation steeper, by up to 1 / (1 - feedback), which spreads sidebands as depth
    // does.
    const F8 depth_share = o.pairs[0].index.target / max(most, splat(1e-6f));
    const F8 back = min(splat(1.2f * param(kFeedback)) * min(room, splat(1.0f)),
                        max(fma(splat(-2.7f), depth_share, splat(1.2f)), splat(0.0f)));
    o.feedback.aim(back, m.frames);
    return o.pairs[0].index.moves || o.pairs[1].index.moves || o.level2.moves || o.feedback.moves;
  }

  void start(int g, int lane, bool) noexcept override {
    Operators& o = operators_[g];
    for (LaneSmooth* line : {&o.pairs[0].index, &o.pairs[1].index, &o.level2, &o.feedback})
      line->arrive(lane);
  }

  bool fill(int g, F8* left, F8*, int frames) noexcept override {
    Operators& o = operators_[g];
    const bool back = any((o.feedback.from != splat(0.0f)) | (o.feedback.target != splat(0.0f)));
    const bool two = any((o.level2.from != splat(0.0f)) | (o.level2.target != splat(0.0f)));
    back ? run<true>(o.pairs[0], o.feedback, left, frames) : run<false>(o.pairs[0], o.feedback, left, frames);
    if (two) {
      F8 second[kControlFrames];
      run<false>(o.pairs[1], o.feedback, second, frames);
      for (int i = 0; i < frames; ++i) left[i] = fma(o.level2.at(i), second[i], left[i]);
    } else {
      o.pairs[1].skip(frames);
    }
    for (LaneSmooth* line : {&o.pairs[0].index, &o.pairs[1].index, &o.level2, &o.feedback})
      line->advance(frames);
    return false;
  }

 private:
  struct Shape {
    float carrier, ratio, index, decay_s, sustain;
  };

  // Returns the depth that fits.
  F8 aim(Pair& p, const Shape& shape, const F8& note, const F8& depth, const Modulation& m) noexcept {
    const F8 turns = to_float(reinterpret_cast<I8>(increments(note))) * splat(0x1p-32f);
    const F8 carrier = min(turns * splat(shape.carrier), splat(0.49f));
    const F8 modulator = min(turns * splat(shape.ratio), splat(0.49f));
    p.carrier_step = reinterpret_cast<U8>(to_int(carrier * splat(0x1p32f)));
    p.modulator_step = reinterpret_cast<U8>(to_int(modulator * splat(0x1p32f)));
    p.fade *= splat(std::exp(-4.60517f * static_cast<float>(m.elapsed) / (shape.decay_s * rate())));
    p.fade = p.fade < splat(1e-5f) ? splat(0.0f) : p.fade;
    const F8 left = fma(splat(1.0f - shape.sustain), p.fade, splat(shape.sustain));
    // Sidebands fall below -85 dB past 1.6 index + 4 of them (Bessel functions), so that many must fit.
    const F8 fit = (splat(0.49f) - carrier) / max(modulator, splat(1e-6f));
    const F8 most = max(fma(splat(0.62f), fit, splat(-2.6f)), splat(0.0f));
    p.index.aim(min(splat(shape.index) * depth * left, most), m.frames);
    return most;
  }

  template <bool kFeedback>
  static void run(Pair& p, const LaneSmooth& feedback, F8* out, int frames) noexcept {
    U8 carrier = p.carrier, modulator = p.modulator;
    const U8 carrier_step = p.carrier_step, modulator_step = p.modulator_step;
    F8 last = p.last, before = p.before;
    for (int i = 0; i < frames; ++i) {
      U8 at = modulator;
      if constexpr (kFeedback) at += turned(feedback.at(i) * splat(0.5f) * (last + before));
      before = last;
      last = sine(at);
      out[i] = sine(carrier + turned(p.index.at(i) * last));
      carrier += carrier_step;
      modulator += modulator_step;
    }
    p.carrier = carrier, p.modulator = modulator;
    p.last = last, p.before = before;
  }

  Operators* operators_ = nullptr;
};

}  // namespace
}  // namespace fm

const NodeType kFmType{
    "fm", "two pairs of sines in frequency modulation", false, true, fm::kSpec.at, make_node<fm::Fm>};

}  // namespace SYNTH_ISA
}  // namespace synth
