// Node reverb: a feedback delay network of sixteen lines, or of eight in draft quality.
#include "synth/dsp/room.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace reverb {
namespace {

using namespace room;

// Seconds in a room of middle size; made prime in frames, so that no two echoes fall together.
constexpr double kLineTimes[kLines] = {0.0193, 0.0239, 0.0281, 0.0331, 0.0383, 0.0437, 0.0491, 0.0557,
                                       0.0217, 0.0263, 0.0307, 0.0359, 0.0411, 0.0469, 0.0523, 0.0589};
constexpr int kDrafted[kHalf / 2] = {3, 4, 6, 7};  // of each side, in draft quality: most modes
constexpr double kDiffuserTimes[kSides][kStages] = {{0.0047, 0.0036, 0.0127, 0.0093},
                                                    {0.0041, 0.0053, 0.0109, 0.0081}};
constexpr float kDiffusion = 0.6f;
constexpr double kDiffuserShare = 0.5;  // of the decay time: what the diffusers' own may be at most
constexpr float kFadeS = 0.06f;         // of the old room when the size changes
constexpr float kSwingS = 0.5f;         // from no modulation to full
constexpr float kMoveS = 0.15f;         // from one decay time to another
constexpr int kSwingFrames = 256;       // how often its angles are computed, at most

enum { kRt60, kMix, kDamping, kPreDelay, kSize, kModulation, kQuality };
constexpr const char* kQualities[] = {"high", "draft"};
constexpr ParamSpec kSpec[] = {
    {"rt60_s", "s", 0.1f, 60, 2, "fall by 60 dB; with damping that of low frequencies"},
    {"mix", "", 0, 1, 0.3f, "share of the reverb"},
    {"damping_hz", "Hz", 500, 20000, 20000, "where the decay time has halved; 20000 is nowhere"},
    {"pre_delay_s", "s", 0, 0.25f, 0.01f, "before the first reflection"},
    {"size", "", 0, 1, 0.5f, "0 a closet, 1 a cathedral; a change ends the old tail"},
    {"modulation", "", 0, 1, 0.4f, "slow turning of the echoes against metallic ringing"},
    {"quality", "", 0, 1, 0, "high: 16 lines; draft: 8, thinner at less cost; a change ends the old tail",
     kQualities},
};
constexpr Neutral kNeutral[] = {{kMix, 0.0f}};

// An odd one.
int next_prime(int n) {
  const auto prime = [](unsigned x) {
    for (unsigned d = 3; d * d <= x; d += 2)
      if (x % d == 0) return false;
    return true;
  };
  for (n |= 1; !prime(static_cast<unsigned>(n)); n += 2) continue;
  return n;
}
constexpr int kWidestGap = 72;  // between primes below 155921: no line is so long

// Jot and Chaigne, AES 90th convention, 1991. Left goes into and comes out of the first half of the lines,
// right the second; between them every line meets one of the other side in a rotation whose angle swings
// slowly about an eighth turn. The matrix is orthogonal at all times, so this spreads the modes and leaves
// the decay alone (Schlecht and Habets, "Time-varying feedback matrices in feedback delay networks", JASA
// 138, 2015).
class Reverb final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    for (int i = 0; i < frames;) {
      const int n = std::min(frames - i, Ring::kWindow - static_cast<int>(at_ % Ring::kWindow));
      if (near_)
        draft_ ? window<true, true>(in, out, i, n) : window<true, false>(in, out, i, n);
      else
        draft_ ? window<false, true>(in, out, i, n) : window<false, false>(in, out, i, n);
      i += n;
      at_ += static_cast<std::uint32_t>(n);
    }
    for (Smooth* s : {&mix_, &wet_, &fade_, static_cast<Smooth*>(&fed_)}) s->advance(frames);
    for (int k = 0; k < 4; ++k) sine_[k].advance(frames), cosine_[k].advance(frames);
    for (Lfo& lfo : swings_) lfo.advance(frames);
  }

 protected:
  void prepare() override {
    size_ = param(kSize);
    draft_ = whole(kQuality) == 1;
    depth_ = param(kModulation);
    for (int side = 0; side < kSides; ++side) {
      pre_[side].prepare(arena(), static_cast<int>(0.25f * rate()) + 1);
      for (int i = 0; i < kStages; ++i)
        diffusers_[side][i].ring.prepare(arena(),
                                         diffuser_frames(side, i, diffuser_scale(1.0f)) + kWidestGap);
      for (int i = 0; i < kHalf; ++i)
        lines_[side][i].ring.prepare(arena(), std::max(line_frames(side, i, line_scale(1.0f)),
                                                       line_frames(side, kDrafted[i % 4], line_scale(1.0f))) +
                                                  kWidestGap);
    }
    build();
    pre_tap_[0].jump(pre_delay()), pre_tap_[1].jump(pre_delay());
    constexpr float kRates[4] = {0.31f, 0.43f, 0.59f, 0.73f};
    for (int k = 0; k < 4; ++k) {
      swings_[k].set_rate(kRates[k], rate());
      swings_[k].set_phase(0.25f * static_cast<float>(k));
    }
    swing(0, [](Smooth& line, float value) { line.jump(value); });
  }

  void advance() noexcept override {
    if (--until_swing_ > 0) return;
    until_swing_ = std::max(1, kSwingFrames / block());
    const int frames = until_swing_ * block();
    const float most = static_cast<float>(frames) / (rate() * kSwingS);
    depth_ = std::clamp(param(kModulation), depth_ - most, depth_ + most);
    swing(frames, [frames](Smooth& line, float value) { line.aim(value, frames); });
  }
  void wake() noexcept override { fed_.wake(); }
  void control() noexcept override {
    follow_level(mix_, param(kMix));
    fed_.go_on(block(), rate());
    for (Tap& tap : pre_tap_) tap.aim(pre_delay());
    follow_room();
    if (rt60_ != param(kRt60) || damping_ != param(kDamping) || built_) design();
    follow(fade_, (draft_ ? 0.5f : 0.35355339f) * level_);
    follow(wet_, level_ * normal(block()));
  }

 private:
  [[nodiscard]] int pre_delay() const noexcept { return static_cast<int>(param(kPreDelay) * rate()); }
  // Lengths are the next primes.
  [[nodiscard]] int line_frames(int side, int i, double scale) const noexcept {
    return static_cast<int>(kLineTimes[side * kHalf + i] * scale * static_cast<double>(rate()));
  }
  [[nodiscard]] int diffuser_frames(int side, int i, double scale) const noexcept {
    return static_cast<int>(kDiffuserTimes[side][i] * scale * static_cast<double>(rate()));
  }
  static double line_scale(float size) noexcept {
    return std::pow(3.0, 2.0 * static_cast<double>(size) - 1.0);
  }
  static double diffuser_scale(float size) noexcept { return std::pow(3.0, static_cast<double>(size) - 0.5); }

  [[nodiscard]] int lines_per_side() const noexcept { return draft_ ? kHalf / 2 : kHalf; }

  // A room of another size is another room: the old one fades out, and what comes in fades into the new one.
  void follow_room() noexcept {
    const float step = block_s() / kFadeS;
    if (size_ == param(kSize) && draft_ == (whole(kQuality) == 1)) {
      level_ = std::min(level_ + step, 1.0f);
    } else if (level_ > 0.0f) {
      level_ = std::max(level_ - step, 0.0f);
    } else {
      size_ = param(kSize);
      draft_ = whole(kQuality) == 1;
      build();
      silence();
    }
  }
  void build() noexcept {
    near_ = false;
    const auto cut = [this](Line& line, int length) {
      line.length = length;
      line.ring.shorten(length);
      near_ |= length < Ring::kNearest;
    };
    const double lines = line_scale(size_), diffusers = diffuser_scale(size_);
    for (int side = 0; side < kSides; ++side) {
      for (int i = 0; i < kStages; ++i)
        cut(diffusers_[side][i], next_prime(diffuser_frames(side, i, diffusers)));
      for (int i = 0; i < lines_per_side(); ++i)
        cut(lines_[side][i], next_prime(line_frames(side, draft_ ? kDrafted[i] : i, lines)));
    }
    built_ = true;
  }
  void silence() noexcept {
    for (int side = 0; side < kSides; ++side) {
      for (Line& line : diffusers_[side]) line.ring.clear();
      for (Line& line : lines_[side]) line.ring.clear();
    }
    high_.clear();
    low_.clear();
  }

  // Room for both sides' values of a diffuser's stage, in lanes.
  [[nodiscard]] F16 diffusion(int stage) const noexcept {
    float gains[kSides];
    for (int side = 0; side < kSides; ++side) {
      const double fall =
          -3.0 * diffusers_[side][stage].length / (kDiffuserShare * static_cast<double>(rt60_ * rate()));
      gains[side] = std::min(kDiffusion, static_cast<float>(std::pow(10.0, fall)));
    }
    return join(splat(gains[0]), splat(gains[1]));
  }
  // To another decay time in steps of eight frames; an empty room has it at once.
  void move_to(const Decay& goal, float level) noexcept {
    const float from = normal(0);
    goal_ = goal;
    normal_goal_ = level;
    moves_ = built_ ? 0 : static_cast<int>(kMoveS * rate()) / kLanes;
    if (moves_ == 0) {
      decay_ = goal;
      return;
    }
    normal_step_ = (level - from) / static_cast<float>(moves_ * kLanes);
    const F16 share = twice(splat(1.0f / static_cast<float>(moves_)));
    Decay::each(step_, goal_, decay_, [&](const F16& to, const F16& now) { return (to - now) * share; });
  }
  [[nodiscard]] float normal(int ahead_frames) const noexcept {
    return normal_goal_ - normal_step_ * static_cast<float>(std::max(0, moves_ * kLanes - ahead_frames));
  }
  __attribute__((noinline)) void move() noexcept {
    if (--moves_ == 0)
      decay_ = goal_;
    else
      Decay::each(decay_, decay_, step_, [](const F16& now, const F16& step) { return now + step; });
    square_ = decay_.pole * decay_.pole;
  }

  // One pass through a line loses `loss` at 0 Hz and loss^2 (half the decay time) at damping_hz:
  // solve |(1 - p) / (1 - p z^-1)| = loss there for the pole p. The wet level is that of a sound that goes
  // on.
  void design() noexcept {
    rt60_ = param(kRt60);
    damping_ = param(kDamping);
    const double cosine =
        std::cos(2.0 * 3.141592653589793 * std::min(static_cast<double>(damping_ / rate()), 0.49));
    const bool damped = damping_ < kSpec[kDamping].high;
    const int half = lines_per_side();
    const double scale = 1.0 / std::sqrt(half);  // the Hadamard matrix'
    float in[kLines] = {}, poles[kLines] = {};
    double kept = 0.0;
    for (int k = 0; k < kSides * half; ++k) {
      const double loss =
          std::pow(10.0, -3.0 * lines_[k / half][k % half].length / static_cast<double>(rt60_ * rate()));
      const double square = loss * loss, b = 1.0 - square * cosine, a = 1.0 - square;
      const double pole =
          damped ? std::clamp((b - std::sqrt(std::max(b * b - a * a, 0.0))) / a, 0.0, 0.999) : 0.0;
      poles[k] = static_cast<float>(pole);
      in[k] = static_cast<float>(loss * (1.0 - pole) * scale);
      kept += square / (kSides * half);
    }
    Decay goal{join(load(in), load(in + kHalf)), join(load(poles), load(poles + kHalf)), {}};
    for (int k = 0; k < kStages; ++k) goal.diffusion[k] = diffusion(k);
    move_to(goal, static_cast<float>(std::sqrt(half * (1.0 - kept) / kept)));
    square_ = decay_.pole * decay_.pole;
    built_ = false;
  }

  // Four rotations, each of two pairs of lines, between 1/24 and 5/24 of a turn.
  template <class Set>
  void swing(int ahead_frames, Set set) noexcept {
    U8 angle{};
    for (int k = 0; k < 4; ++k) angle[k + 4] = swings_[k].phase(ahead_frames);
    const F8 swung = sine(angle) * splat(0x1p32f / 12.0f * depth_);
    for (int k = 0; k < 4; ++k) {
      angle[k] = 0x20000000u + static_cast<std::uint32_t>(static_cast<std::int32_t>(swung[k + 4]));
      angle[k + 4] = angle[k] + 0x40000000u;  // cosines
    }
    const F8 turned = sine(angle);
    for (int k = 0; k < 4; ++k) {
      set(sine_[k], turned[k]);
      set(cosine_[k], turned[k + 4]);
    }
  }

  // Frames i to i + frames - 1 of a call, in chunks that end at multiples of eight.
  template <bool kNear, bool kDraft>
  void window(const StereoView& in, const Stereo& out, int i, int frames) noexcept {
    Taps<kNear, kSides * kStages> diffusers(diffusers_[0], at_);
    Taps<kNear, kLines> lines(lines_[0], at_);
    const Rotations rotations(sine_, cosine_, i);
    for (int done = 0; done < frames;) {
      const std::uint32_t at = at_ + static_cast<std::uint32_t>(done);
      const int n = std::min(frames - done, kLanes - static_cast<int>(at % kLanes)), here = i + done;
      const F8 left = load_some(in.left + here, n), right = load_some(in.right + here, n);
      const F8 fed_in = ahead(fed_, here);
      pre_[0].write(at, fed_in * left), pre_[1].write(at, fed_in * right);
      const F16 early = join(pre_tap_[0].read(pre_[0], at, n), pre_tap_[1].read(pre_[1], at, n));
      const F16 fed = diffuse(diffusers, decay_.diffusion, done, early) * twice(ahead(fade_, here));
      const F16 frame = rotations.frame + twice(splat(static_cast<float>(done)));
      F16 wet;
      if constexpr (kDraft)
        wet = turn_draft(lines, rotations, frame, fed, done, n);
      else
        wet = turn_high(lines, rotations, frame, fed, done, n);
      const F8 mix = ahead(mix_, here), level = ahead(wet_, here);
      store_some(out.left + here, lerp(left, level * low(wet), mix), n);
      store_some(out.right + here, lerp(right, level * high(wet), mix), n);
      done += n;
      if (moves_ > 0 && (at + static_cast<std::uint32_t>(n)) % kLanes == 0) move();
    }
    diffusers.shut(frames);
    lines.shut(frames);
  }
  // Both turns take what goes into the lines and return what comes out of them. Here a row holds a line of
  // the left and one of the right.
  template <bool kNear>
  SYNTH_INLINE F16 turn_high(Taps<kNear, kLines>& lines, const Rotations& rotations, const F16& frame,
                             const F16& fed, int i, int n) noexcept {
    F16 x[kHalf];
#pragma GCC unroll 8
    for (int k = 0; k < kHalf; ++k) x[k] = join(lines.read(k, i), lines.read(k + kHalf, i));
    high_.run(x, decay_.in, decay_.pole, square_, n);
    const F16 wet = ((x[0] - x[1]) + (x[2] - x[3])) + ((x[4] - x[5]) + (x[6] - x[7]));
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      const F16 sine = rotations.sine_at(k, frame), cosine = rotations.cosine_at(k, frame);
      x[k] = fma(cosine, x[k], sine * swapped(x[k]));
      x[k + 4] = fma(cosine, x[k + 4], sine * swapped(x[k + 4]));
    }
    hadamard<kHalf>(x);
#pragma GCC unroll 8
    for (int k = 0; k < kHalf; ++k) {
      const F16 back = x[k] + fed;
      lines.write(k, i, low(back));
      lines.write(k + kHalf, i, high(back));
    }
    return wet;
  }
  // Here the first four rows are lines of the left.
  template <bool kNear>
  SYNTH_INLINE F16 turn_draft(Taps<kNear, kLines>& lines, const Rotations& rotations, const F16& frame,
                              const F16& fed, int i, int n) noexcept {
    F8 x[kHalf];
#pragma GCC unroll 8
    for (int k = 0; k < kHalf; ++k) x[k] = lines.read(k < 4 ? k : k + 4, i);
    low_.run(x, low(decay_.in), low(decay_.pole), low(square_), n);
    const F16 wet = join((x[0] - x[1]) + (x[2] - x[3]), (x[4] - x[5]) + (x[6] - x[7]));
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      const F8 sine = low(rotations.sine_at(k, frame)), cosine = low(rotations.cosine_at(k, frame)),
               left = x[k];
      x[k] = fma(cosine, left, sine * x[k + 4]);
      x[k + 4] = fma(cosine, x[k + 4], -(sine * left));
    }
    hadamard<kHalf / 2>(x);
#pragma GCC unroll 8
    for (int k = 0; k < kHalf; ++k) lines.write(k < 4 ? k : k + 4, i, x[k] + (k < 4 ? low(fed) : high(fed)));
    return wet;
  }

  Ring pre_[kSides];
  Tap pre_tap_[kSides];
  Line diffusers_[kSides][kStages], lines_[kSides][kHalf];
  Losses<F16> high_;
  Losses<F8> low_;
  Lfo swings_[4];
  Decay decay_, step_, goal_;
  F16 square_{};  // of the poles
  FadeIn fed_;
  Smooth mix_, wet_, fade_, sine_[4], cosine_[4];
  float size_ = 0.0f, level_ = 1.0f, depth_ = 0.0f, rt60_ = -1.0f, damping_ = -1.0f;
  float normal_goal_ = 1.0f, normal_step_ = 0.0f;  // the wet level of a sound that goes on
  std::uint32_t at_ = 0;
  int until_swing_ = 0, moves_ = 0;                    // turns of eight frames until the decay is as told
  bool built_ = false, draft_ = false, near_ = false;  // near_: a line is shorter than a window
};

}  // namespace
}  // namespace reverb

const NodeType kReverbType{"reverb",
                           "a room: feedback delay network of 16 lines",
                           true,
                           false,
                           reverb::kSpec,
                           make_node<reverb::Reverb>,
                           false,
                           Role::audio,
                           reverb::kNeutral};

}  // namespace SYNTH_ISA
}  // namespace synth
