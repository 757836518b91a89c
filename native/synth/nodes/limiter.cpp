// Node limiter: no true peak above a ceiling.
#include "synth/dsp/frames.h"
#include "synth/dsp/smooth.h"
#include "synth/finish/softener.h"
#include "synth/kernels/finish.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace limiter {
namespace {

constexpr int kReach = 4;  // hops in which the gain may move before a peak
struct Kernels {
  static constexpr auto sample_peaks = synth::SYNTH_ISA::sample_peaks;
  static constexpr auto strict_peaks = synth::SYNTH_ISA::strict_peaks;
  static constexpr auto soften = synth::SYNTH_ISA::soften;
};
constexpr int kBehind = Softener<Kernels>::kBehind, kMost = Softener<Kernels>::kMost;
static_assert(kMost > kMaxBlock / kHop);
constexpr int kLatency = (kReach + kBehind + 1) * kHop;  // frames: 3.3 ms at 44.1 kHz
constexpr int kKept = 2 * kLatency, kRoom = 4 * kMaxBlock, kSlack = 16 * kHop;
constexpr float kMargin = 0.983f;  // -0.15 dB: what the search may miss, and what a moving gain adds

enum { kCeiling, kRelease, kGain };
constexpr ParamSpec kSpec[] = {
    {"ceiling_dbtp", "dB", -40, 0, -1, "highest true peak"},
    {"release_s", "s", 0.005f, 2, 0.06f, "63 % of a letting go"},
    {"gain_db", "dB", -24, 36, 0, "level before it; above 0 it makes louder"},
};

// The gain at the starts of hops, from the true peaks of the hops: the least that is asked for within kReach
// hops, let go slowly, averaged over kReach hops. Every value of that mean is low enough for the hop it is
// used in, so the gain never comes too late (see finish/limiter.h, which does the same to a whole sound).
class GainKnots {
 public:
  void clear() noexcept {
    std::fill(std::begin(asked_), std::end(asked_), 1.0f), std::copy_n(asked_, kReach, let_go_);
    last_ = 1.0f, calm_ = true;
  }
  // Returns the gain where the hop starts that came kReach hops before the one of this peak.
  float push(float peak, float ceiling, float share) noexcept {
    const float need = peak > ceiling ? ceiling / peak : 1.0f;
    if (calm_ && need == 1.0f) return 1.0f;
    std::copy(asked_ + 1, asked_ + kReach, asked_);
    asked_[kReach - 1] = std::min(last_, need);  // of the hops before and after the knot
    last_ = need;
    const float least = *std::min_element(asked_, asked_ + kReach), before = let_go_[kReach - 1];
    std::copy(let_go_ + 1, let_go_ + kReach, let_go_);
    const float risen = before + share * (1.0f - before);
    let_go_[kReach - 1] = std::min(least, risen > kAllButOne ? 1.0f : risen);
    float sum = 0.0f;
    for (const float gain : let_go_) sum += gain;
    calm_ = need == 1.0f && least == 1.0f && sum == kReach;
    return sum / kReach;
  }

 private:
  static constexpr float kAllButOne = 0.999995f;  // a gain that only approached one would never be calm
  float asked_[kReach], let_go_[kReach], last_ = 1.0f;
  bool calm_ = true;  // nothing but ones
};

class Limiter final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    if (end_ + frames > kRoom) rewind();
    take(in.left, x_[0], frames);
    take(in.right, x_[1], frames);
    gain_.advance(frames);
    end_ += frames;
    const int hops = (phase_ + frames) / kHop;
    phase_ = (phase_ + frames) % kHop;
    hops_ += hops;
    search(hops);
    give(out, frames);
  }

 protected:
  void prepare() override {
    for (float** x : {&x_[0], &x_[1], &soft_[0], &soft_[1]}) *x = arena().floats(kRoom + kSlack);
    end_ = kKept;
    ceiling_db_ = param(kCeiling);
    line_.clear();
    std::fill(std::begin(knots_), std::end(knots_), 1.0f);
  }
  void advance() noexcept override {
    ceiling_db_ = towards(ceiling_db_, param(kCeiling), 600.0f * block_s());
  }
  void control() noexcept override {
    if (held_db_ != ceiling_db_) held_db_ = ceiling_db_, ceiling_ = kMargin * gain_from_db(ceiling_db_);
    if (gain_db_ != param(kGain)) gain_db_ = param(kGain), level_ = gain(kGain);
    if (release_s_ != param(kRelease)) {
      release_s_ = param(kRelease);
      share_ = 1.0f - std::exp(-static_cast<float>(kHop) / (release_s_ * rate()));
    }
    follow_level(gain_, level_);
  }

 private:
  void rewind() noexcept {
    for (float* x : {x_[0], x_[1], soft_[0], soft_[1]})
      std::memmove(x, x + end_ - kKept, kKept * sizeof(float));
    end_ = kKept;
  }
  void take(const float* from, float* x, int frames) noexcept {
    for (int i = 0; i < frames; i += kLanes) {
      const int n = std::min(kLanes, frames - i);
      store_some(x + end_ + i, ahead(gain_, i) * load_some(from + i, n), n);
    }
  }
  [[nodiscard]] float* hop_of(float* x, std::int64_t hop) const noexcept {
    return x + end_ - phase_ - (hops_ - hop) * kHop;
  }
  // The peaks of all hops that have become known, and their knots.
  void search(int hops) noexcept {
    float peaks[kMost];
    softener_.process(
        hops, 2, ceiling_, [this](std::size_t side, std::int64_t hop) { return hop_of(x_[side], hop); },
        [this](std::size_t side, std::int64_t hop) { return hop_of(soft_[side], hop); },
        [](std::size_t, std::int64_t, int, const float*) {}, peaks);
    for (int j = 0; j < hops; ++j) knots_[known_++ % kKnots] = line_.push(peaks[j], ceiling_, share_);
  }
  void give(const Stereo& out, int frames) noexcept {
    float* const outs[2] = {out.left, out.right};
    for (int i = 0; i < frames;) {
      const int n = std::min(frames - i, kHop - given_phase_), from = end_ - frames + i - kLatency;
      const F8 start = splat(knots_[given_ % kKnots]), end = splat(knots_[(given_ + 1) % kKnots]);
      for (int k = 0; k < n; k += kLanes) {
        const int some = std::min(kLanes, n - k);
        const F8 share = (splat(static_cast<float>(given_phase_ + k)) + lane_index()) * splat(1.0f / kHop);
        const F8 g = lerp(start, end, share);
        for (int side = 0; side < 2; ++side)
          store_some(outs[side] + i + k, g * load_some(soft_[side] + from + k, some), some);
      }
      i += n, given_phase_ += n;
      if (given_phase_ == kHop) given_phase_ = 0, ++given_;
    }
  }

  static constexpr std::uint32_t kKnots = 128;  // more than a block holds
  static_assert(kKnots * kHop > kMaxBlock + kLatency);
  float* x_[2] = {};     // what comes in
  float* soft_[2] = {};  // what goes out, without its gain
  float knots_[kKnots];
  Softener<Kernels> softener_;
  GainKnots line_;
  Smooth gain_;
  int end_ = 0, phase_ = 0, given_phase_ = 0;
  std::int64_t hops_ = 0;
  std::uint32_t known_ = 2, given_ = 0;  // knots, by the hop that starts there
  float ceiling_db_ = 1.0f, held_db_ = 1.0f, ceiling_ = 1.0f, gain_db_ = 0.0f, level_ = 1.0f,
        release_s_ = 0.0f, share_ = 0.0f;
};

}  // namespace
}  // namespace limiter

const NodeType kLimiterType{"limiter",      "look-ahead true-peak limiter, 144 frames late",
                            true,           false,
                            limiter::kSpec, make_node<limiter::Limiter>};

}  // namespace SYNTH_ISA
}  // namespace synth
