// Node reverb: a feedback delay network of sixteen lines.
#include "synth/dsp/ring.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace {

constexpr int kLines = 16, kSides = 2, kHalf = kLines / kSides, kStages = 4;
// Seconds in a room of middle size; made prime in frames, so that no two echoes fall together.
constexpr double kLineTimes[kLines] = {0.0193, 0.0239, 0.0281, 0.0331, 0.0383, 0.0437, 0.0491, 0.0557,
                                       0.0217, 0.0263, 0.0307, 0.0359, 0.0411, 0.0469, 0.0523, 0.0589};
constexpr double kDiffuserTimes[kSides][kStages] = {{0.0047, 0.0036, 0.0127, 0.0093},
                                                    {0.0041, 0.0053, 0.0109, 0.0081}};
constexpr float kDiffusion = 0.6f;
constexpr float kFadeS = 0.06f;  // of the old room when the size changes
constexpr float kSwingS = 0.5f;  // from no modulation to full

enum { kRt60, kMix, kDamping, kPreDelay, kSize, kModulation };
constexpr ParamSpec kSpec[] = {
    {"rt60_s", "s", 0.1f, 60, 2, "fall of low frequencies by 60 dB"},
    {"mix", "", 0, 1, 0.3f, "share of the reverb"},
    {"damping_hz", "Hz", 500, 20000, 6000, "where the decay time has halved; 20000 is nowhere"},
    {"pre_delay_s", "s", 0, 0.25f, 0.01f, "before the first reflection"},
    {"size", "", 0, 1, 0.5f, "0 a closet, 1 a cathedral; a change ends the old tail"},
    {"modulation", "", 0, 1, 0.4f, "slow turning of the echoes against metallic ringing"},
};

int next_prime(int n) {
  const auto prime = [](int x) {
    for (int d = 2; d * d <= x; ++d)
      if (x % d == 0) return false;
    return true;
  };
  while (!prime(n)) ++n;
  return n;
}

// Schroeder's all-passes, to make the first echoes dense.
struct Diffuser {
  Ring rings[kStages];
  int lengths[kStages] = {};

  SYNTH_INLINE F8 step(std::uint32_t at, F8 x) noexcept {
    const F8 g = splat(kDiffusion);
    for (int i = 0; i < kStages; ++i) {
      const F8 delayed = rings[i].read(at, lengths[i]);
      const F8 inner = fma(-g, delayed, x);
      rings[i].write(at, inner);
      x = fma(g, inner, delayed);
    }
    return x;
  }
};

// The eight lines of one side: at every turn each loses exactly what its length asks for, and a one-pole
// filter shortens the decay of high frequencies. Lines lie in lanes while they are filtered.
struct Lines {
  Ring rings[kHalf];
  int lengths[kHalf] = {};
  F8 state{}, in{}, pole{};

  SYNTH_INLINE void read(std::uint32_t at, int frames, F8 (&x)[kHalf]) noexcept {
#pragma GCC unroll 8
    for (int i = 0; i < kHalf; ++i) x[i] = rings[i].read(at, lengths[i]);
    transpose(x);
    F8 last = state;
#pragma GCC unroll 8
    for (int i = 0; i < kHalf; ++i) last = x[i] = fma(pole, last, in * x[i]);
    state = x[frames - 1];
    transpose(x);
  }
  SYNTH_INLINE void write(std::uint32_t at, const F8 (&x)[kHalf]) noexcept {
#pragma GCC unroll 8
    for (int i = 0; i < kHalf; ++i) rings[i].write(at, x[i]);
  }
};

// An 8 x 8 Hadamard matrix, not scaled.
SYNTH_INLINE void hadamard(F8 (&x)[kHalf]) noexcept {
#pragma GCC unroll 3
  for (int span = 4; span > 0; span /= 2)
#pragma GCC unroll 8
    for (int i = 0; i < kHalf; ++i)
      if ((i & span) == 0) {
        const F8 a = x[i], b = x[i + span];
        x[i] = a + b;
        x[i + span] = a - b;
      }
}

SYNTH_INLINE void rotate(F8& a, F8& b, const F8& sine, const F8& cosine) noexcept {
  const F8 from = a;
  a = fma(cosine, from, sine * b);
  b = fma(cosine, b, -(sine * from));
}

// Jot and Chaigne, AES 90th convention, 1991. Left goes into and comes out of the first eight lines, right
// the second; between them every line meets one of the other side in a rotation whose angle swings slowly
// about an eighth turn. The matrix is orthogonal at all times, so this spreads the modes and leaves the decay
// alone (Schlecht and Habets, "Time-varying feedback matrices in feedback delay networks", JASA 138, 2015).
class Reverb final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    chunks_.run(frames, [&](std::uint32_t at, int i, int n) { turn(in, out, at, i, n); });
    for (Smooth* s : {&mix_, &wet_, &fade_}) s->advance(frames);
    for (int k = 0; k < 4; ++k) sine_[k].advance(frames), cosine_[k].advance(frames);
    for (Lfo& lfo : swings_) lfo.advance(frames);
  }

 protected:
  void prepare() override {
    size_ = param(kSize);
    depth_ = param(kModulation);
    for (int side = 0; side < kSides; ++side) {
      pre_[side].prepare(arena(), static_cast<int>(0.25f * rate()) + 1);
      for (int i = 0; i < kStages; ++i)
        diffusers_[side].rings[i].prepare(arena(), diffuser_length(side, i, 1.0f));
      for (int i = 0; i < kHalf; ++i) lines_[side].rings[i].prepare(arena(), line_length(side, i, 1.0f));
    }
    build();
    pre_tap_[0].jump(pre_delay()), pre_tap_[1].jump(pre_delay());
    for (int k = 0; k < 4; ++k) swings_[k].set_phase(0.25f * static_cast<float>(k));
  }

  void control() noexcept override {
    follow(mix_, param(kMix));
    for (Tap& tap : pre_tap_) tap.aim(pre_delay());
    follow_size();
    swing();
    if (rt60_ != param(kRt60) || damping_ != param(kDamping) || built_) design();
    follow(fade_, 0.35355339f * level_);
    follow(wet_, level_ * normal_);
  }

 private:
  [[nodiscard]] int pre_delay() const noexcept { return static_cast<int>(param(kPreDelay) * rate()); }
  [[nodiscard]] int line_length(int side, int i, float size) const noexcept {
    const double scale = std::pow(3.0, 2.0 * static_cast<double>(size) - 1.0);
    return next_prime(static_cast<int>(kLineTimes[side * kHalf + i] * scale * static_cast<double>(rate())));
  }
  [[nodiscard]] int diffuser_length(int side, int i, float size) const noexcept {
    const double scale = std::pow(3.0, static_cast<double>(size) - 0.5);
    return next_prime(static_cast<int>(kDiffuserTimes[side][i] * scale * static_cast<double>(rate())));
  }

  // A room of another size is another room: the old one fades out, and what comes in fades into the new one.
  void follow_size() noexcept {
    const float step = block_s() / kFadeS;
    if (size_ == param(kSize)) {
      level_ = std::min(level_ + step, 1.0f);
    } else if (level_ > 0.0f) {
      level_ = std::max(level_ - step, 0.0f);
    } else {
      size_ = param(kSize);
      build();
      silence();
    }
  }
  void build() noexcept {
    for (int side = 0; side < kSides; ++side) {
      for (int i = 0; i < kStages; ++i) {
        int& length = diffusers_[side].lengths[i];
        length = diffuser_length(side, i, size_);
        diffusers_[side].rings[i].shorten(length);
      }
      Lines& lines = lines_[side];
      for (int i = 0; i < kHalf; ++i) {
        lines.lengths[i] = line_length(side, i, size_);
        lines.rings[i].shorten(lines.lengths[i]);
      }
    }
    built_ = true;
  }
  void silence() noexcept {
    for (Diffuser& diffuser : diffusers_)
      for (Ring& ring : diffuser.rings) ring.clear();
    for (Lines& lines : lines_) {
      for (Ring& ring : lines.rings) ring.clear();
      lines.state = F8{};
    }
  }

  // One pass through a line loses `loss` at 0 Hz and loss^2 (half the decay time) at damping_hz:
  // solve |(1 - p) / (1 - p z^-1)| = loss there for the pole p. The wet level is that of a sound that goes
  // on.
  void design() noexcept {
    built_ = false;
    rt60_ = param(kRt60);
    damping_ = param(kDamping);
    const double cosine =
        std::cos(2.0 * 3.141592653589793 * std::min(static_cast<double>(damping_ / rate()), 0.49));
    const bool damped = damping_ < kSpec[kDamping].high;
    double kept = 0.0;
    for (Lines& lines : lines_)
      for (int i = 0; i < kHalf; ++i) {
        const double loss = std::pow(10.0, -3.0 * lines.lengths[i] / static_cast<double>(rt60_ * rate()));
        const double square = loss * loss, b = 1.0 - square * cosine, a = 1.0 - square;
        const double pole =
            damped ? std::clamp((b - std::sqrt(std::max(b * b - a * a, 0.0))) / a, 0.0, 0.999) : 0.0;
        lines.pole[i] = static_cast<float>(pole);
        lines.in[i] = static_cast<float>(loss * (1.0 - pole) * 0.35355339);  // the Hadamard matrix' scale
        kept += square / kLines;
      }
    normal_ = static_cast<float>(std::sqrt(8.0 * (1.0 - kept) / kept));
  }

  // Four rotations, each of two pairs of lines, between 1/24 and 5/24 of a turn.
  void swing() noexcept {
    const float most = block_s() / kSwingS;
    depth_ = std::clamp(param(kModulation), depth_ - most, depth_ + most);
    constexpr float kRates[4] = {0.31f, 0.43f, 0.59f, 0.73f};
    U8 angle{};
    for (int k = 0; k < 4; ++k) {
      swings_[k].set_rate(kRates[k], rate());
      angle[k + 4] = swings_[k].phase(block());
    }
    const F8 swung = sine(angle) * splat(0x1p32f / 12.0f * depth_);
    for (int k = 0; k < 4; ++k) {
      angle[k] = 0x20000000u + static_cast<std::uint32_t>(static_cast<std::int32_t>(swung[k + 4]));
      angle[k + 4] = angle[k] + 0x40000000u;  // cosines
    }
    const F8 turned = sine(angle);
    for (int k = 0; k < 4; ++k) {
      follow(sine_[k], turned[k]);
      follow(cosine_[k], turned[k + 4]);
    }
  }

  SYNTH_INLINE void turn(const StereoView& in, const Stereo& out, std::uint32_t at, int i, int n) noexcept {
    const F8 dry[kSides] = {load_some(in.left + i, n), load_some(in.right + i, n)};
    const F8 fade = ahead(fade_, i);
    F8 x[kSides][kHalf], wet[kSides], fed[kSides];
    for (int side = 0; side < kSides; ++side) {
      pre_[side].write(at, dry[side]);
      fed[side] = diffusers_[side].step(at, pre_tap_[side].read(pre_[side], at, n)) * fade;
      F8(&y)[kHalf] = x[side];
      lines_[side].read(at, n, y);
      wet[side] = ((y[0] - y[1]) + (y[2] - y[3])) + ((y[4] - y[5]) + (y[6] - y[7]));
    }
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      const F8 s = ahead(sine_[k], i), c = ahead(cosine_[k], i);
      rotate(x[0][k], x[1][k], s, c);
      rotate(x[0][k + 4], x[1][k + 4], s, c);
    }
    const F8 mix = ahead(mix_, i), level = ahead(wet_, i);
    float* const outs[kSides] = {out.left, out.right};
    for (int side = 0; side < kSides; ++side) {
      hadamard(x[side]);
      for (F8& y : x[side]) y += fed[side];
      lines_[side].write(at, x[side]);
      store_some(outs[side] + i, lerp(dry[side], level * wet[side], mix), n);
    }
  }

  Chunks chunks_;
  Ring pre_[kSides];
  Tap pre_tap_[kSides];
  Diffuser diffusers_[kSides];
  Lines lines_[kSides];
  Lfo swings_[4];
  Smooth mix_, wet_, fade_, sine_[4], cosine_[4];
  float size_ = 0.0f, level_ = 1.0f, depth_ = 0.0f, normal_ = 1.0f, rt60_ = -1.0f, damping_ = -1.0f;
  bool built_ = false;
};

}  // namespace

const NodeType kReverbType{"reverb",         "a room: feedback delay network of 16 lines", true, false, kSpec,
                           make_node<Reverb>};

}  // namespace SYNTH_ISA
}  // namespace synth
