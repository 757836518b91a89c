// Node poly: a polyphonic subtractive instrument. Oscillators -> low-pass -> envelope, per voice.
#include "synth/dsp/envelope.h"
#include "synth/dsp/filter.h"
#include "synth/dsp/oscillator.h"
#include "synth/dsp/voice.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace {

constexpr int kMaxVoices = 32, kMaxUnison = 7;

enum {
  kWaveform,
  kPulseWidth,
  kUnison,
  kDetune,
  kSpread,
  kVoices,
  kAttack,
  kDecay,
  kSustain,
  kRelease,
  kCutoff,
  kResonance,
  kFilterEnv,
  kKeyTrack,
  kVibratoRate,
  kVibratoDepth,
  kDrift,
  kGain
};
constexpr const char* kWaveforms[] = {"saw", "square", "triangle", "sine"};
constexpr ParamSpec kSpec[] = {
    {"waveform", "", 0, 3, 0, "shape of the oscillators", kWaveforms},
    {"pulse_width", "", 0.02f, 0.98f, 0.5f, "duty of the square"},
    {"unison", "count", 1, kMaxUnison, 1, "oscillators per voice"},
    {"detune_cents", "cent", 0, 100, 10, "between the outermost unison oscillators and the middle"},
    {"spread", "", 0, 1, 0.5f, "unison oscillators across the stereo field"},
    {"voices", "count", 1, kMaxVoices, 8, "notes at once"},
    {"attack_s", "s", 0.0005f, 60, 0.01f, "rise"},
    {"decay_s", "s", 0.001f, 60, 0.3f, "99 % of the way to sustain"},
    {"sustain", "", 0, 1, 0.7f, "level of a held note"},
    {"release_s", "s", 0.002f, 60, 0.3f, "fall by 60 dB"},
    {"cutoff_hz", "Hz", 20, 20000, 8000, "low-pass of each voice"},
    {"resonance", "", 0, 1, 0, "0 is Q 0.707, 1 is Q 12"},
    {"filter_env_octaves", "octave", -4, 8, 0, "how far the envelope moves the cutoff"},
    {"key_track", "", 0, 1, 0, "1 moves the cutoff with the note, from middle C"},
    {"vibrato_hz", "Hz", 0, 20, 5, "speed of the vibrato"},
    {"vibrato_cents", "cent", 0, 200, 0, "depth of the vibrato"},
    {"drift_cents", "cent", 0, 50, 0, "slow random detuning of each oscillator"},
    {"gain_db", "dB", -60, 24, 0, "level; a full-velocity saw is at -12 dBFS"},
};

struct Voice : VoiceState {
  std::array<Oscillator, kMaxUnison> oscillators;
  std::array<float, kMaxUnison> drift{};
  std::array<float, kMaxUnison> detune{}, gain_left{}, gain_right{};
  Adsr envelope;
  Smooth level_ramp;
  float velocity = 0.0f;
  StereoLowPass low_pass;
  SvfRamp filter;

  [[nodiscard]] bool active() const noexcept { return envelope.active(); }
  [[nodiscard]] float level() const noexcept { return envelope.level() * velocity; }
};

class Poly final : public Node {
 public:
  void note_on(float note, float velocity) noexcept override {
    Voice& v = pick_voice(std::span(voices_).first(static_cast<std::size_t>(whole(kVoices))), note);
    const bool fresh = !v.active();
    static_cast<VoiceState&>(v) = {note, true, ++notes_};
    v.velocity = velocity;
    if (fresh) wake(v);
    v.envelope.on();
    tune(v);
    if (!fresh) return aim(v);
    v.level_ramp.jump(voice_gain(v));
    v.filter.jump(design(v));
  }

  void note_off(float note) noexcept override {
    for (Voice& v : voices_) {
      if (!v.held || v.note != note) continue;
      v.held = false;
      v.envelope.off();
    }
  }

  void process(const StereoView&, const Stereo& out, int frames) noexcept override {
    std::fill_n(out.left, frames, 0.0f);
    std::fill_n(out.right, frames, 0.0f);
    for (Voice& v : voices_)
      if (v.active()) play(v, out, frames);
    vibrato_.advance(frames);
  }

 protected:
  void control() noexcept override {
    vibrato_.set_rate(param(kVibratoRate), rate());
    for (Voice& v : voices_) {
      if (!v.active()) continue;
      drift(v);
      tune(v);
      aim(v);
    }
  }

 private:
  void wake(Voice& v) noexcept {
    v.low_pass = {};
    const bool single = whole(kUnison) == 1;
    for (Oscillator& o : v.oscillators) o.phase = single ? 0u : static_cast<std::uint32_t>(random_.bits());
    for (float& d : v.drift) d = random_.gauss();
  }

  // A walk with unit variance and about one second of memory.
  void drift(Voice& v) noexcept {
    if (param(kDrift) == 0.0f) return;
    const float keep = std::exp(-block_s());
    const float kick = std::sqrt(1.0f - keep * keep);
    for (float& d : v.drift) d = keep * d + kick * random_.gauss();
  }

  void tune(Voice& v) noexcept {
    const int unison = whole(kUnison);
    const float vibrato = param(kVibratoDepth) * vibrato_.sine(0);
    const float share = 1.0f / std::sqrt(static_cast<float>(unison));
    v.envelope.set_times(param(kAttack), param(kDecay), param(kSustain), param(kRelease), rate());
    for (int u = 0; u < unison; ++u) {
      const auto i = static_cast<std::size_t>(u);
      const float place =
          unison == 1 ? 0.0f : 2.0f * static_cast<float>(u) / static_cast<float>(unison - 1) - 1.0f;
      const float cents = place * param(kDetune) + vibrato + param(kDrift) * v.drift[i];
      v.oscillators[i].increment = phase_increment(hz_from_note(v.note + cents / 100.0f), rate());
      // Alternate sides, so that pitch does not lean to one ear.
      const float side = param(kSpread) * (u % 2 == 0 ? place : -place);
      v.gain_left[i] = share * std::sqrt(1.0f - side);
      v.gain_right[i] = share * std::sqrt(1.0f + side);
    }
  }

  [[nodiscard]] float voice_gain(const Voice& v) const noexcept { return 0.25f * v.velocity * gain(kGain); }

  [[nodiscard]] SvfCoefficients design(const Voice& v) const noexcept {
    const float octaves =
        param(kFilterEnv) * v.envelope.level() + param(kKeyTrack) * (v.note - 60.0f) / 12.0f;
    const float cutoff = std::clamp(param(kCutoff) * std::exp2(octaves), 20.0f, 20000.0f);
    return SvfCoefficients::design(cutoff, q_from_resonance(param(kResonance)), rate());
  }

  void aim(Voice& v) noexcept {
    v.level_ramp.aim(voice_gain(v), block());
    v.filter.aim(design(v), block());
  }

  void play(Voice& v, const Stereo& out, int frames) noexcept {
    alignas(16) float left[kMaxBlock], right[kMaxBlock], envelope[kMaxBlock];
    std::fill_n(left, frames, 0.0f);
    std::fill_n(right, frames, 0.0f);
    const auto waveform = static_cast<Waveform>(whole(kWaveform));
    for (std::size_t u = 0; u < static_cast<std::size_t>(whole(kUnison)); ++u)
      v.oscillators[u].add(waveform, param(kPulseWidth), v.gain_left[u], v.gain_right[u], left, right,
                           frames);
    v.envelope.fill(envelope, frames);
    for (int i = 0; i < frames; ++i) envelope[i] *= v.level_ramp.at(i);
    SvfRamp::Span c;
    v.filter.fill(c, frames);
    StereoLowPass low_pass = v.low_pass;
    for (int i = 0; i < frames; ++i) {
      const StereoLowPass::Lanes low =
          low_pass.step(StereoLowPass::Lanes{left[i], right[i], 0.0f, 0.0f}, c.c1[i], c.c2[i], c.c3[i]);
      out.left[i] += envelope[i] * low[0];
      out.right[i] += envelope[i] * low[1];
    }
    v.low_pass = low_pass;
    v.level_ramp.advance(frames);
    v.filter.advance(frames);
    if (!v.active()) v.held = false;
  }

  std::array<Voice, kMaxVoices> voices_;
  std::uint32_t notes_ = 0;
  Lfo vibrato_;
};

}  // namespace

const NodeType kPolyType{"poly", "polyphonic subtractive instrument", false, true, kSpec, make_node<Poly>};

}  // namespace SYNTH_ISA
}  // namespace synth
