// Node rain: a steady shaped hiss and the drops that stand out of it.
#include "synth/dsp/grains.h"
#include "synth/dsp/noise.h"
#include "synth/dsp/stereo_svf.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace rain {
namespace {

enum { kDensity, kDrop, kBody, kGain };
constexpr ParamSpec kSpec[] = {
    {"density_hz", "Hz", 1, 2000, 200, "audible drops per second"},
    {"drop_hz", "Hz", 1500, 12000, 4500, "centre of the drops' resonance"},
    {"body", "", 0, 1, 0.5f, "share of the steady hiss; 0 is drops alone"},
    {"gain_db", "dB", -60, 24, -6, "level"},
};

// Drops too many to tell apart are noise, shaped between about 1 and 12 kHz, whose level breathes by 1-2 dB.
// The ones that stand out are short resonant bursts; one in eight falls into water and plinks lower and
// longer.
class Rain final : public Node {
 public:
  void process(const StereoView&, const Stereo& out, int frames) noexcept override {
    Random draws = random_;
    StereoSvf low = low_;
    high_.run(
        frames, [&](int) { return white(draws); },
        [&](int i, const StereoSvf::Frame& f) {
          const F4 y = splat4(hiss_.at(i)) * low.step(f.high()).low;
          out.left[i] = y[0], out.right[i] = y[1];
        });
    random_ = draws, low_ = low;
    hiss_.advance(frames);
    drops_.add_to(out.left, out.right, frames, [this](Grain& g) { strike(g); });
  }

 protected:
  void prepare() override {
    drops_.random = Random(random_.bits());
    breath_.random = Random(random_.bits());
    high_.jump(SvfCoefficients::design(1100.0f, 0.6f, rate()));
    low_.jump(SvfCoefficients::design(9500.0f, 0.6f, rate()));
  }

  void control() noexcept override {
    drops_.set_rate(param(kDensity), rate());
    const float breath_db = 1.6f * breath_.step(0.4f, block_s());
    follow(hiss_, gain(kGain) * 0.35f * param(kBody) * gain_from_db(breath_db));
    // Energy is shared among the drops, so that density changes the texture more than the level.
    drop_level_ = gain(kGain) * (1.0f - 0.6f * param(kBody)) * 1.6f / std::pow(param(kDensity) / 20.0f, 0.3f);
  }

 private:
  // A random walk of unit variance with the given memory.
  struct Walk {
    Random random;
    float value = 0.0f;
    float step(float rate_hz, float dt_s) noexcept {
      const float keep = std::exp(-2.0f * kPi * rate_hz * dt_s);
      return value = keep * value + std::sqrt(1.0f - keep * keep) * random.gauss();
    }
  };

  void strike(Grain& g) noexcept {
    Random& r = drops_.random;
    const bool plink = r.uniform() < 0.125f;
    const float octaves = 0.45f * r.gauss() - (plink ? 1.3f : 0.0f);
    const float decay_s = plink ? r.between(0.004f, 0.009f) : r.between(0.0006f, 0.0022f);
    // Few drops fall near and many far: level goes with the inverse of a uniform distance.
    const float level = drop_level_ * 0.12f / (0.12f + r.uniform()) * r.between(0.5f, 1.0f);
    g.strike(param(kDrop) * std::exp2(octaves), decay_s, plink ? 0.5f * level : level, r.bipolar(), rate());
  }

  StereoSvf high_, low_;
  GrainStream<96> drops_;
  Walk breath_;
  Smooth hiss_;
  float drop_level_ = 0.0f;
};

}  // namespace
}  // namespace rain

const NodeType kRainType{"rain",      "rain: hiss and single drops", false, false,
                         rain::kSpec, make_node<rain::Rain>};

}  // namespace SYNTH_ISA
}  // namespace synth
