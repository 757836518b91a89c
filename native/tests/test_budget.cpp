#include <algorithm>

#include "check.h"
#include "sound.h"
#include "synth/denormals.h"

using namespace sound;

namespace {

std::shared_ptr<const synth::Plan> rich() {
  return plan_of("poly", {{"unison", 7.0}, {"voices", 16.0}}, "gain", {});
}

}  // namespace

TEST(what_costs_too_much_is_given_up_in_the_documented_order) {
  const std::vector<std::string> given_up = synth::fit(rich(), 44100.0, 64, 1e-6).degraded;
  const std::vector<std::string> want = {"a: quality high -> draft", "a: unison 7 -> 3", "a: unison 3 -> 1",
                                         "a: voices 16 -> 8",        "a: voices 8 -> 4", "a: voices 4 -> 2",
                                         "a: voices 2 -> 1"};
  CHECK(given_up == want);
}

TEST(effects_become_drafts_after_instruments_and_before_voices_are_lost) {
  const auto plan = plan_of("poly", {{"unison", 2.0}, {"voices", 2.0}}, "reverb", {});
  const std::vector<std::string> want = {"a: quality high -> draft", "a: unison 2 -> 1",
                                         "fx: quality high -> draft", "a: voices 2 -> 1"};
  CHECK(synth::fit(plan, 44100.0, 64, 1e-6).degraded == want);
}

TEST(no_more_is_given_up_than_needed) {
  const auto plan = rich();
  const double whole = synth::cost_of(*plan, 44100.0, 64);
  CHECK(whole > 0.0);
  const synth::Fitted untouched = synth::fit(plan, 44100.0, 64, 1.01 * whole);
  CHECK(untouched.degraded.empty());
  CHECK(untouched.plan == plan);
  const synth::Fitted fitted = synth::fit(plan, 44100.0, 64, 0.99 * whole);
  CHECK(fitted.degraded.size() >= 1 && fitted.degraded.size() < 7);
  CHECK(synth::cost_of(*fitted.plan, 44100.0, 64) <= 0.99 * whole);
}

TEST(events_do_not_raise_again_what_was_given_up) {
  const std::vector<synth::EventSpec> more = {
      {.frame = 0, .type = "set", .node = "a", .param = "unison", .value = 7.0}, note_on(1, 57)};
  synth::Renderer limited(rich(), 44100.0, 1, 64, {.max_cpu = 1e-4}), plain(rich(), 44100.0, 1, 64);
  synth::Renderer thin(plan_of("poly", {{"quality", "draft"}, {"voices", 1.0}}, "gain", {}), 44100.0, 1, 64);
  for (synth::Renderer* renderer : {&limited, &plain}) renderer->schedule(more);
  thin.schedule({note_on(1, 57)});
  CHECK(!limited.status().degraded.empty());
  CHECK(plain.status().degraded.empty());
  const Audio a = render(limited, 5000), b = render(thin, 5000), c = render(plain, 5000);
  CHECK(a.left == b.left);
  CHECK(a.left != c.left);
}

TEST(latency_bounds_the_block) {
  const auto block_at = [](double latency_ms, int asked) {
    return synth::Renderer(plan_of("noise", {}), 44100.0, 1, asked, {.max_latency_ms = latency_ms})
        .status()
        .block;
  };
  CHECK(block_at(10.0, 64) == 64);
  CHECK(block_at(10.0, 1024) == 256);
  CHECK(block_at(1.0, 100) == 25);
  CHECK(block_at(0.1, 64) == 16);
  CHECK_THROWS_WITH(block_at(0.0, 64), "max_latency_ms = 0 ms", "0.01 to 10000 ms");
  CHECK_THROWS_WITH(synth::Renderer(plan_of("noise", {}), 44100.0, 1, 64, {.max_cpu = 2.0}), "max_cpu = 2",
                    "0.0001 to 1");
}

TEST(the_callers_floating_point_mode_comes_back) {
  volatile float tiny = 1e-30f;
  synth::Renderer renderer(plan_of("noise", {}), 44100.0, 1, 64);
  (void)render(renderer, 100);
  CHECK(tiny * 1e-10f != 0.0f);
  const synth::FlushDenormals flush;
  CHECK(tiny * 1e-10f == 0.0f);
}
