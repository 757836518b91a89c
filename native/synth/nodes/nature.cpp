// Nodes wind, surf, fire, stream: weather and water from noise, slow walks and grains.
#include "synth/dsp/grains.h"
#include "synth/dsp/noise.h"
#include "synth/dsp/stereo_svf.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace nature {
namespace {

// Band-passed or low-passed stereo noise with a moving filter: the common part of these sounds.
class ShapedNoise {
 public:
  // Below 25 Hz nothing is heard; what pink noise has there would only move the speaker.
  void prepare(float rate) noexcept {
    OnePole drift;
    drift.set_cutoff(25.0f, rate);
    keep_ = drift.keep;
  }
  void jump(const SvfCoefficients& c, float level) noexcept { filter_.jump(c), level_.jump(level); }
  void aim(const SvfCoefficients& c, float level, int frames) noexcept {
    filter_.aim(c, frames), level_.aim(level, frames);
  }
  // `band` is the share of the band-pass against the low-pass.
  void add_to(const Stereo& out, int frames, float band, Random& random) noexcept {
    const F4 share = splat4(band), keep = splat4(keep_);
    Random draws = random;
    Pink pink = pink_;
    F4 drift = drift_;
    filter_.run(
        frames, [&](int) { return pink.step(white(draws)); },
        [&](int i, const StereoSvf::Frame& f) {
          const F4 sum = fma(share, f.band - f.low, f.low);
          drift = fma(keep, drift - sum, sum);
          const F4 y = splat4(level_.at(i)) * (sum - drift);
          out.left[i] += y[0], out.right[i] += y[1];
        });
    random = draws, pink_ = pink, drift_ = drift;
    level_.advance(frames);
  }

 private:
  StereoSvf filter_;
  Smooth level_;
  Pink pink_;
  F4 drift_{};
  float keep_ = 0.0f;
};

void clear(const Stereo& out, int frames) noexcept {
  std::fill_n(out.left, frames, 0.0f);
  std::fill_n(out.right, frames, 0.0f);
}

// A node of one shaped noise: says once per block how it is shaped.
class NoiseNode : public Node {
 protected:
  void shape(ShapedNoise& noise, float cutoff_hz, float q, float level) noexcept {
    const SvfCoefficients c = SvfCoefficients::design(cutoff_hz, q, rate());
    if (first_)
      noise.prepare(rate()), noise.jump(c, level);
    else
      noise.aim(c, level, block());
  }
  void prepare() override { first_ = true; }
  // Independent unit random walks of the given rate drive gusts and flicker; once per block, whatever is set.
  virtual void walks() noexcept {}
  void advance() noexcept override { walks(); }
  float walk(float& state, float rate_hz) noexcept {
    const float keep = std::exp(-2.0f * kPi * rate_hz * block_s());
    return state = keep * state + std::sqrt(1.0f - keep * keep) * slow_.gauss();
  }
  Random slow_{0};
  bool first_ = true;
};

enum { kSpeed, kGust, kWindGain };
constexpr ParamSpec kWindSpec[] = {
    {"speed", "", 0, 1, 0.5f, "0 a breeze, 1 a storm"},
    {"gust_hz", "Hz", 0.01f, 5, 0.2f, "how often it gusts"},
    {"gain_db", "dB", -60, 24, -6, "level"},
};

class Wind final : public NoiseNode {
 public:
  void process(const StereoView&, const Stereo& out, int frames) noexcept override {
    clear(out, frames);
    rumble_.add_to(out, frames, 0.0f, random_);
    whistle_.add_to(out, frames, 1.0f, random_whistle_);
  }

 protected:
  void prepare() override {
    NoiseNode::prepare();
    slow_ = Random(random_.bits());
    random_whistle_ = Random(random_.bits());
    walks();
  }
  void walks() noexcept override {
    walk(gust_, param(kGust));
    walk(pitch_, 0.5f * param(kGust));
  }
  void control() noexcept override {
    const float gust = std::exp(0.45f * gust_);
    const float speed = param(kSpeed), level = gain(kWindGain) * gust;
    shape(rumble_, (180.0f + 700.0f * speed) * gust, 0.7f, level * 0.7f);
    shape(whistle_, (350.0f + 900.0f * speed) * std::exp2(0.35f * pitch_), 5.0f,
          level * (0.15f + 0.45f * speed));
    first_ = false;
  }

 private:
  ShapedNoise rumble_, whistle_;
  Random random_whistle_;
  float gust_ = 0.0f, pitch_ = 0.0f;
};

enum { kPeriod, kSurfGain };
constexpr ParamSpec kSurfSpec[] = {
    {"period_s", "s", 2, 60, 9, "from wave to wave"},
    {"gain_db", "dB", -60, 24, -6, "level"},
};

// A wave swells slowly, breaks in a tenth of its period, and runs out; brightness follows its level. All of
// it has come to rest when the next wave begins, and no wave is as high as the one before.
class Surf final : public NoiseNode {
 public:
  void process(const StereoView&, const Stereo& out, int frames) noexcept override {
    clear(out, frames);
    swell_.add_to(out, frames, 0.0f, random_);
    foam_.add_to(out, frames, 1.0f, random_foam_);
    wave_.advance(frames);
  }

 protected:
  void prepare() override {
    NoiseNode::prepare();
    random_foam_ = Random(random_.bits());
    slow_ = Random(random_.bits());
    wave_.set_phase(0.3f);
  }
  void control() noexcept override {
    wave_.set_rate(1.0f / param(kPeriod), rate());
    const float t = wave_.turns(block());
    if (t < before_) height_ = slow_.between(0.6f, 1.15f), break_ = slow_.between(0.38f, 0.48f);
    before_ = t;
    const float rise = height_ * (t < 0.5f ? 8.0f * t * t * t : running_out(5.0f, t - 0.5f, 0.5f));
    const float broken = (t - break_) / 0.1f;
    const float foam = broken < 0.0f
                           ? 0.0f
                           : height_ * std::min(broken, 1.0f) * running_out(3.5f, t - break_, 1.0f - break_);
    const float level = gain(kSurfGain);
    shape(swell_, 220.0f + 2600.0f * rise, 0.7f, level * (0.25f + 1.1f * rise));
    shape(foam_, 3000.0f + 1500.0f * foam, 0.5f, level * (0.06f + 0.7f * foam));
    first_ = false;
  }

 private:
  // Falls from 1 by the given rate and reaches 0 when the time is over.
  static float running_out(float rate, float time, float over) noexcept {
    const float share = time / over, left = 1.0f - share * share;
    return std::exp(-rate * time) * left * left;
  }

  ShapedNoise swell_, foam_;
  Random random_foam_;
  Lfo wave_;
  float before_ = 0.0f, height_ = 1.0f, break_ = 0.42f;
};

enum { kCrackle, kFireGain };
constexpr ParamSpec kFireSpec[] = {
    {"crackle_hz", "Hz", 0.5f, 100, 12, "crackles per second"},
    {"gain_db", "dB", -60, 24, -6, "level"},
};

class Fire final : public NoiseNode {
 public:
  void process(const StereoView&, const Stereo& out, int frames) noexcept override {
    clear(out, frames);
    roar_.add_to(out, frames, 0.0f, random_);
    hiss_.add_to(out, frames, 1.0f, random_hiss_);
    crackles_.add_to(out.left, out.right, frames, [this](Grain& g) {
      Random& r = crackles_.random;
      const float size = r.uniform() * r.uniform() * r.uniform();
      g.strike(r.between(900.0f, 7000.0f), r.between(0.0005f, 0.004f), crackle_level_ * (0.05f + size),
               r.bipolar() * 0.7f, rate());
    });
  }

 protected:
  void prepare() override {
    NoiseNode::prepare();
    slow_ = Random(random_.bits());
    crackles_.random = Random(random_.bits());
    random_hiss_ = Random(random_.bits());
    walks();
  }
  void walks() noexcept override {
    walk(flicker_, 2.5f);
    walk(steam_, 0.4f);
  }
  void control() noexcept override {
    const float flicker = std::exp(0.3f * flicker_);
    shape(roar_, 240.0f * flicker, 0.7f, gain(kFireGain) * 0.5f * flicker);
    // Sap that boils: comes and goes within seconds.
    const float steam = std::exp(0.9f * steam_);
    shape(hiss_, 4500.0f, 0.6f, gain(kFireGain) * 0.02f * std::min(steam, 4.0f));
    crackles_.set_rate(param(kCrackle), rate());
    crackle_level_ = 1.5f * gain(kFireGain);
    first_ = false;
  }

 private:
  ShapedNoise roar_, hiss_;
  GrainStream<32> crackles_;
  Random random_hiss_;
  float flicker_ = 0.0f, steam_ = 0.0f, crackle_level_ = 0.0f;
};

enum { kRate, kStreamGain };
constexpr ParamSpec kStreamSpec[] = {
    {"rate", "Hz", 1, 400, 60, "bubbles per second"},
    {"gain_db", "dB", -60, 24, -6, "level"},
};

// Running water is bubbles (Minnaert 1933: small ones ring high) over a soft rush.
class Stream final : public NoiseNode {
 public:
  void process(const StereoView&, const Stereo& out, int frames) noexcept override {
    clear(out, frames);
    rush_.add_to(out, frames, 0.6f, random_);
    bubbles_.add_to(out.left, out.right, frames, [this](Grain& g) {
      Random& r = bubbles_.random;
      const float hz = 900.0f * std::exp2(0.8f * r.gauss());
      g.strike(hz, r.between(6.0f, 14.0f) / hz, bubble_level_ * r.uniform() * r.uniform(), r.bipolar(),
               rate());
    });
  }

 protected:
  void prepare() override {
    NoiseNode::prepare();
    slow_ = Random(random_.bits());
    bubbles_.random = Random(random_.bits());
    walks();
  }
  void walks() noexcept override { walk(drift_, 0.6f); }
  void control() noexcept override {
    shape(rush_, 1400.0f * std::exp2(0.3f * drift_), 0.6f, gain(kStreamGain) * 0.35f);
    bubbles_.set_rate(param(kRate), rate());
    bubble_level_ = 0.9f * gain(kStreamGain);
    first_ = false;
  }

 private:
  ShapedNoise rush_;
  GrainStream<64> bubbles_;
  float drift_ = 0.0f, bubble_level_ = 0.0f;
};

}  // namespace
}  // namespace nature

const NodeType kWindType{"wind", "wind in gusts", false, false, nature::kWindSpec, make_node<nature::Wind>};
const NodeType kSurfType{"surf", "waves on a beach", false,
                         false,  nature::kSurfSpec,  make_node<nature::Surf>};
const NodeType kFireType{"fire", "a wood fire", false, false, nature::kFireSpec, make_node<nature::Fire>};
const NodeType kStreamType{"stream", "running water",     false,
                           false,    nature::kStreamSpec, make_node<nature::Stream>};

}  // namespace SYNTH_ISA
}  // namespace synth
