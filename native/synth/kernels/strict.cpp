// True peak as it is, per hop: what a limiter has to hold.
#include "synth/kernels/peaks.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace {

constexpr int kHopsPerSpan = 14, kSpan = kHopsPerSpan * kHop;  // what is interpolated at a time

// The signal at four points per sample in two steps: halfway between samples by a long windowed sinc, then
// halfway between those and the samples by a short filter, for which the band is half as wide.
struct StrictFilter {
  static constexpr int kPairs = 20, kShort = 4;
  // Equal ripple, within 0.003 dB up to 0.48 of the sample rate.
  static constexpr float quarter[kShort] = {0.60979372f, -0.14259413f, 0.0394589f, -0.00682504f};
  float half[kPairs];  // within 0.06 dB up to 0.45 of the sample rate, -0.25 dB at 0.47
  float reach = 0.0f;  // no interpolated value is further above the samples than this factor

  // Made at first use: code of another instruction set must not run when the program is loaded.
  static const StrictFilter& instance() {
    static const StrictFilter instance;
    return instance;
  }

 private:
  StrictFilter() {
    double sum = 0.0;
    for (int k = 0; k < kPairs; ++k) {
      const double t = k + 0.5, r = t / kPairs,
                   sinc = std::sin(std::numbers::pi * t) / (std::numbers::pi * t);
      half[k] = static_cast<float>(sinc * bessel_i0(4.0 * std::sqrt(1.0 - r * r)));
      sum += 2.0 * static_cast<double>(half[k]);
    }
    for (float& h : half) h = static_cast<float>(static_cast<double>(h) / sum);
    for (const float h : half) reach += 2.0f * std::abs(h);
    reach = std::max(reach, reach_of_quarters());
  }
  // The sum of magnitudes of the two steps together.
  float reach_of_quarters() const noexcept {
    float taps[2 * kPairs + 2 * kShort] = {};  // on samples n - kPairs - kShort + 1 and after
    const auto add_sample = [&](int offset, float weight) { taps[offset + kPairs + kShort - 1] += weight; };
    const auto add_half = [&](int offset, float weight) {
      for (int k = 0; k < kPairs; ++k)
        add_sample(offset - k, weight * half[k]), add_sample(offset + 1 + k, weight * half[k]);
    };
    for (int k = 0; k < kShort; ++k) {  // between frame 0 and the point at 1/2
      const int before = k / 2, after = (k + 1) / 2;
      add_sample(k % 2 ? after : -before, quarter[k]);
      add_half(k % 2 ? -after : before, quarter[k]);
    }
    float sum = 0.0f;
    for (const float tap : taps) sum += std::abs(tap);
    return sum;
  }
};

constexpr int kLead = 4;   // half points before and behind a span
constexpr int kSpare = 6;  // hops that are read without use, see FinishKernels

// The points at 1/4, 1/2 and 3/4 after each frame of a span, the latter two from a few frames before it on.
struct Points {
  float first[kSpan], early_second[kLead + kSpan + kLead + kWide], early_third[kLead + kSpan + kWide];
  float* second() noexcept { return early_second + kLead; }
  float* third() noexcept { return early_third + kLead; }
};

// The points halfway after the frames. The samples are loaded once, which the compiler would not do.
template <int kRows>
SYNTH_INLINE void halve(const StrictFilter& filter, const float* x, float* out) noexcept {
  Wide sums[kRows] = {};
  const float* left = x;
  const float* right = x + 1;
  for (int k = 0; k < StrictFilter::kPairs; ++k, --left, ++right) {
    const Wide h = splat_wide(filter.half[k]);
    for (int r = 0; r < kRows; ++r)
      sums[r] = fuse(h, wide(left + r * kWide) + wide(right + r * kWide), sums[r]);
  }
  for (int r = 0; r < kRows; ++r) keep(sums[r], out + r * kWide);
}

__attribute__((noinline)) void interpolate(const StrictFilter& filter, const float* x, int frames,
                                           Points& points) noexcept {
  float* half = points.second();
  int n = -kLead;
  for (; n + 4 * kWide <= frames + kLead; n += 4 * kWide) halve<4>(filter, x + n, half + n);
  for (; n < frames + kLead; n += kWide) halve<1>(filter, x + n, half + n);
  const Wide q0 = splat_wide(filter.quarter[0]), q1 = splat_wide(filter.quarter[1]),
             q2 = splat_wide(filter.quarter[2]), q3 = splat_wide(filter.quarter[3]);
  const auto third = [&](int i) {
    return fuse(q3, wide(x + i - 1) + wide(half + i + 2),
                fuse(q2, wide(half + i - 1) + wide(x + i + 2),
                     fuse(q1, wide(x + i) + wide(half + i + 1), q0 * (wide(half + i) + wide(x + i + 1)))));
  };
  keep(third(-1), points.third() - 1);
  for (n = 0; n < frames; n += kWide) {
    const Wide first =
        fuse(q3, wide(half + n - 2) + wide(x + n + 2),
             fuse(q2, wide(x + n - 1) + wide(half + n + 1),
                  fuse(q1, wide(half + n - 1) + wide(x + n + 1), q0 * (wide(x + n) + wide(half + n)))));
    keep(first, points.first + n);
    keep(third(n), points.third() + n);
  }
}

// A tone at half the rate may be this much higher than four points per sample.
constexpr float kMostAdded = 1.0824f;

// The top of the sine through three points, of which the middle is the highest: sqrt(b^2 + s^2 / (1 - q^2))
// with s = (a - c) / 2 and q = (a + c) / 2b, by the root's tangent, which is never lower.
Wide crest(const Wide& a, const Wide& b, const Wide& c) noexcept {
  const Wide middle = 0.5f * (a + c), slope = 0.5f * (a - c), level = magnitude(b);
  const Wide rest = b * b - middle * middle;
  const Wide more = 0.5f * slope * slope * level / (rest + 1e-30f);
  const Wide most = (kMostAdded - 1.0f) * level;
  const auto inside = (magnitude(slope) <= magnitude(b - middle)) & ((b - middle) * b > 0.0f) & (rest > 0.0f);
  return level + (inside ? (more < most ? more : most) : Wide{});
}

// The filter of ITU-R BS.1770-4, annex 2, whose four phases are two and their mirror images. It reads up to
// half a decibel too high, mostly in noise.
constexpr int kStandardPairs = 6;
constexpr float kStandard[2][2 * kStandardPairs] = {
    {0.0017089843750f, 0.0109863281250f, -0.0196533203125f, 0.0332031250000f, -0.0594482421875f,
     0.1373291015625f, 0.9721679687500f, -0.1022949218750f, 0.0476074218750f, -0.0266113281250f,
     0.0148925781250f, -0.0083007812500f},
    {-0.0291748046875f, 0.0292968750000f, -0.0517578125000f, 0.0891113281250f, -0.1665039062500f,
     0.4650878906250f, 0.7797851562500f, -0.2003173828125f, 0.1015625000000f, -0.0582275390625f,
     0.0330810546875f, -0.0189208984375f}};
constexpr float kMostRead = 1.15f;  // times what is there

// And of the filter that our own meter has.
SYNTH_INLINE Wide reading(const MeterFilter& meter, const float* x) noexcept {
  static_assert(MeterFilter::kPairs == kStandardPairs);
  Wide even[3] = {}, odd[3] = {}, half{};
  for (int k = 0; k < kStandardPairs; ++k) {
    const Wide early = wide(x + 1 - kStandardPairs + k), late = wide(x + kStandardPairs - k);
    const Wide sum = late + early, difference = late - early;
    for (int phase = 0; phase < 2; ++phase) {
      const float a = kStandard[phase][k], b = kStandard[phase][2 * kStandardPairs - 1 - k];
      even[phase] = fuse(splat_wide(0.5f * (a + b)), sum, even[phase]);
      odd[phase] = fuse(splat_wide(0.5f * (a - b)), difference, odd[phase]);
    }
    even[2] = fuse(splat_wide(meter.even[k]), sum, even[2]);
    odd[2] = fuse(splat_wide(meter.odd[k]), difference, odd[2]);
    half = fuse(splat_wide(meter.half[k]), sum, half);
  }
  Wide top = magnitude(half);
  for (int phase = 0; phase < 3; ++phase) top = higher(top, magnitude(even[phase]) + magnitude(odd[phase]));
  return top;
}

// Of the hop at frame n of the span: exact where it may be above the floor. The crest is that through the
// highest of each frame's four points and its neighbours.
float highest_of_hop(const MeterFilter& meter, const float* x, Points& points, int n, float floor) noexcept {
  Wide top{};
  for (const int end = n + kHop; n < end; n += kWide) {
    const Wide p[6] = {wide(points.third() + n - 1), wide(x + n),
                       wide(points.first + n),       wide(points.second() + n),
                       wide(points.third() + n),     wide(x + n + 1)};
    Wide a = p[0], b = p[1], c = p[2];
    for (int k = 2; k < 5; ++k) {
      const auto further = magnitude(p[k]) > magnitude(b);
      a = further ? p[k - 1] : a, b = further ? p[k] : b, c = further ? p[k + 1] : c;
    }
    top = higher(top, magnitude(b));
    if (!reaches(magnitude(b), floor * (1.0f / (kMostAdded * kMostRead)))) continue;
    top = higher(top, higher(crest(a, b, c), reading(meter, x + n)));
  }
  return highest(top);
}

void search(const float* x, int hops, float floor, Points& points, float* peaks) noexcept {
  interpolate(StrictFilter::instance(), x, hops * kHop, points);
  for (int j = 0; j < hops; ++j)
    peaks[j] = highest_of_hop(MeterFilter::instance(), x, points, j * kHop, floor);
}

constexpr float kLoud = 0x1p40f;  // the cubes of higher samples do not fit into a float

// The same of one hop, where samples are that high: by a copy that is about as high as one. Hop by hop,
// because what a hop gives may not depend on those that are searched with it.
__attribute__((noinline)) void search_loud(const float* x, float floor, Points& points,
                                           float* peak) noexcept {
  constexpr int kHops = kNear + 1 + kNear;
  float top = 0.0f;
  for (int k = 0; k < kHops; ++k) top = std::max(top, highest_sample(x + (k - kNear) * kHop));
  if (top < kLoud) return search(x, 1, floor, points, peak);
  const int binades = std::min(std::ilogb(top), 120);
  const float down = std::ldexp(1.0f, -binades);
  float quiet[(kHops + kSpare) * kHop];
  for (int n = 0; n < (kHops + kSpare) * kHop; ++n) quiet[n] = down * x[n - kNear * kHop];
  search(quiet + kNear * kHop, 1, down * floor, points, peak);
  *peak *= std::ldexp(1.0f, binades);
}

}  // namespace

static_assert(StrictFilter::kPairs + kLead <= kNear * kHop);

void strict_peaks(const float* x, int hops, float floor, const float* samples, float* peaks) {
  std::copy_n(samples, hops, peaks);
  Points points;
  spans(x, hops, kHopsPerSpan, StrictFilter::instance().reach * kMostAdded * kMostRead, floor, samples,
        [&](int begin, int end, float top) {
          const float* at = x + begin * kHop;
          if (top < kLoud)
            search(at, end - begin, floor, points, peaks + begin);
          else
            for (int j = begin; j < end; ++j) search_loud(x + j * kHop, floor, points, peaks + j);
        });
}

}  // namespace SYNTH_ISA
}  // namespace synth
