// Programmes for loudness meters: the test signals of EBU Tech 3341 and 3342 that are made of tones, and some
// that are like music. Made in code, the same on every machine.
#pragma once

#include <cmath>
#include <numbers>
#include <string>
#include <vector>

namespace programs {

using Samples = std::vector<float>;

struct Program {
  std::string name;
  double rate;
  std::vector<Samples> channels;
};

struct Part {
  double level_db, seconds;
};

inline double linear(double db) { return std::pow(10.0, db / 20.0); }

// A 1 kHz tone in steps of level.
inline Samples steps(const std::vector<Part>& parts, double rate = 48000.0) {
  Samples x;
  for (const Part& part : parts)
    for (auto left = static_cast<long>(part.seconds * rate + 0.5); left > 0; --left)
      x.push_back(static_cast<float>(linear(part.level_db) * std::sin(2.0 * std::numbers::pi * 1000.0 / rate *
                                                                      static_cast<double>(x.size()))));
  return x;
}

// A tone at a share of the rate, faded in and out so that its ends have no peaks of their own.
inline Samples peak_tone(double share, double degrees, double level, double rate = 48000.0) {
  Samples x(static_cast<std::size_t>(rate));
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double edge = std::min(1.0, static_cast<double>(std::min(i, x.size() - 1 - i)) / 4800.0);
    x[i] = static_cast<float>(
        level * edge * std::sin(2.0 * std::numbers::pi * (share * static_cast<double>(i) + degrees / 360.0)));
  }
  return x;
}

// Uniform in [-1, 1), Numerical Recipes' linear congruential generator.
class Chance {
 public:
  explicit Chance(unsigned seed) : state_(seed) {}
  double next() { return static_cast<double>(state_ = state_ * 1664525u + 1013904223u) / 2147483648.0 - 1.0; }

 private:
  unsigned state_;
};

inline void add_note(Samples& x, double rate, double at, double hz, double level, double decay_s,
                     double partials) {
  const auto begin = static_cast<std::size_t>(at * rate);
  for (std::size_t i = 0; begin + i < x.size() && static_cast<double>(i) < 5.0 * decay_s * rate; ++i) {
    const double t = static_cast<double>(i) / rate, attack = std::min(1.0, t / 0.004);
    double sum = 0.0;
    for (double k = 1.0; k <= partials && k * hz < 0.45 * rate; k += 1.0)
      sum += std::sin(2.0 * std::numbers::pi * k * hz * t + k * k) / k;
    x[begin + i] += static_cast<float>(level * attack * std::exp(-t / decay_s) * sum);
  }
}

// Broken chords of plucked notes, panned.
inline Program chords(double rate, double seconds) {
  Program p{"chords", rate, {2, Samples(static_cast<std::size_t>(seconds * rate))}};
  Chance chance(7);
  for (double at = 0.0; at < seconds; at += 0.23) {
    const double hz = 110.0 * std::pow(2.0, std::floor(18.0 + 18.0 * chance.next()) / 12.0);
    const double pan = 0.5 + 0.4 * chance.next(), level = 0.12 * (1.2 + chance.next());
    add_note(p.channels[0], rate, at, hz, level * (1.0 - pan), 0.4, 8.0);
    add_note(p.channels[1], rate, at, hz, level * pan, 0.4, 8.0);
  }
  return p;
}

// Kick, snare and hat over a bass.
inline Program beat(double rate, double seconds) {
  Program p{"beat", rate, {2, Samples(static_cast<std::size_t>(seconds * rate))}};
  Chance chance(11);
  for (Samples& x : p.channels) {
    double last = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double t = static_cast<double>(i) / rate, beat = std::fmod(t, 0.5), off = std::fmod(t + 0.5, 1.0);
      const double noise = chance.next();
      const double kick =
          std::sin(2.0 * std::numbers::pi * (50.0 * beat + 6.0 * (1.0 - std::exp(-30.0 * beat))));
      const double snare = 0.35 * noise * std::exp(-25.0 * off);
      const double hat = 0.1 * (noise - last) * std::exp(-60.0 * std::fmod(t, 0.125));
      const double bass = 0.15 * std::sin(2.0 * std::numbers::pi * 82.4 * t);
      x[i] = static_cast<float>(0.5 * std::exp(-10.0 * beat) * kick + snare + hat + bass);
      last = noise;
    }
  }
  return p;
}

// Pink noise (Kellet's filter) in waves of 20 dB with pauses: surf, or speech from afar.
inline Program waves(double rate, double seconds) {
  Program p{"waves", rate, {2, Samples(static_cast<std::size_t>(seconds * rate))}};
  Chance chance(13);
  for (Samples& x : p.channels) {
    double a = 0.0, b = 0.0, c = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double white = chance.next(), t = static_cast<double>(i) / rate;
      a = 0.99765 * a + 0.0990460 * white, b = 0.96300 * b + 0.2965164 * white,
      c = 0.57000 * c + 1.0526913 * white;
      const double swell =
          std::fmod(t, 7.0) < 1.0 ? 0.0 : linear(-10.0 - 10.0 * std::cos(2.0 * std::numbers::pi * t / 7.0));
      x[i] = static_cast<float>(0.3 * swell * (a + b + c + 0.1848 * white));
    }
  }
  return p;
}

inline Program stereo(const std::string& name, Samples x) { return {name, 48000.0, {x, x}}; }

inline std::vector<Program> all() {
  std::vector<Program> list;
  list.push_back(stereo("3341-1", steps({{-23, 20}})));
  list.push_back(stereo("3341-2", steps({{-33, 20}})));
  list.push_back(stereo("3341-3", steps({{-36, 10}, {-23, 60}, {-36, 10}})));
  list.push_back(stereo("3341-4", steps({{-72, 10}, {-36, 10}, {-23, 60}, {-36, 10}, {-72, 10}})));
  list.push_back(stereo("3341-5", steps({{-26, 20}, {-20, 20.1}, {-26, 20}})));
  list.push_back(
      {"3341-6",
       48000.0,
       {steps({{-28, 20}}), steps({{-28, 20}}), steps({{-24, 20}}), steps({{-30, 20}}), steps({{-30, 20}})}});
  std::vector<Part> nine, twelve;
  for (int i = 0; i < 5; ++i) nine.insert(nine.end(), {{-20, 1.34}, {-30, 1.66}});
  for (int i = 0; i < 25; ++i) twelve.insert(twelve.end(), {{-20, 0.18}, {-30, 0.22}});
  list.push_back(stereo("3341-9", steps(nine)));
  list.push_back(stereo("3341-10", steps({{-200, 1.35}, {-23, 3}, {-200, 1}})));
  list.push_back(stereo("3341-12", steps(twelve)));
  list.push_back(stereo("3341-13", steps({{-200, 0.14}, {-23, 0.4}, {-200, 1}})));
  list.push_back({"3341-15", 48000.0, {peak_tone(0.25, 0.0, 0.5)}});
  list.push_back({"3341-16", 48000.0, {peak_tone(0.25, 45.0, 0.5)}});
  list.push_back({"3341-17", 48000.0, {peak_tone(1.0 / 6.0, 60.0, 0.5)}});
  list.push_back({"3341-18", 48000.0, {peak_tone(0.125, 67.5, 0.5)}});
  list.push_back({"3341-19", 48000.0, {peak_tone(0.25, 45.0, 1.41)}});
  list.push_back(stereo("3342-1", steps({{-20, 20}, {-30, 20}})));
  list.push_back(stereo("3342-2", steps({{-20, 20}, {-15, 20}})));
  list.push_back(stereo("3342-3", steps({{-40, 20}, {-20, 20}})));
  list.push_back(stereo("3342-4", steps({{-50, 20}, {-35, 20}, {-20, 20}, {-35, 20}, {-50, 20}})));
  for (const double rate : {44100.0, 48000.0}) {
    list.push_back(chords(rate, 20.0));
    list.push_back(beat(rate, 20.0));
    list.push_back(waves(rate, 30.0));
  }
  list.push_back(chords(32000.0, 10.0));
  list.push_back(chords(96000.0, 10.0));
  return list;
}

}  // namespace programs
