// What all keyboard instruments have in common: voices in lanes, envelopes, a filter, modulation, the stereo
// sum.
#pragma once

#include "synth/dsp/envelope.h"
#include "synth/dsp/modulation.h"
#include "synth/dsp/smooth.h"
#include "synth/dsp/voice.h"
#include "synth/dsp/voice_filter.h"
#include "synth/dsp/voice_params.h"
#include "synth/node.h"

namespace synth {
inline namespace SYNTH_ISA {

// What the modulation asks of the sound source of eight voices, as of a control line.
struct Modulation {
  F8 note;               // MIDI number with glide, vibrato and modulation
  F8 pitch2;             // semitones more for the second oscillator
  F8 shape;              // -1 .. 1: pulse width, wavetable position
  F8 mix;                // -1 .. 1: level of the second oscillator
  F8 timbre;             // -1 .. 1: frequency modulation
  F8 velocity;           // 0 .. 1
  int frames;            // to the next control line
  std::int64_t elapsed;  // since the last one
};

// Voices go through in groups of eight, one per lane; a group without a sounding voice costs nothing.
// Everything slow is computed at control lines, at most kControlFrames apart, and moves on straight lines in
// between. Where a sounding voice is taken for a note, or an event sets a parameter, what sounded so far goes
// on in a copy of its group that fades out in 4 ms, while what it has become fades in.
class Instrument : public Node {
 public:
  void note_on(float note, float velocity) noexcept final;
  void note_off(float note) noexcept final;
  void process(const StereoView& in, const Stereo& out, int frames) noexcept final;

 protected:
  static constexpr int kControlFrames = 64;
  explicit Instrument(int own_params) : own_(own_params) {}

  void prepare() final;
  void advance() noexcept final;
  void control() noexcept final;

  // The sound source; a group that `is_old` sounds with the settings that keep_settings() kept, but for those
  // of XX
  virtual void prepare_source(int groups) = 0;
  virtual void configure() noexcept = 0;  // a parameter changed
  virtual void keep_settings() noexcept = 0;
  virtual void copy(int from, int to) noexcept = 0;  // a group's state
  virtual void wake(int group, int lane, bool fresh) noexcept = 0;
  // Returns whether anything of it moves; if nothing does, the next control lines may be left out.
  virtual bool tune(int group, const Modulation& modulation) noexcept = 0;
  virtual void start(int group, int lane, bool fresh) noexcept = 0;
  // Returns whether left and right differ; when not, only left was written.
  virtual bool fill(int group, F8* left, F8* right, int frames) noexcept = 0;

  // As they were before an event, while a group that is old is tuned.
  [[nodiscard]] float param(int index) const noexcept { return view_[index]; }
  [[nodiscard]] int whole(int index) const noexcept { return static_cast<int>(param(index) + 0.5f); }
  [[nodiscard]] float voice_param(int index) const noexcept { return param(own_ + index); }
  [[nodiscard]] int voice_word(int index) const noexcept { return whole(own_ + index); }
  [[nodiscard]] bool sounds(int group, int lane) const noexcept { return groups_[group].amp.active(lane); }
  [[nodiscard]] bool is_old(int group) const noexcept { return groups_[group].old; }
  // Slow random detuning of one oscillator, in semitones.
  [[nodiscard]] F8 drift(int group, int oscillator) const noexcept;
  // Phase steps per frame of MIDI notes.
  [[nodiscard]] U8 increments(const F8& note) const noexcept;

 private:
  struct Slot : VoiceState {
    bool sounding = false;
    float loudness = 0.0f;
    [[nodiscard]] bool active() const noexcept { return sounding; }
    [[nodiscard]] float level() const noexcept { return loudness; }
  };
  struct Group {
    F8 note, goal, velocity, luck, age_s;
    U8 seed;
    int copy_of;
    std::int64_t since;  // frames since the last control line
    bool old;            // sounds with the settings before the last event
    bool still;  // the last control line found everything at its goal: until an event no other is needed
    LaneAdsr amp, mod_env;
    LaneSmooth left, right;
    VoiceFilter filter;
  };
  struct Settings {
    AdsrTimes amp, mod_env;
    FilterKind filter = FilterKind::lowpass;
    float level = 0.0f, drive = 1.0f;
    ModSlot slots[kModSlots];
    bool uses[kSources] = {};
    bool moves = false;  // whether anything but envelope and glide does
  };

  [[nodiscard]] const Settings& settings(const Group& group) const noexcept { return settings_[group.old]; }
  [[nodiscard]] int sounding(int first, int last) const noexcept;
  Group* copied(int group) noexcept;
  void fade_from_copy(int group, int lane) noexcept;
  void fade_from_copies() noexcept;
  void refresh_settings() noexcept;
  void control_line(int group) noexcept;
  void move(int group) noexcept;
  void arrive(int group) noexcept;
  void glide(Group& group) noexcept;
  [[nodiscard]] bool rests(const Group& group) const noexcept;
  void modulate(const Group& group, F8 (&targets)[kTargets]) const noexcept;
  void aim(Group& group, const F8 (&targets)[kTargets]) noexcept;
  template <int kGroups>
  void play(const int* groups, F8* left, F8* right, int frames) noexcept;
  void span(const Stereo& out, int frames) noexcept;

  int own_;
  static constexpr int kMostGroups = kMostVoices / kLanes, kLeastCopies = 4;
  std::array<Slot, 2 * kMostVoices> slots_{};  // those of copies behind the others
  Group* groups_ = nullptr;
  int group_count_ = 0, all_groups_ = 0, playing_ = 0;  // without copies, with them, and as of now
  Settings settings_[2];                                // as they are, and as they were before an event
  bool ticks_ = false, arrives_ = false;
  std::array<float, kMaxParams> seen_{}, kept_{};
  const float* view_ = nullptr;
  VoiceLfo lfo_[2], vibrato_, drift_clock_;
  int until_ = 0, period_ = kControlFrames;
  std::uint32_t notes_ = 0;
  float last_note_ = -1.0f;
};

}  // namespace SYNTH_ISA
}  // namespace synth
