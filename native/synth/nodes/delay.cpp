// Node delay: echoes.
#include "synth/dsp/filter.h"
#include "synth/dsp/note_values.h"
#include "synth/dsp/ring.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace delay {
namespace {

constexpr float kLongestS = 4.0f;
constexpr int kNearest = 12;  // frames; what is written now is read at the next chunk at the earliest

enum { kTime, kFeedback, kMix, kPingPong, kRightTime, kSync, kRightSync, kTone };
constexpr ParamSpec kSpec[] = {
    {"time_s", "s", 0.001f, kLongestS, 0.375f, "distance of the echoes; glides like tape when changed"},
    {"feedback", "", 0, 0.98f, 0.35f, "level of each echo against the one before"},
    {"mix", "", 0, 1, 0.25f, "share of the echoes"},
    {"ping_pong", "count", 0, 1, 0, "1 lets the echoes change sides"},
    {"right_time_s", "s", 0, kLongestS, 0, "distance on the right; 0 is that of the left"},
    {"sync", "", 0, kNoteValues, 0, "a note value instead of time_s", kNoteValueNames},
    {"right_sync", "", 0, kNoteValues, 0, "a note value instead of right_time_s", kNoteValueNames},
    {"tone_hz", "Hz", 200, 20000, 20000, "low-pass in the feedback; 20000 is none"},
};
constexpr Neutral kNeutral[] = {{kMix, 0.0f}};

// One side: a ring read at a distance that glides when it is changed and is whole when it rests.
class Line {
 public:
  void prepare(Arena& arena, float rate) {
    ring_.prepare(arena, static_cast<int>(kLongestS * rate) + 4);
    longest_ = kLongestS * rate;
  }
  void jump(float frames) noexcept { distance_.jump(whole(frames)); }
  // At most half a frame per frame: the pitch of the glide stays within a fifth. It gathers speed and brakes
  // in steps of an eighth, because a jump of the pitch clicks.
  void aim(float frames, int block) noexcept {
    const float size = static_cast<float>(block), step = 0.125f * size, now = distance_.now();
    const float way = whole(frames) - now, last = distance_.step() * size;
    if (std::abs(way) <= step) return distance_.aim(now + way, block);
    const float brakes = std::sqrt(0.25f * step * step + 2.0f * step * std::abs(way)) - 0.5f * step;
    const float speed = std::copysign(std::min(0.5f * size, brakes), way);
    distance_.aim(now + std::clamp(speed, last - step, last + step), block);
  }
  SYNTH_INLINE F8 read(std::uint32_t at, int frame) const noexcept {
    return distance_.moves() || distance_.from() != std::floor(distance_.from())
               ? ring_.read(at, ahead(distance_, frame))
               : ring_.read(at, static_cast<int>(distance_.from()));
  }
  SYNTH_INLINE void write(std::uint32_t at, const F8& x) noexcept { ring_.write(at, x); }
  void advance(int frames) noexcept { distance_.advance(frames); }

 private:
  [[nodiscard]] float whole(float frames) const noexcept {
    return std::floor(std::clamp(frames, static_cast<float>(kNearest), longest_) + 0.5f);
  }
  Ring ring_;
  Smooth distance_;
  float longest_ = 0.0f;
};

class Delay final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    const bool cross = whole(kPingPong) == 1;
    chunks_.run(frames, [&](std::uint32_t at, int i, int n) {
      const F8 mix = ahead(mix_, i), feedback = ahead(feedback_, i);
      const F8 left = load_some(in.left + i, n), right = load_some(in.right + i, n);
      const F8 fed = ahead(fed_, i);
      const F8 echo_left = left_.read(at, i), echo_right = right_.read(at, i);
      F8 back_left = echo_left, back_right = echo_right;
      if (toned_) tone(back_left, back_right, n);
      // Ping-pong: the sum goes in on the left and the lines feed each other.
      left_.write(at, cross ? fma(feedback, back_right, splat(0.5f) * fed * (left + right))
                            : fma(feedback, back_left, fed * left));
      right_.write(at, cross ? back_left : fma(feedback, back_right, fed * right));
      store_some(out.left + i, lerp(left, echo_left, mix), n);
      store_some(out.right + i, lerp(right, echo_right, mix), n);
    });
    for (Line* line : {&left_, &right_}) line->advance(frames);
    for (Smooth* s : {&feedback_, &mix_, static_cast<Smooth*>(&fed_)}) s->advance(frames);
  }

 protected:
  void prepare() override {
    for (Line* line : {&left_, &right_}) line->prepare(arena(), rate());
    left_.jump(left_frames());
    right_.jump(right_frames());
  }
  void wake() noexcept override { fed_.wake(); }
  void control() noexcept override {
    left_.aim(left_frames(), block());
    right_.aim(right_frames(), block());
    follow(feedback_, param(kFeedback));
    follow_level(mix_, param(kMix));
    fed_.go_on(block(), rate());
    if (tone_hz_ == param(kTone)) return;
    tone_hz_ = param(kTone);
    toned_ = tone_hz_ < kSpec[kTone].high;
    for (OnePole& pole : tones_) pole.set_cutoff(tone_hz_, rate());
  }

 private:
  [[nodiscard]] float left_frames() const noexcept {
    const float seconds = whole(kSync) == 0 ? param(kTime) : note_value_beats(whole(kSync)) * beat_s();
    return seconds * rate();
  }
  [[nodiscard]] float right_frames() const noexcept {
    if (whole(kRightSync) != 0) return note_value_beats(whole(kRightSync)) * beat_s() * rate();
    return param(kRightTime) > 0.0f ? param(kRightTime) * rate() : left_frames();
  }
  __attribute__((noinline)) void tone(F8& left, F8& right, int frames) noexcept {
    for (int j = 0; j < frames; ++j) {
      left[j] = tones_[0].step(left[j]);
      right[j] = tones_[1].step(right[j]);
    }
  }

  Chunks chunks_;
  Line left_, right_;
  OnePole tones_[2];
  Smooth feedback_, mix_;
  FadeIn fed_;
  float tone_hz_ = -1.0f;
  bool toned_ = false;
};

}  // namespace
}  // namespace delay

const NodeType kDelayType{"delay", "echoes",    true,           false, delay::kSpec, make_node<delay::Delay>,
                          false,   Role::audio, delay::kNeutral};

}  // namespace SYNTH_ISA
}  // namespace synth
