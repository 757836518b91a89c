#include "synth/dsp/voice_filter.h"

#include <type_traits>

namespace synth {
inline namespace SYNTH_ISA {
namespace {

// One group of voices, or two in one vector.
#if defined(__AVX512F__)
constexpr bool kInPairs = true;
#else
constexpr bool kInPairs = false;
#endif
struct OneGroup {
  static constexpr int kCount = 1;
  using Lanes = F8;
  template <class Of>
  static SYNTH_INLINE F8 gather(Of of) noexcept {
    return of(0);
  }
  static SYNTH_INLINE F8 all(float x) noexcept { return splat(x); }
  static SYNTH_INLINE F8 sum(const F8& x) noexcept { return x; }
  static SYNTH_INLINE F8 part(const F8& x, int) noexcept { return x; }
};
struct TwoGroups {
  static constexpr int kCount = 2;
  using Lanes = F16;
  template <class Of>
  static SYNTH_INLINE F16 gather(Of of) noexcept {
    return join(of(0), of(1));
  }
  static SYNTH_INLINE F16 all(float x) noexcept { return twice(splat(x)); }
  static SYNTH_INLINE F8 sum(const F16& x) noexcept { return low(x) + high(x); }
  static SYNTH_INLINE F8 part(const F16& x, int k) noexcept { return k == 0 ? low(x) : high(x); }
};

template <class Lanes>
struct Straight {
  Lanes from, step;
  [[nodiscard]] SYNTH_INLINE Lanes at(const Lanes& frame) const noexcept { return fma(step, frame, from); }
};

// What a kind of filter takes of its input, its band and its low-pass output.
struct Response {
  float input, band, low;
};
constexpr Response kResponses[] = {{0, 0, 1}, {1, -1, -1}, {0, 1, 0}, {1, -1, 0}};

// x / sqrt(1 + x^2) would need a root; this rational curve is within 0.02 of tanh and flat beyond +-3.
SYNTH_INLINE F8 saturated(const F8& x) noexcept {
  const F8 y = clamp(x, -3.0f, 3.0f), s = y * y;
  return y * (splat(27.0f) + s) / fma(splat(9.0f), s, splat(27.0f));
}

}  // namespace

// Every frame waits for the one before, so the mixing is done in that time.
template <VoiceFilter::Path kPath, bool kStereo, int kGroups>
void VoiceFilter::run(const Voices* voices, Envelopes envelopes, F8* left, F8* right, int frames) noexcept {
  using Shape = std::conditional_t<kGroups == 1 || !kInPairs, OneGroup, TwoGroups>;
  using Lanes = typename Shape::Lanes;
  constexpr int kCount = kGroups / Shape::kCount, kSides = kStereo ? 2 : 1;
  constexpr bool kFiltering = kPath != Path::through, kStill = kPath == Path::still,
                 kFalls = kPath == Path::falling;
  const auto group = [&](int n, int k) -> const Voices& { return voices[n * Shape::kCount + k]; };
  const auto line = [&](auto of) {
    return Straight<Lanes>{Shape::gather([&](int k) { return of(k).from; }),
                           Shape::gather([&](int k) { return of(k).step; })};
  };
  Lanes s1[kCount][kSides], s2[kCount][kSides], frame[kCount], level_frame[kCount];
  Straight<Lanes> c[kCount][4], levels[kCount][2];
  Lanes goal[kCount], way[kCount], keep[kCount];
  for (int n = 0; n < kCount; ++n) {
    for (int side = 0; side < kSides; ++side) {
      s1[n][side] = Shape::gather([&](int k) { return group(n, k).filter->state_[side][0]; });
      s2[n][side] = Shape::gather([&](int k) { return group(n, k).filter->state_[side][1]; });
    }
    for (int j = 0; j < 4; ++j)
      c[n][j] = line([&](int k) -> const LaneSmooth& { return group(n, k).filter->c_[j]; });
    levels[n][0] = line([&](int k) -> const LaneSmooth& { return *group(n, k).left_level; });
    levels[n][1] = line([&](int k) -> const LaneSmooth& { return *group(n, k).right_level; });
    const auto done = [](const LaneSmooth& of) { return splat(static_cast<float>(of.done)); };
    frame[n] = Shape::gather([&](int k) { return done(group(n, k).filter->c_[0]); });
    level_frame[n] = Shape::gather([&](int k) { return done(*group(n, k).left_level); });
    if constexpr (kStill) {
      const Lanes envelope = Shape::gather([&](int k) { return group(n, k).envelope->level(); });
      for (Straight<Lanes>& level : levels[n]) level.from = envelope * level.at(level_frame[n]);
      for (Straight<Lanes>& of : c[n]) of.from = of.at(frame[n]);
    }
  }
  if constexpr (kFalls)
    for (int n = 0; n < kCount; ++n) {
      goal[n] = Shape::gather([&](int k) { return group(n, k).envelope->fall().goal; });
      way[n] = Shape::gather([&](int k) { return group(n, k).envelope->fall().way; });
      keep[n] = Shape::gather([&](int k) { return group(n, k).envelope->fall().keep; });
    }
  const Response response = kResponses[kPath == Path::any ? static_cast<int>(voices[0].filter->kind_) : 0];
  const Lanes half = Shape::all(0.5f), one = Shape::all(1.0f), of_input = Shape::all(response.input),
              of_band = Shape::all(response.band), of_low = Shape::all(response.low);
  for (int i = 0; i < frames; ++i) {
    Lanes to_left, to_right;
    for (int n = 0; n < kCount; ++n) {
      Lanes y[kSides];
      Lanes c1 = c[n][0].from, c2 = c[n][1].from, c3 = c[n][2].from, k3 = c[n][3].from;
      if constexpr (kFiltering && !kStill) {
        c1 = c[n][0].at(frame[n]), c2 = c[n][1].at(frame[n]), c3 = c[n][2].at(frame[n]);
        if constexpr (kPath == Path::any) k3 = c[n][3].at(frame[n]);
        frame[n] = frame[n] + one;
      }
      for (int side = 0; side < kSides; ++side) {
        const Lanes x =
            Shape::gather([&](int k) { return (side == 0 ? group(n, k).x : group(n, k).right)[i]; });
        y[side] = x;
        if constexpr (!kFiltering) continue;
        Lanes &a = s1[n][side], &b = s2[n][side];
        const Lanes d = x - b, to1 = fma(c1, a, c2 * d), to2 = fma(c3, d, fma(c2, a, b));
        const Lanes band = half * (a + to1), low = half * (b + to2);
        a = to1, b = to2;
        y[side] = low;
        if constexpr (kPath == Path::any) y[side] = fma(of_band, k3 * band, fma(of_low, low, of_input * x));
      }
      Lanes left_level = levels[n][0].from, right_level = levels[n][1].from;
      if constexpr (!kStill) {
        Lanes envelope;
        if constexpr (kFalls) {
          way[n] = way[n] * keep[n];
          envelope = goal[n] + way[n];
        } else {
          envelope = Shape::gather([&](int k) { return envelopes[n * Shape::kCount + k][i]; });
        }
        left_level = envelope * levels[n][0].at(level_frame[n]);
        right_level = envelope * levels[n][1].at(level_frame[n]);
        level_frame[n] = level_frame[n] + one;
      }
      to_left = n == 0 ? y[0] * left_level : fma(y[0], left_level, to_left);
      to_right = n == 0 ? y[kSides - 1] * right_level : fma(y[kSides - 1], right_level, to_right);
    }
    left[i] += Shape::sum(to_left);
    right[i] += Shape::sum(to_right);
  }
  for (int n = 0; n < kCount; ++n)
    for (int k = 0; k < Shape::kCount; ++k) {
      for (int side = 0; side < kSides && kFiltering; ++side) {
        group(n, k).filter->state_[side][0] = Shape::part(s1[n][side], k);
        group(n, k).filter->state_[side][1] = Shape::part(s2[n][side], k);
      }
      if constexpr (kFalls) group(n, k).envelope->fell_to(Shape::part(way[n], k));
    }
}

template <bool kStereo, int kGroups>
void VoiceFilter::choose(Path path, const Voices* voices, F8* left, F8* right, int frames) noexcept {
  if (path == Path::still) return run<Path::still, kStereo, kGroups>(voices, nullptr, left, right, frames);
  if (path == Path::falling)
    return run<Path::falling, kStereo, kGroups>(voices, nullptr, left, right, frames);
  F8 envelopes[kGroups][kMostFrames];
  for (int k = 0; k < kGroups; ++k) voices[k].envelope->fill(envelopes[k], frames);
  switch (path) {
    case Path::any:
      return run<Path::any, kStereo, kGroups>(voices, envelopes, left, right, frames);
    case Path::through:
      return run<Path::through, kStereo, kGroups>(voices, envelopes, left, right, frames);
    default:
      return run<Path::lowpass, kStereo, kGroups>(voices, envelopes, left, right, frames);
  }
}

template <int kGroups>
void VoiceFilter::mix(const Voices (&voices)[kGroups], F8* left, F8* right, int frames) noexcept {
  const FilterKind kind = voices[0].filter->kind_;
  const bool stereo = voices[0].right != nullptr;
  bool still = true, bends = false;
  for (const Voices& v : voices) {
    VoiceFilter& f = *v.filter;
    if (stereo && !f.stereo_) std::memcpy(f.state_[1], f.state_[0], sizeof f.state_[0]);
    f.stereo_ = stereo;
    still = still && v.envelope->flat() && !(v.left_level->moves || v.right_level->moves || f.moves());
    bends |= v.envelope->bends();
    if (kind != FilterKind::ladder) continue;
    f.ladder(v.x, f.state_[0], frames);
    if (stereo) f.ladder(v.right, f.state_[1], frames);
  }
  const Path path = kind == FilterKind::ladder    ? Path::through
                    : kind != FilterKind::lowpass ? Path::any
                    : still                       ? Path::still
                    : bends                       ? Path::lowpass
                                                  : Path::falling;
  stereo ? choose<true, kGroups>(path, voices, left, right, frames)
         : choose<false, kGroups>(path, voices, left, right, frames);
  for (const Voices& v : voices)
    for (LaneSmooth& c : v.filter->c_) c.advance(frames);
}

template void VoiceFilter::mix<1>(const Voices (&)[1], F8*, F8*, int) noexcept;
template void VoiceFilter::mix<2>(const Voices (&)[2], F8*, F8*, int) noexcept;
template void VoiceFilter::mix<4>(const Voices (&)[4], F8*, F8*, int) noexcept;
#if defined(__AVX512F__)
template void VoiceFilter::mix<8>(const Voices (&)[8], F8*, F8*, int) noexcept;
#endif

// Each one-pole gives y = G u + (1 - G) s; the loop's output without its input is what the four states add up
// to. Half of what the loop takes from the pass band is given back.
void VoiceFilter::ladder(F8* x, F8* state, int frames) noexcept {
  const F8 half = splat(0.5f), one = splat(1.0f), two = splat(2.0f);
  F8 s0 = state[0], s1 = state[1], s2 = state[2], s3 = state[3];
  for (int i = 0; i < frames; ++i) {
    const F8 gain = c_[0].at(i), k = c_[3].at(i), rest = one - gain;
    const F8 held = rest * fma(gain, fma(gain, fma(gain, s0, s1), s2), s3);
    const F8 gain2 = gain * gain;
    const F8 in = fma(half * k, x[i], x[i]);
    const F8 u = two * saturated(half * (in - k * held) / fma(k, gain2 * gain2, one));
    const F8 y0 = fma(gain, u - s0, s0), y1 = fma(gain, y0 - s1, s1);
    const F8 y2 = fma(gain, y1 - s2, s2), y3 = fma(gain, y2 - s3, s3);
    s0 = fma(two, y0, -s0), s1 = fma(two, y1, -s1), s2 = fma(two, y2, -s2), s3 = fma(two, y3, -s3);
    x[i] = y3;
  }
  state[0] = s0, state[1] = s1, state[2] = s2, state[3] = s3;
}

}  // namespace SYNTH_ISA
}  // namespace synth
