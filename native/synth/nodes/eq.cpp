// Node eq: a parametric equalizer of two shelves and three peaks.
#include "synth/dsp/filter.h"
#include "synth/dsp/stereo.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace {

constexpr int kBands = 5;

enum { kHz, kDb, kQ };  // of a band
constexpr int kFirst[kBands] = {0, 3, 6, 9, 12};
constexpr ParamSpec kSpec[] = {
    {"low_shelf_hz", "Hz", 20, 2000, 100, "middle of the low shelf's slope"},
    {"low_shelf_db", "dB", -24, 24, 0, "gain below it"},
    {"low_shelf_q", "", 0.3f, 2, 0.7071f, "steepness; above 0.7071 it overshoots"},
    {"peak1_hz", "Hz", 20, 20000, 500, "centre of the first peak"},
    {"peak1_db", "dB", -24, 24, 0, "its gain"},
    {"peak1_q", "", 0.1f, 12, 0.7071f, "its narrowness"},
    {"peak2_hz", "Hz", 20, 20000, 3000, "centre of the second peak"},
    {"peak2_db", "dB", -24, 24, 0, "its gain"},
    {"peak2_q", "", 0.1f, 12, 0.7071f, "its narrowness"},
    {"peak3_hz", "Hz", 20, 20000, 1000, "centre of the third peak"},
    {"peak3_db", "dB", -24, 24, 0, "its gain"},
    {"peak3_q", "", 0.1f, 12, 0.7071f, "its narrowness"},
    {"high_shelf_hz", "Hz", 500, 20000, 8000, "middle of the high shelf's slope"},
    {"high_shelf_db", "dB", -24, 24, 0, "gain above it"},
    {"high_shelf_q", "", 0.3f, 2, 0.7071f, "steepness; above 0.7071 it overshoots"},
};

// Coefficients of one band: the state variable filter's, and how much of its input and its two states is
// heard.
struct Shape {
  float c1, c2, c3, input, first, second;
};

// The responses of R. Bristow-Johnson's "Cookbook formulae for audio EQ biquad filters", as the state
// variable filter of filter.h, which may be moved at any speed and has no trouble with low frequencies in 32
// bits (A. Simper, "Linear trapezoidal integrated SVF", 2013).
Shape design(int kind, float hz, float db, float q, float rate) noexcept {
  const float a = std::pow(10.0f, db / 40.0f);
  float g = std::tan(kPi * std::min(hz / rate, 0.49f));
  float k = 1.0f / q;
  float straight = 1.0f, band = 0.0f, low = 0.0f;  // shares of the filter's input and outputs
  if (kind == 0) {
    g /= std::sqrt(a);
    band = k * (a - 1.0f);
    low = a * a - 1.0f;
  } else if (kind == kBands - 1) {
    g *= std::sqrt(a);
    straight = a * a;
    band = k * (1.0f - a) * a;
    low = 1.0f - a * a;
  } else {
    k /= a;
    band = k * (a * a - 1.0f);
  }
  const float scale = 2.0f / (1.0f + g * (g + k)), c2 = g * scale, c3 = g * c2;
  // Both outputs are means of a state before and after the frame. Written out in terms of the states before,
  // the way from input to output is one multiplication, which shortens the chain of bands.
  band *= 0.5f, low *= 0.5f;
  return {scale - 1.0f,
          c2,
          c3,
          straight + band * c2 + low * c3,
          band * scale + low * c2,
          low * (2.0f - c3) - band * c2};
}

// The same for both channels.
struct StereoShape {
  F4 c1, c2, c3, input, first, second;
};

class Band {
 public:
  void jump(const Shape& shape) noexcept {
    each(shape, [](Smooth& line, float value) { line.jump(value); });
  }
  void aim(const Shape& shape, int frames) noexcept {
    each(shape, [frames](Smooth& line, float value) { line.aim(value, frames); });
  }
  void clear() noexcept { s1_ = s2_ = F4{}; }
  void advance(int frames) noexcept {
    for (Smooth& line : lines_) line.advance(frames);
  }
  [[nodiscard]] bool moves() const noexcept {
    return std::any_of(lines_, lines_ + 6, [](const Smooth& line) { return line.moves(); });
  }
  [[nodiscard]] bool arrived(int frames) const noexcept { return lines_[0].done() >= frames; }
  [[nodiscard]] SYNTH_INLINE StereoShape at(int frame) const noexcept {
    return {splat4(lines_[0].at(frame)), splat4(lines_[1].at(frame)), splat4(lines_[2].at(frame)),
            splat4(lines_[3].at(frame)), splat4(lines_[4].at(frame)), splat4(lines_[5].at(frame))};
  }
  SYNTH_INLINE F4 step(const F4& x, const StereoShape& c) noexcept {
    const F4 d = x - s2_, held = fma(c.first, s1_, c.second * s2_);
    s2_ = fma(c.c3, d, fma(c.c2, s1_, s2_));
    s1_ = fma(c.c1, s1_, c.c2 * d);
    return fma(c.input, x, held);
  }

 private:
  template <class Set>
  void each(const Shape& s, Set set) noexcept {
    const float values[] = {s.c1, s.c2, s.c3, s.input, s.first, s.second};
    for (int i = 0; i < 6; ++i) set(lines_[i], values[i]);
  }
  Smooth lines_[6];
  F4 s1_{}, s2_{};
};

class Eq final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    switch (used_) {
      case 0:
        std::copy_n(in.left, frames, out.left);
        std::copy_n(in.right, frames, out.right);
        break;
      case 1:
        return run<1>(in, out, frames);
      case 2:
        return run<2>(in, out, frames);
      case 3:
        return run<3>(in, out, frames);
      case 4:
        return run<4>(in, out, frames);
      default:
        return run<5>(in, out, frames);
    }
  }

 protected:
  void prepare() override {
    for (int b = 0; b < kBands; ++b) bands_[b].jump(shape(b));
  }
  // A band of 0 dB that rests is left out.
  void control() noexcept override {
    int used = 0;
    for (int b = 0; b < kBands; ++b) {
      const bool flat = param(kFirst[b] + kDb) == 0.0f;
      if (changed(b) || (bands_[b].moves() && !bands_[b].arrived(block())))
        bands_[b].aim(shape(b), block());
      else if (bands_[b].moves())
        bands_[b].jump(shape(b));
      if (flat && !bands_[b].moves())
        bands_[b].clear();
      else
        order_[used++] = b;
    }
    used_ = used;
  }

 private:
  [[nodiscard]] Shape shape(int b) const noexcept {
    return design(b, param(kFirst[b] + kHz), param(kFirst[b] + kDb), param(kFirst[b] + kQ), rate());
  }
  bool changed(int b) noexcept {
    bool any = false;
    for (int i = kFirst[b]; i < kFirst[b] + 3; ++i) {
      any = any || values_[i] != param(i);
      values_[i] = param(i);
    }
    return any;
  }

  template <int kUsed>
  void run(const StereoView& in, const Stereo& out, int frames) noexcept {
    bool moves = false;
    for (int b = 0; b < kUsed; ++b) moves = moves || bands_[order_[b]].moves();
    moves ? run<kUsed, true>(in, out, frames) : run<kUsed, false>(in, out, frames);
  }
  // One band after the other within a frame; the next frame's first band need not wait for this one's last.
  template <int kUsed, bool kMoves>
  void run(const StereoView& in, const Stereo& out, int frames) noexcept {
    Band bands[kUsed];
    StereoShape shapes[kUsed];
    for (int b = 0; b < kUsed; ++b) {
      bands[b] = bands_[order_[b]];
      shapes[b] = bands[b].at(0);
    }
    for (int i = 0; i < frames; ++i) {
      if (kMoves)
        for (int b = 0; b < kUsed; ++b) shapes[b] = bands[b].at(i);
      F4 x = both(in.left[i], in.right[i]);
#pragma GCC unroll 5
      for (int b = 0; b < kUsed; ++b) x = bands[b].step(x, shapes[b]);
      out.left[i] = x[0];
      out.right[i] = x[1];
    }
    for (int b = 0; b < kUsed; ++b) {
      bands[b].advance(frames);
      bands_[order_[b]] = bands[b];
    }
  }

  Band bands_[kBands];
  float values_[3 * kBands] = {};
  int order_[kBands] = {}, used_ = 0;
};

}  // namespace

const NodeType kEqType{"eq", "parametric equalizer", true, false, kSpec, make_node<Eq>};

}  // namespace SYNTH_ISA
}  // namespace synth
