// The parameters that all keyboard instruments have.
#pragma once

#include "synth/dsp/modulation.h"
#include "synth/node.h"

namespace synth {
inline namespace SYNTH_ISA {

inline constexpr int kMostVoices = 128, kModSlots = 6;

// Parameters of every instrument, after its own ones.
enum VoiceParam {
  kVoices,
  kGlide,
  kAttack,
  kDecay,
  kSustain,
  kRelease,
  kFilter,
  kCutoff,
  kResonance,
  kDrive,
  kFilterEnv,
  kKeyTrack,
  kModAttack,
  kModDecay,
  kModSustain,
  kModRelease,
  kVibratoRate,
  kVibratoDepth,
  kDrift,
  kLfo1Shape,
  kLfo1Rate,
  kLfo1Fade,
  kLfo2Shape,
  kLfo2Rate,
  kLfo2Fade,
  kMod1Source,
  kPanSpread = kMod1Source + 3 * kModSlots,
  kGain,
  kVoiceParams
};

inline constexpr const char* kFilters[] = {"lowpass", "highpass", "bandpass", "notch", "ladder"};
inline constexpr ParamSpec kVoiceSpec[kVoiceParams] = {
    {"voices", "count", 1, kMostVoices, 8,
     "notes at once; an event can lower it, not raise it past the next 8"},
    {"glide_s", "s", 0, 10, 0, "99 % of the way from the last note's pitch"},
    {"attack_s", "s", 0.0005f, 60, 0.01f, "rise, with rounded ends; in 4 ms at least"},
    {"decay_s", "s", 0.001f, 60, 0.3f, "99 % of the way to sustain"},
    {"sustain", "", 0, 1, 0.7f, "level of a held note"},
    {"release_s", "s", 0.002f, 60, 0.3f, "fall by 60 dB; silence is 4 ms away at least"},
    {"filter", "", 0, 4, 0, "of each voice; ladder is a low-pass of 24 dB per octave that saturates",
     kFilters},
    {"cutoff_hz", "Hz", 20, 20000, 8000, "of the voice's filter"},
    {"resonance", "", 0, 1, 0, "0 is Q 0.707, 1 is Q 12; the ladder oscillates at 1"},
    {"drive_db", "dB", 0, 36, 0, "gain into a soft limit before the filter"},
    {"filter_env_octaves", "octave", -4, 8, 0, "how far the envelope moves the cutoff"},
    {"key_track", "", 0, 1, 0, "1 moves the cutoff with the note, from middle C"},
    {"mod_attack_s", "s", 0.0005f, 60, 0.01f, "second envelope, for modulation: rise"},
    {"mod_decay_s", "s", 0.001f, 60, 0.3f, "99 % of the way to its sustain"},
    {"mod_sustain", "", 0, 1, 0, "its level under a held note"},
    {"mod_release_s", "s", 0.002f, 60, 0.3f, "its fall by 60 dB"},
    {"vibrato_hz", "Hz", 0, 20, 5, "speed of the vibrato"},
    {"vibrato_cents", "cent", 0, 200, 0, "depth of the vibrato"},
    {"drift_cents", "cent", 0, 50, 0, "slow random detuning of each oscillator"},
    {"lfo1_shape", "", 0, 5, 0, "random is smooth, steps hold; both differ from voice to voice", kLfoShapes},
    {"lfo1_hz", "Hz", 0.01f, 40, 1, "speed"},
    {"lfo1_fade_s", "s", 0, 20, 0, "time from the start of a note to its full depth"},
    {"lfo2_shape", "", 0, 5, 0, "as lfo1_shape", kLfoShapes},
    {"lfo2_hz", "Hz", 0.01f, 40, 4, "speed"},
    {"lfo2_fade_s", "s", 0, 20, 0, "time from the start of a note to its full depth"},
    {"mod1_source", "", 0, kSources - 1, 0, "what moves the target", kModSources},
    {"mod1_target", "", 0, kTargets - 1, 0, "what is moved", kModTargets},
    {"mod1_amount", "", -1, 1, 0, "1 is 12 semitones, 8 octaves of cutoff, or the target's whole range"},
    {"mod2_source", "", 0, kSources - 1, 0, "what moves the target", kModSources},
    {"mod2_target", "", 0, kTargets - 1, 0, "what is moved", kModTargets},
    {"mod2_amount", "", -1, 1, 0, "1 is 12 semitones, 8 octaves of cutoff, or the target's whole range"},
    {"mod3_source", "", 0, kSources - 1, 0, "what moves the target", kModSources},
    {"mod3_target", "", 0, kTargets - 1, 0, "what is moved", kModTargets},
    {"mod3_amount", "", -1, 1, 0, "1 is 12 semitones, 8 octaves of cutoff, or the target's whole range"},
    {"mod4_source", "", 0, kSources - 1, 0, "what moves the target", kModSources},
    {"mod4_target", "", 0, kTargets - 1, 0, "what is moved", kModTargets},
    {"mod4_amount", "", -1, 1, 0, "1 is 12 semitones, 8 octaves of cutoff, or the target's whole range"},
    {"mod5_source", "", 0, kSources - 1, 0, "what moves the target", kModSources},
    {"mod5_target", "", 0, kTargets - 1, 0, "what is moved", kModTargets},
    {"mod5_amount", "", -1, 1, 0, "1 is 12 semitones, 8 octaves of cutoff, or the target's whole range"},
    {"mod6_source", "", 0, kSources - 1, 0, "what moves the target", kModSources},
    {"mod6_target", "", 0, kTargets - 1, 0, "what is moved", kModTargets},
    {"mod6_amount", "", -1, 1, 0, "1 is 12 semitones, 8 octaves of cutoff, or the target's whole range"},
    {"pan_spread", "", 0, 1, 0, "low notes to the left, high notes to the right"},
    {"gain_db", "dB", -60, 24, 0, "level; a full-velocity saw is at -12 dBFS"},
};

// An instrument's own parameters and the common ones in one table.
template <int kOwn>
struct InstrumentSpec {
  ParamSpec at[kOwn + kVoiceParams];
};

template <int kOwn>
constexpr InstrumentSpec<kOwn> instrument_spec(const ParamSpec (&own)[kOwn]) {
  InstrumentSpec<kOwn> spec{};
  for (int i = 0; i < kOwn; ++i) spec.at[i] = own[i];
  for (int i = 0; i < kVoiceParams; ++i) spec.at[kOwn + i] = kVoiceSpec[i];
  return spec;
}

}  // namespace SYNTH_ISA
}  // namespace synth
