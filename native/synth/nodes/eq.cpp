// Node eq: a parametric equalizer of two shelves and three peaks.
#include <cstring>

#include "synth/dsp/filter.h"
#include "synth/dsp/lane_math.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace eq {
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
constexpr Neutral kNeutral[] = {
    {kDb, 0.0f}, {3 + kDb, 0.0f}, {6 + kDb, 0.0f}, {9 + kDb, 0.0f}, {12 + kDb, 0.0f}};

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

// The way of one band's coefficients to a new shape.
class Band {
 public:
  void jump(const Shape& shape) noexcept {
    each(shape, [](Smooth& line, float value) { line.jump(value); });
  }
  void aim(const Shape& shape, int frames) noexcept {
    each(shape, [frames](Smooth& line, float value) { line.aim(value, frames); });
  }
  void advance(int frames) noexcept {
    for (Smooth& line : lines_) line.advance(frames);
  }
  [[nodiscard]] bool moves() const noexcept {
    return std::any_of(lines_, lines_ + kLines, [](const Smooth& line) { return line.moves(); });
  }
  [[nodiscard]] bool arrived(int frames) const noexcept { return lines_[0].done() >= frames; }
  [[nodiscard]] const Smooth& line(int i) const noexcept { return lines_[i]; }
  static constexpr int kLines = 6;

 private:
  template <class Set>
  void each(const Shape& s, Set set) noexcept {
    const float values[] = {s.c1, s.c2, s.c3, s.input, s.first, s.second};
    for (int i = 0; i < kLines; ++i) set(lines_[i], values[i]);
  }
  Smooth lines_[kLines];
};

// Two lanes on, with two values below.
SYNTH_INLINE F8 moved_up(float first, float second, const F8& x) noexcept {
#if defined(__AVX__)
  return __builtin_shufflevector(F8{first, second}, x, 0, 1, 8, 9, 10, 11, 12, 13);
#else
  const F4 low = lower(x), high = upper(x);
  return of_halves(__builtin_shufflevector(F4{first, second}, low, 0, 1, 4, 5),
                   __builtin_shufflevector(low, high, 2, 3, 4, 5));
#endif
}

struct State {
  float first[2] = {}, second[2] = {};  // left, right
};

// Four bands of two channels in one vector. A band takes what the band before it gave one turn earlier, so
// that all four work at once, each a frame behind the last; the first and the last turns of a call belong to
// some of them only, which keeps the sound as long as it is. A place without a band lets through.
class Cascade {
 public:
  static constexpr int kPlaces = 4;

  void put(int place, const Band* band, const State& state) noexcept {
    for (int side = 0; side < 2; ++side) {
      const int lane = 2 * place + side;
      for (int i = 0; i < Band::kLines; ++i) {
        from_[i][lane] = band ? band->line(i).from() : i == 3 ? 1.0f : 0.0f;
        step_[i][lane] = band ? band->line(i).step() : 0.0f;
      }
      first_[lane] = state.first[side], second_[lane] = state.second[side];
    }
    done_ = 0;
  }
  [[nodiscard]] State state(int place) const noexcept {
    return {{first_[2 * place], first_[2 * place + 1]}, {second_[2 * place], second_[2 * place + 1]}};
  }

  template <bool kMoves>
  void run(const StereoView& in, const Stereo& out, int frames) noexcept {
    constexpr int kLate = kPlaces - 1;
    const I8 late = {0, 0, 1, 1, 2, 2, 3, 3};
    const F8 time = splat(static_cast<float>(done_)) - to_float(late);
    F8 c[Band::kLines], first = first_, second = second_, y{};
    for (int i = 0; i < Band::kLines; ++i) c[i] = from_[i];
    const auto turn = [&](int t, bool edge) {
      if constexpr (kMoves)
        for (int i = 0; i < Band::kLines; ++i)
          c[i] = fma(step_[i], time + splat(static_cast<float>(t)), from_[i]);
      const F8 x = t < frames ? moved_up(in.left[t], in.right[t], y) : moved_up(0.0f, 0.0f, y);
      const F8 d = x - second, held = fma(c[4], first, c[5] * second);
      const F8 to_second = fma(c[2], d, fma(c[1], first, second));
      const F8 to_first = fma(c[0], first, c[1] * d);
      y = fma(c[3], x, held);
      const I8 busy = (late <= t) & (late > t - frames);
      first = edge ? (busy ? to_first : first) : to_first;
      second = edge ? (busy ? to_second : second) : to_second;
      if (t >= kLate) out.left[t - kLate] = y[6], out.right[t - kLate] = y[7];
    };
    for (int t = 0; t < kLate; ++t) turn(t, true);
    for (int t = kLate; t < frames; ++t) turn(t, false);
    for (int t = std::max(kLate, frames); t < frames + kLate; ++t) turn(t, true);
    first_ = first, second_ = second;
    done_ += frames;
  }

 private:
  F8 first_{}, second_{}, from_[Band::kLines]{}, step_[Band::kLines]{};
  int done_ = 0;
};

class Eq final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    if (used_ == 0) {
      std::copy_n(in.left, frames, out.left);
      std::copy_n(in.right, frames, out.right);
      return;
    }
    StereoView from = in;
    for (int k = 0; k * Cascade::kPlaces < used_; ++k) {
      if (moving_)
        cascades_[k].run<true>(from, out, frames);
      else
        cascades_[k].run<false>(from, out, frames);
      from = {out.left, out.right};
    }
    if (moving_)
      for (Band& band : bands_) band.advance(frames);
  }

 protected:
  void prepare() override {
    for (int b = 0; b < kBands; ++b) bands_[b].jump(shape(b));
  }
  // A band of 0 dB that rests is left out.
  void control() noexcept override {
    if (!moving_ && std::memcmp(values_, params(), sizeof values_) == 0) return;
    int order[kBands], used = 0;
    moving_ = false;
    for (int b = 0; b < kBands; ++b) {
      if (changed(b) || (bands_[b].moves() && !bands_[b].arrived(block())))
        bands_[b].aim(shape(b), block());
      else if (bands_[b].moves())
        bands_[b].jump(shape(b));
      moving_ |= bands_[b].moves();
      if (param(kFirst[b] + kDb) != 0.0f || bands_[b].moves()) order[used++] = b;
    }
    arrange(order, used);
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
  // Bands keep their state wherever they are put; one that comes in begins with none.
  void arrange(const int* order, int used) noexcept {
    State states[kBands];
    for (int k = 0; k < used_; ++k)
      states[order_[k]] = cascades_[k / Cascade::kPlaces].state(k % Cascade::kPlaces);
    for (int k = 0; k < 2 * Cascade::kPlaces; ++k) {
      const bool filled = k < used;
      cascades_[k / Cascade::kPlaces].put(k % Cascade::kPlaces, filled ? &bands_[order[k]] : nullptr,
                                          filled ? states[order[k]] : State{});
    }
    std::copy_n(order, used, order_);
    used_ = used;
  }

  Band bands_[kBands];
  Cascade cascades_[2];
  float values_[3 * kBands] = {};
  int order_[kBands] = {}, used_ = 0;
  bool moving_ = false;
};

}  // namespace
}  // namespace eq

const NodeType kEqType{"eq",        "parametric equalizer", true,  false,
                       eq::kSpec,   make_node<eq::Eq>,      false, Role::audio,
                       eq::kNeutral};

}  // namespace SYNTH_ISA
}  // namespace synth
