#include "synth/dsp/modal.h"

#include <new>

namespace synth {
inline namespace SYNTH_ISA {
namespace {

constexpr int kSpanFrames = 64;

// The decays of a vector's modes, run side by side with those of kVectors - 1 others so that their chains
// overlap.
template <int kVectors>
void ring(ModalVoice& v, int first, const float* force, F8* out, int frames) noexcept {
  F8 re[kVectors], im[kVectors], turn_re[kVectors], turn_im[kVectors], push[kVectors];
  for (int k = 0; k < kVectors; ++k) {
    re[k] = v.re[first + k], im[k] = v.im[first + k], push[k] = v.push[first + k];
    turn_re[k] = v.turn_re[first + k], turn_im[k] = v.turn_im[first + k];
  }
  for (int i = 0; i < frames; ++i) {
    F8 sum = out[i];
    for (int k = 0; k < kVectors; ++k) {
      F8 x = fma(re[k], turn_re[k], -(im[k] * turn_im[k]));
      im[k] = fma(re[k], turn_im[k], im[k] * turn_re[k]);
      if (force) x = fma(splat(force[i]), push[k], x);
      re[k] = x;
      sum += im[k];
    }
    out[i] = sum;
  }
  for (int k = 0; k < kVectors; ++k) v.re[first + k] = re[k], v.im[first + k] = im[k];
}

}  // namespace

void ModalVoice::tune(const Mode* modes, int count, float rate) noexcept {
  vectors = 0;
  float longest = 1e-3f;
  for (int at = 0; at < count; at += kLanes) {
    F8 hz{}, decay = splat(1.0f), gain{};
    for (int lane = 0; lane < std::min(kLanes, count - at); ++lane) {
      const Mode& mode = modes[at + lane];
      if (mode.hz >= 0.47f * rate) continue;
      hz[lane] = mode.hz, decay[lane] = mode.decay_s, gain[lane] = mode.amplitude;
      longest = std::max(longest, mode.decay_s);
    }
    const F8 radius = exp2(splat(-9.96578f / rate) / decay);  // 2^-9.966 is -60 dB
    const U8 turn = reinterpret_cast<U8>(to_int(hz * splat(0x1p32f / rate)));
    turn_re[vectors] = radius * sine(turn + 0x40000000u);
    turn_im[vectors] = radius * sine(turn);
    push[vectors] = gain;
    if (any(hz > splat(0.0f))) ++vectors;
  }
  keep = std::exp2(-9.96578f / (longest * rate));
}

void ModalVoice::strike(float velocity, float contact_s, float rate) noexcept {
  contact = std::max(static_cast<int>(contact_s * rate), 2);
  struck = 0;
  energy = std::max({energy, velocity, 1e-3f});
  for (int k = 0; k < vectors; ++k) push[k] *= splat(velocity);
}

void ModalVoice::damp(float decay_s, float rate) noexcept {
  const float most = std::exp2(-9.96578f / (decay_s * rate));
  for (int k = 0; k < vectors; ++k) {
    const F8 radius = sqrt(fma(turn_re[k], turn_re[k], turn_im[k] * turn_im[k]));
    const F8 by = min(radius, splat(most)) / max(radius, splat(1e-6f));
    turn_re[k] *= by;
    turn_im[k] *= by;
  }
  keep = std::min(keep, most);
}

void ModalVoice::add(F8* out, int frames) noexcept {
  float force[kSpanFrames];
  const bool touching = struck <= contact;
  if (touching) {
    // 30 w^2 (1 - w)^2 over the time of contact: a smooth pulse with the area 1.
    const float length = static_cast<float>(contact), scale = 30.0f / length;
    for (int i = 0; i < frames; ++i) {
      const float w = std::min(static_cast<float>(struck + i) / length, 1.0f), rise = w * (1.0f - w);
      force[i] = scale * rise * rise;
    }
    struck += frames;
  }
  const float* const pulse = touching ? force : nullptr;
  int k = 0;
  for (; k + 4 <= vectors; k += 4) ring<4>(*this, k, pulse, out, frames);
  if (k + 2 <= vectors) ring<2>(*this, k, pulse, out, frames), k += 2;
  if (k < vectors) ring<1>(*this, k, pulse, out, frames);
}

void StruckInstrument::prepare() {
  count_ = kMostBodies + kSpare;
  const std::size_t bytes = static_cast<std::size_t>(count_) * sizeof(ModalVoice);
  bodies_ = reinterpret_cast<ModalVoice*>(arena().floats(bytes / sizeof(float)));
  for (int i = 0; i < count_; ++i) new (&bodies_[i]) ModalVoice{};
}

void StruckInstrument::control() noexcept { follow_level(gain_, gain(gain_at_)); }

void StruckInstrument::advance() noexcept {
  for (ModalVoice& v : bodies())
    if (v.active()) v.energy *= std::pow(v.keep, static_cast<float>(block()));
}

// The body that has the note; else a free one, after damping the one to give up when too many sound.
ModalVoice& StruckInstrument::take(float note) noexcept {
  int sounding = 0;
  ModalVoice* free = nullptr;
  for (ModalVoice& v : bodies()) {
    if (v.active() && v.note == note) return v;
    if (!v.active())
      free = free ? free : &v;
    else if (v.note >= 0.0f)
      ++sounding;
  }
  if (free && sounding < whole(voices_)) return *free;
  ModalVoice* victim = nullptr;
  for (ModalVoice& v : bodies()) {
    if (!v.active() || v.note < 0.0f) continue;
    const bool weaker = !victim || (v.held != victim->held ? !v.held : v.level() < victim->level());
    if (weaker) victim = &v;
  }
  if (!free) return *victim;
  victim->damp(kStealS, rate());
  victim->note = -1.0f;
  victim->held = false;
  return *free;
}

void StruckInstrument::note_on(float note, float velocity) noexcept {
  ModalVoice& v = take(note);
  if (!v.active() || v.note != note) {
    std::fill_n(v.re, ModalVoice::kMostVectors, F8{});
    std::fill_n(v.im, ModalVoice::kMostVectors, F8{});
    v.energy = 0.0f;
  }
  static_cast<VoiceState&>(v) = {note, true, ++notes_};
  Mode modes[ModalVoice::kMostModes];
  float contact_s = 0.001f;
  const int count = modes_of(note, velocity, modes, contact_s);
  v.tune(modes, count, rate());
  v.strike(velocity, contact_s, rate());
  const float side = param(spread_) * std::clamp((note - 60.0f) / 24.0f, -1.0f, 1.0f);
  v.left = std::sqrt(0.5f * (1.0f - side));
  v.right = std::sqrt(0.5f * (1.0f + side));
}

void StruckInstrument::note_off(float note) noexcept {
  for (ModalVoice& v : bodies())
    if (v.note == note) v.held = false;
}

void StruckInstrument::process(const StereoView&, const Stereo& out, int frames) noexcept {
  for (int at = 0; at < frames; at += kSpanFrames) {
    const int n = std::min(kSpanFrames, frames - at);
    const int rounded = (n + kLanes - 1) / kLanes * kLanes;
    F8 left[kSpanFrames], right[kSpanFrames], x[kSpanFrames];
    std::fill_n(left, rounded, F8{});
    std::fill_n(right, rounded, F8{});
    for (ModalVoice& v : bodies()) {
      if (!v.active()) continue;
      std::fill_n(x, n, F8{});
      v.add(x, n);
      for (int i = 0; i < n; ++i) left[i] = fma(x[i], splat(v.left), left[i]);
      for (int i = 0; i < n; ++i) right[i] = fma(x[i], splat(v.right), right[i]);
    }
    for (int i = 0; i < n; ++i) {
      left[i] *= splat(gain_.at(i));
      right[i] *= splat(gain_.at(i));
    }
    gain_.advance(n);
    add_lanes(left, out.left + at, n);
    add_lanes(right, out.right + at, n);
  }
}

}  // namespace SYNTH_ISA
}  // namespace synth
