#include "check.h"
#include "sound.h"
#include "synth/dsp/envelope.h"

using namespace sound;

namespace {

struct Levels {
  std::vector<float> at;
};

Levels run(synth::Adsr& envelope, int frames) {
  Levels levels{std::vector<float>(static_cast<std::size_t>(frames))};
  envelope.fill(levels.at.data(), frames);
  return levels;
}

}  // namespace

TEST(adsr_keeps_its_times) {
  synth::Adsr envelope;
  envelope.set_times(0.1f, 0.2f, 0.5f, 0.3f, 48000.0f);
  CHECK(!envelope.active());
  envelope.on();
  const Levels attack = run(envelope, 4800);
  CHECK_NEAR(attack.at[2399], 0.5, 0.001);
  CHECK_NEAR(attack.at[4799], 1.0, 0.001);
  const Levels decay = run(envelope, 9600);
  CHECK_NEAR(decay.at[9599], 0.5 + 0.01 * 0.5, 0.001);  // 99 % of the way
  run(envelope, 48000);
  CHECK_NEAR(envelope.level(), 0.5, 1e-4);
  const float before = envelope.level();
  envelope.off();
  const Levels release = run(envelope, 14400);
  CHECK_NEAR(decibel(release.at[14399] / before), -60.0, 0.1);
  run(envelope, 14400);
  CHECK(!envelope.active());
  CHECK_NEAR(envelope.level(), 0.0, 0.0);
}

TEST(adsr_struck_again_rises_from_where_it_is) {
  synth::Adsr envelope;
  envelope.set_times(0.01f, 0.1f, 0.8f, 0.5f, 48000.0f);
  envelope.on();
  run(envelope, 9600);
  envelope.off();
  const float level = run(envelope, 2400).at[2399];
  envelope.on();
  CHECK_NEAR(run(envelope, 1).at[0], level, 0.003);
}

TEST(layer_envelope_fades_in_and_out) {
  const auto audio = render(plan_of("noise", {{"gain_db", 0.0}}, "envelope",
                                    {{"attack_s", 0.5}, {"hold_s", 0.5}, {"release_s", 0.5}}),
                            {}, 88200);
  const double full = rms(audio.left, 25000, 40000);
  CHECK(rms(audio.left, 0, 500) < 0.01 * full);
  CHECK_NEAR(rms(audio.left, 10525, 11525) / full, 0.5, 0.05);
  CHECK_NEAR(rms(audio.left, 54625, 55625) / full, 0.5, 0.05);
  CHECK_NEAR(rms(audio.left, 67000, 88000), 0.0, 1e-9);
}
