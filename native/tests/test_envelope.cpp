#include "check.h"
#include "sound.h"
#include "synth/dsp/envelope.h"

using namespace sound;

namespace {

constexpr float kRate = 48000.0f;
constexpr int kLane = 3;

// The way that an instrument runs it: at most 64 frames at a time, control lines in between.
std::vector<float> run(synth::LaneAdsr& envelope, const synth::AdsrTimes& times, int frames) {
  std::vector<float> levels;
  synth::F8 out[64];
  for (int at = 0; at < frames; at += 64) {
    const int n = std::min(64, frames - at);
    envelope.settle(times);
    envelope.fill(out, n);
    for (int i = 0; i < n; ++i) levels.push_back(out[i][kLane]);
  }
  return levels;
}

}  // namespace

TEST(adsr_keeps_its_times) {
  const auto times = synth::AdsrTimes::of(0.1f, 0.2f, 0.5f, 0.3f, kRate);
  synth::LaneAdsr envelope;
  CHECK(!envelope.active(kLane));
  envelope.on(kLane, times);
  const auto attack = run(envelope, times, 4800);
  CHECK_NEAR(attack[2399], 0.5, 0.001);
  CHECK_NEAR(attack[4799], 1.0, 0.001);
  CHECK_NEAR(run(envelope, times, 9600)[9599], 0.5 + 0.01 * 0.5, 0.001);  // 99 % of the way
  const float before = run(envelope, times, 48000).back();
  CHECK_NEAR(before, 0.5, 1e-4);
  envelope.off(kLane, times);
  CHECK_NEAR(decibel(run(envelope, times, 14400)[14399] / before), -60.0, 0.1);
  CHECK_NEAR(run(envelope, times, 14400).back(), 0.0, 0.0);
  CHECK(!envelope.active(kLane));
}

TEST(adsr_struck_again_rises_from_where_it_is) {
  const auto times = synth::AdsrTimes::of(0.01f, 0.1f, 0.8f, 0.5f, kRate);
  synth::LaneAdsr envelope;
  envelope.on(kLane, times);
  run(envelope, times, 9600);
  envelope.off(kLane, times);
  const float level = run(envelope, times, 2400).back();
  envelope.on(kLane, times);
  CHECK_NEAR(run(envelope, times, 1)[0], level, 0.003);
}

TEST(lanes_of_an_envelope_do_not_touch_each_other) {
  const auto times = synth::AdsrTimes::of(0.02f, 0.1f, 0.6f, 0.2f, kRate);
  synth::LaneAdsr alone, crowd;
  for (synth::LaneAdsr* envelope : {&alone, &crowd}) envelope->on(kLane, times);
  for (int lane : {0, 1, 7}) crowd.on(lane, times);
  for (int i = 0; i < 8; ++i) {
    crowd.off(i % 3, times);
    CHECK(run(alone, times, 640) == run(crowd, times, 640));
    crowd.on(i % 3, times);
  }
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
