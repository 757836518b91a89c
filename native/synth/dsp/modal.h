// Struck things: banks of decaying modes, eight to a vector, and the hammer that sets them off.
#pragma once

#include <algorithm>
#include <array>

#include "synth/dsp/lane_math.h"
#include "synth/dsp/smooth.h"
#include "synth/dsp/voice.h"
#include "synth/node.h"

namespace synth {
inline namespace SYNTH_ISA {

// One mode of a body as its author describes it.
struct Mode {
  float hz, decay_s, amplitude;  // decay by 60 dB
};

// Each mode is a vector in the plane that turns and shrinks; the sound is the sum of their second
// coordinates. A hammer pushes along the first, for as long as it touches: its pulse starts and ends at zero,
// so nothing clicks, and its length decides how high the sound reaches (Fletcher, Rossing, "The Physics of
// Musical Instruments", chapters 12 and 19 to 21). A body that sounds already is pushed on from where it is.
struct ModalVoice : VoiceState {
  static constexpr int kMostVectors = 8, kMostModes = kMostVectors * kLanes;
  F8 re[kMostVectors], im[kMostVectors], turn_re[kMostVectors], turn_im[kMostVectors], push[kMostVectors];
  int vectors, struck, contact;  // vectors in use; frames since the strike; frames that the hammer touches
  float left, right, energy, keep;

  [[nodiscard]] bool active() const noexcept { return energy > 1e-5f; }
  [[nodiscard]] float level() const noexcept { return energy; }

  // At most kMostModes; those above 0.47 of the rate are left out.
  void tune(const Mode* modes, int count, float rate) noexcept;
  void strike(float velocity, float contact_s, float rate) noexcept;
  // Makes every mode die at least that fast.
  void damp(float decay_s, float rate) noexcept;
  // Adds up to 64 frames of the mono sound; lanes are to be summed.
  void add(F8* out, int frames) noexcept;
};

// Allocation, stealing and the stereo sum of struck instruments. A stolen body is damped within milliseconds
// while a spare one takes the note, so nothing is cut.
class StruckInstrument : public Node {
 public:
  void note_on(float note, float velocity) noexcept final;
  void note_off(float note) noexcept override;
  void process(const StereoView& in, const Stereo& out, int frames) noexcept final;

 protected:
  static constexpr int kMostBodies = 32;
  static constexpr float kStealS = 0.04f;
  // The places of `voices`, `spread` and `gain_db` in the table of parameters.
  StruckInstrument(int voices, int spread, int gain) : voices_(voices), spread_(spread), gain_at_(gain) {}

  void prepare() override;
  void advance() noexcept override;
  void control() noexcept override;

  // Fills `modes` for a note and returns their number; `contact_s` is the hammer's time on the body.
  virtual int modes_of(float note, float velocity, Mode* modes, float& contact_s) noexcept = 0;
  [[nodiscard]] std::span<ModalVoice> bodies() noexcept {
    return {bodies_, static_cast<std::size_t>(count_)};
  }

 private:
  static constexpr int kSpare = 4;
  ModalVoice& take(float note) noexcept;

  int voices_, spread_, gain_at_;
  ModalVoice* bodies_ = nullptr;
  int count_ = 0;
  std::uint32_t notes_ = 0;
  Smooth gain_;
};

}  // namespace SYNTH_ISA
}  // namespace synth
