// Rendering and measuring for the tests.
#pragma once

#include <complex>
#include <cstdint>
#include <map>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "synth/renderer.h"

namespace sound {

struct Audio {
  std::vector<float> left, right;
};

using Params = std::map<std::string, std::variant<double, std::string>>;

// One node alone.
inline std::shared_ptr<const synth::Plan> plan_of(const std::string& type, const Params& params) {
  return synth::compile({{{"a", type, params, {}}}, "a"});
}
// Something, through an effect.
inline std::shared_ptr<const synth::Plan> plan_of(const std::string& source, const Params& source_params,
                                                  const std::string& effect, const Params& params) {
  return synth::compile({{{"a", source, source_params, {}}, {"fx", effect, params, {"a"}}}, "fx"});
}

// A node of any type where it belongs: behind noise, in front of the output, or moving a level.
inline std::shared_ptr<const synth::Plan> alone(const synth::NodeType& type, const Params& params) {
  synth::GraphSpec graph{{{"noise", "noise", {}, {}}, {"a", type.name, params, {}}}, "a"};
  if (type.takes_input) graph.nodes[1].inputs = {"noise"};
  if (type.takes_sidechain) graph.nodes[1].sidechain = {"noise"};
  if (type.role == synth::Role::control) {
    graph.nodes.push_back({"out", "gain", {}, {"noise"}});
    graph.modulations = {{"a", "out", "gain_db", 12.0}};
    graph.output = "out";
  }
  return synth::compile(graph);
}

inline synth::EventSpec note_on(std::int64_t frame, double note, double velocity = 1.0) {
  return {.frame = frame,
          .type = "note_on",
          .node = "a",
          .note = note,
          .velocity = velocity,
          .param = "",
          .value = 0.0};
}
inline synth::EventSpec note_off(std::int64_t frame, double note) {
  return {.frame = frame, .type = "note_off", .node = "a", .note = note, .param = "", .value = 0.0};
}

inline Audio render(synth::Renderer& renderer, std::size_t frames) {
  Audio audio{std::vector<float>(frames), std::vector<float>(frames)};
  renderer.render(audio.left.data(), audio.right.data(), static_cast<std::int64_t>(frames));
  return audio;
}

inline Audio render(const std::shared_ptr<const synth::Plan>& plan,
                    const std::vector<synth::EventSpec>& events, std::size_t frames, double rate = 44100.0) {
  synth::Renderer renderer(plan, rate, 1, 64);
  renderer.schedule(events);
  return render(renderer, frames);
}

// An effect that hears the given audio, and afterwards silence for as long as it is rendered.
Audio through(const std::string& effect, const Params& params, Audio input, std::size_t frames,
              double rate = 44100.0);
Audio impulse();  // one sample of 1 on both sides
Audio tone(double hz, double level, std::size_t frames, double rate = 44100.0);
// Magnitude of the Fourier transform of x at one frequency: of an impulse response, the gain there.
double gain_at(const std::vector<float>& x, double hz, double rate = 44100.0);

// Blackman-Harris windowed spectrum, magnitude squared. The size must be a power of two.
std::vector<double> power_spectrum(const float* x, std::size_t size);
// Frequency of a steady tone near `hz`, from the phase advance between two windows.
double frequency_near(const std::vector<float>& x, std::size_t start, double hz, double rate);
double rms(const std::vector<float>& x, std::size_t begin, std::size_t end);
double decibel(double ratio);
// Peak of what lies above 6 kHz within 5000 frames of `at`, against the peak of the sound from there on back
// to 5000 frames before: what a click adds to a low tone.
double click_db(const Audio& audio, std::size_t at);
// The same above 2 kHz, from 4 ms before `at` to 14 ms behind it: for tones of which nothing reaches that
// far.
double broad_db(const Audio& audio, std::size_t at);
double largest_second_difference(const std::vector<float>& x, std::size_t begin, std::size_t end);

// The highest magnitude of the continuous signal, in decibels, by a windowed sinc of 128 frames at 16 points
// per frame, where it lies within: not the library's own interpolator.
double true_peak_db(const std::vector<float>& x, std::size_t begin, std::size_t end);

}  // namespace sound
