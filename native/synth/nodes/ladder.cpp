// Node ladder: a saturating low-pass of 24 dB per octave and its relatives.
#include "synth/dsp/filter.h"
#include "synth/dsp/smooth.h"
#include "synth/dsp/stereo.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace ladder {
namespace {

enum { kMode, kCutoff, kResonance, kDrive };
constexpr const char* kModes[] = {"lowpass24", "lowpass12", "bandpass", "highpass"};
constexpr ParamSpec kSpec[] = {
    {"mode", "", 0, 3, 0, "response", kModes},
    {"cutoff_hz", "Hz", 20, 20000, 2000, "where it resonates; -3 dB per stage without resonance"},
    {"resonance", "", 0, 1, 0, "from 0.93 on it goes on singing at its cutoff"},
    {"drive_db", "dB", -12, 36, 0, "gain into the saturation; the level is held"},
};
// What each response takes of the loop's input and of the four stages (Oberheim's pole mixing).
constexpr float kTaps[4][5] = {{0, 0, 0, 0, 1}, {0, 0, 1, 0, 0}, {0, 0, 4, -8, 4}, {1, -4, 6, -4, 1}};

// Within 0.02 of tanh, flat beyond +-3.
SYNTH_INLINE F4 saturated(F4 x) noexcept {
  const F4 top = splat4(3.0f);
  x = x > top ? top : x;
  x = x < -top ? -top : x;
  const F4 s = x * x;
  return x * (splat4(27.0f) + s) / fma(splat4(9.0f), s, splat4(27.0f));
}

// Four one-pole low-passes in a loop that is solved without delay, with a saturating input (Zavalishin, "The
// Art of VA Filter Design", chapter 5). Each stage is a contraction and its input is bounded, so the filter
// stays bounded for any motion of the cutoff. Half of what the loop takes from the pass band is given back.
class Ladder final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    const int turning = std::min(frames, taps_.left());
    if (turning > 0) {
      run<true>(in, out, turning);
      taps_.advance(turning);
    }
    if (turning < frames)
      run<false>({in.left + turning, in.right + turning}, {out.left + turning, out.right + turning},
                 frames - turning);
  }

 protected:
  void prepare() override {
    drive_db_ = param(kDrive);
    taps_.prepare(kTaps[whole(kMode)], rate());
  }
  void advance() noexcept override { drive_db_ = towards(drive_db_, param(kDrive), 1500.0f * block_s()); }
  void control() noexcept override {
    taps_.aim(kTaps[whole(kMode)]);
    const float g = std::tan(kPi * std::min(param(kCutoff) / rate(), 0.49f));
    const float drive = gain_from_db(drive_db_);
    follow(stage_, g / (1.0f + g));
    follow(loop_, 4.3f * param(kResonance));
    follow(drive_, drive);
    follow(makeup_, 1.0f / drive);
  }

 private:
  template <bool kTurning>
  void run(const StereoView& in, const Stereo& out, int frames) noexcept {
    const float(&taps)[5] = kTaps[whole(kMode)];
    F4 t0 = splat4(taps[0]), t1 = splat4(taps[1]), t2 = splat4(taps[2]), t3 = splat4(taps[3]),
       t4 = splat4(taps[4]);
    F4 s0 = s_[0], s1 = s_[1], s2 = s_[2], s3 = s_[3];
    const F4 two = splat4(2.0f), one = splat4(1.0f);
    for (int i = 0; i < frames; ++i) {
      const F4 g = splat4(stage_.at(i)), k = splat4(loop_.at(i)), drive = splat4(drive_.at(i));
      const F4 held = (one - g) * fma(g, fma(g, fma(g, s0, s1), s2), s3);
      const F4 x = drive * both(in.left[i], in.right[i]), squared = g * g;
      const F4 loud = fma(splat4(0.5f) * k, x, x);
      const F4 u = saturated((loud - k * held) / fma(k, squared * squared, one));
      const F4 y0 = fma(g, u - s0, s0), y1 = fma(g, y0 - s1, s1), y2 = fma(g, y1 - s2, s2),
               y3 = fma(g, y2 - s3, s3);
      s0 = fma(two, y0, -s0), s1 = fma(two, y1, -s1), s2 = fma(two, y2, -s2), s3 = fma(two, y3, -s3);
      if constexpr (kTurning) {
        const float share = taps_.share(i);
        t0 = splat4(taps_.at(0, share)), t1 = splat4(taps_.at(1, share)), t2 = splat4(taps_.at(2, share));
        t3 = splat4(taps_.at(3, share)), t4 = splat4(taps_.at(4, share));
      }
      const F4 y = splat4(makeup_.at(i)) * fma(t0, u, fma(t1, y0, fma(t2, y1, fma(t3, y2, t4 * y3))));
      out.left[i] = y[0];
      out.right[i] = y[1];
    }
    s_[0] = s0, s_[1] = s1, s_[2] = s2, s_[3] = s3;
    for (Smooth* s : {&stage_, &loop_, &drive_, &makeup_}) s->advance(frames);
  }

  F4 s_[4]{};
  Smooth stage_, loop_, drive_, makeup_;
  Blend<5> taps_;
  float drive_db_ = 0.0f;
};

}  // namespace
}  // namespace ladder

const NodeType kLadderType{"ladder",      "saturating ladder filter", true, false,
                           ladder::kSpec, make_node<ladder::Ladder>};

}  // namespace SYNTH_ISA
}  // namespace synth
