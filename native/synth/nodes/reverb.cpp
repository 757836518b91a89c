// Node reverb: a feedback delay network.
#include "synth/dsp/delay_line.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace {

constexpr int kLines = 8;
// Seconds; made prime in frames, so that no two echoes fall together.
constexpr double kLineTimes[kLines] = {0.0297, 0.0353, 0.0401, 0.0437, 0.0487, 0.0531, 0.0599, 0.0671};
constexpr double kDiffuserTimes[4] = {0.0047, 0.0036, 0.0127, 0.0093};

enum { kRt60, kMix, kDamping, kPreDelay };
constexpr ParamSpec kSpec[] = {
    {"rt60_s", "s", 0.2f, 20, 2, "fall of low frequencies by 60 dB"},
    {"mix", "", 0, 1, 0.3f, "share of the reverb"},
    {"damping_hz", "Hz", 500, 20000, 6000, "where the decay time has halved"},
    {"pre_delay_s", "s", 0, 0.25f, 0.01f, "before the first reflection"},
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

// Schroeder's all-pass, to make the first echoes dense.
struct Diffuser {
  DelayLine line;
  int length = 1;
  float step(float x) noexcept {
    const float delayed = line.read(length - 1);
    const float inner = x - 0.6f * delayed;
    line.write(inner);
    return delayed + 0.6f * inner;
  }
};

// Jot and Chaigne, AES 90th convention, 1991: a lossless loop (here an 8 x 8 Hadamard matrix) in which each
// line loses exactly what its length asks for, with a one-pole filter that shortens the decay of high
// frequencies.
class Reverb final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    for (int i = 0; i < frames; ++i) {
      pre_left_.write(in.left[i]);
      pre_right_.write(in.right[i]);
      const float distance = pre_delay_.at(i);
      float l = pre_left_.read(distance), r = pre_right_.read(distance);
      l = diffusers_[1].step(diffusers_[0].step(l));
      r = diffusers_[3].step(diffusers_[2].step(r));
      float wet_left, wet_right;
      turn(l, r, wet_left, wet_right);
      const float mix = mix_.at(i);
      out.left[i] = in.left[i] + mix * (wet_left - in.left[i]);
      out.right[i] = in.right[i] + mix * (wet_right - in.right[i]);
    }
    mix_.advance(frames);
    pre_delay_.advance(frames);
  }

 protected:
  void prepare() override {
    const double rate_hz = static_cast<double>(rate());
    for (DelayLine* line : {&pre_left_, &pre_right_})
      line->prepare(arena(), static_cast<int>(0.25 * rate_hz) + 4);
    for (std::size_t i = 0; i < 4; ++i) {
      diffusers_[i].length = next_prime(static_cast<int>(kDiffuserTimes[i] * rate_hz));
      diffusers_[i].line.prepare(arena(), diffusers_[i].length);
    }
    for (std::size_t i = 0; i < kLines; ++i) {
      lengths_[i] = next_prime(static_cast<int>(kLineTimes[i] * rate_hz));
      lines_[i].prepare(arena(), lengths_[i]);
    }
  }

  void control() noexcept override {
    follow(mix_, param(kMix));
    follow(pre_delay_, std::max(param(kPreDelay) * rate(), 1.0f));
    if (rt60_ == param(kRt60) && damping_ == param(kDamping)) return;
    rt60_ = param(kRt60);
    damping_ = param(kDamping);
    const double cosine = std::cos(2.0 * 3.141592653589793 * std::min(damping_ / rate(), 0.49f));
    for (std::size_t i = 0; i < kLines; ++i) design(i, cosine);
  }

 private:
  // One pass through the line loses `loss` at 0 Hz and loss^2 (half the decay time) at damping_hz:
  // solve |(1 - p) / (1 - p z^-1)| = loss there for the pole p.
  void design(std::size_t i, double cosine) noexcept {
    const double loss = std::pow(10.0, -3.0 * lengths_[i] / static_cast<double>(rt60_ * rate()));
    const double square = loss * loss, b = 1.0 - square * cosine, a = 1.0 - square;
    const double pole = std::clamp((b - std::sqrt(std::max(b * b - a * a, 0.0))) / a, 0.0, 0.999);
    pole_[i] = static_cast<float>(pole);
    in_[i] = static_cast<float>(loss * (1.0 - pole));
  }

  void turn(float l, float r, float& wet_left, float& wet_right) noexcept {
    alignas(16) float x[kLines], y[kLines];
    for (std::size_t i = 0; i < kLines; ++i) x[i] = lines_[i].read(lengths_[i] - 1);
    for (std::size_t i = 0; i < kLines; ++i) x[i] = state_[i] = in_[i] * x[i] + pole_[i] * state_[i];
    wet_left = 0.5f * (x[0] - x[2] + x[4] - x[6]);
    wet_right = 0.5f * (x[1] - x[3] + x[5] - x[7]);
    for (int i = 0; i < 4; ++i) y[i] = x[i] + x[i + 4], y[i + 4] = x[i] - x[i + 4];
    for (int i = 0; i < 8; i += 4)
      for (int k = i; k < i + 2; ++k) x[k] = y[k] + y[k + 2], x[k + 2] = y[k] - y[k + 2];
    for (int i = 0; i < 8; i += 2) y[i] = x[i] + x[i + 1], y[i + 1] = x[i] - x[i + 1];
    constexpr float kOrthogonal = 0.35355339f;  // 1 / sqrt(8)
    for (std::size_t i = 0; i < kLines; ++i)
      lines_[i].write(kOrthogonal * y[i] + (i % 2 == 0 ? l : r) * 0.5f);
  }

  DelayLine pre_left_, pre_right_;
  std::array<Diffuser, 4> diffusers_;
  std::array<DelayLine, kLines> lines_;
  std::array<int, kLines> lengths_{};
  alignas(16) std::array<float, kLines> state_{}, in_{}, pole_{};
  Smooth mix_, pre_delay_;
  float rt60_ = -1.0f, damping_ = -1.0f;
};

}  // namespace

const NodeType kReverbType{"reverb",         "feedback delay network of 8 lines", true, false, kSpec,
                           make_node<Reverb>};

}  // namespace SYNTH_ISA
}  // namespace synth
