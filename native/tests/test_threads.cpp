// Run by the thread sanitizer too: `make tsan`.
#include <thread>

#include "check.h"
#include "sound.h"
#include "synth/pool.h"

using namespace sound;

namespace {

std::shared_ptr<const synth::Plan> piece(double cutoff_hz) {
  return synth::compile({{{"a", "poly", {{"unison", 3.0}, {"cutoff_hz", cutoff_hz}}, {}},
                          {"l", "lfo", {}, {}},
                          {"room", "reverb", {}, {"a"}}},
                         "room",
                         {{"l", "a", "cutoff_hz", 1.0, "octave"}}});
}

template <class Work>
void in_threads(std::size_t count, Work work) {
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < count; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

TEST(threads_render_one_plan_identically) {
  const auto plan = piece(1000.0);
  std::vector<Audio> results(8);
  in_threads(8, [&](std::size_t i) { results[i] = render(plan, {note_on(0, 60), note_on(999, 67)}, 20000); });
  CHECK(rms(results[0].left, 0, 20000) > 0.001);
  for (const Audio& other : results) CHECK(other.left == results[0].left && other.right == results[0].right);
}

TEST(threads_compile_measure_and_take_buffers_at_once) {
  synth::BufferPool pool;
  in_threads(8, [&](std::size_t i) {
    for (std::size_t round = 0; round < 5; ++round) {
      const auto plan = piece(500.0 + 100.0 * static_cast<double>((i + round) % 3));
      synth::Renderer renderer(plan, 44100.0, i, 64, {.max_cpu = 0.9});
      renderer.schedule({note_on(0, 60)});
      float* const block = pool.take(2000);
      renderer.render(block, block + 1000, 1000);
      pool.give(block, 2000);
      renderer.swap(piece(300.0), 0.01);
    }
  });
  CHECK(pool.stats().out_bytes == 0);
}
