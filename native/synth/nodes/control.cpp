// Nodes lfo, random, curve, follower: they give no sound but move parameters, once per control block.

#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace control {
namespace {

// Turns per second: the beat's when there is one, else the rate's.
float turn_rate(float rate_hz, float sync_beats, float beat_s) noexcept {
  return sync_beats > 0.0f ? 1.0f / (sync_beats * beat_s) : rate_hz;
}

namespace lfo {
enum { kShape, kRate, kSync, kPhase };
constexpr const char* kShapes[] = {"sine", "triangle", "saw", "square"};
constexpr ParamSpec kSpec[] = {
    {"shape", "", 0, 3, 0, "sine and triangle begin at 0 and rise, saw falls from 1, square begins at 1",
     kShapes},
    {"rate_hz", "Hz", 0.001f, 40, 1, "speed"},
    {"sync_beats", "beat", 0, 64, 0, "beats per turn; 0 follows rate_hz"},
    {"phase", "turn", 0, 1, 0, "where it begins"},
};

float wave(int shape, float turns) noexcept {
  turns -= std::floor(turns);
  switch (shape) {
    case 0:
      return std::sin(2.0f * kPi * turns);
    case 1:
      return 1.0f - 4.0f * std::abs(turns - std::floor(turns + 0.25f) + 0.25f - 0.5f);
    case 2:
      return 1.0f - 2.0f * turns;
    default:
      return turns < 0.5f ? 1.0f : -1.0f;
  }
}
}  // namespace lfo

class LfoNode final : public Node {
 public:
  void process(const StereoView&, const Stereo&, int) noexcept override {}
  [[nodiscard]] float sent() const noexcept override { return value_; }

 protected:
  void advance() noexcept override { lfo_.advance(block()); }
  void control() noexcept override {
    lfo_.set_rate(turn_rate(param(lfo::kRate), param(lfo::kSync), beat_s()), rate());
    value_ = lfo::wave(whole(lfo::kShape), lfo_.turns(0) + param(lfo::kPhase));
  }

 private:
  Lfo lfo_;
  float value_ = 0.0f;
};

enum { kKind, kRandomRate, kRandomSync };
constexpr const char* kKinds[] = {"smooth", "hold"};
constexpr ParamSpec kRandomSpec[] = {
    {"kind", "", 0, 1, 0, "a curve through random points, or steps", kKinds},
    {"rate_hz", "Hz", 0.001f, 40, 1, "points per second"},
    {"sync_beats", "beat", 0, 64, 0, "beats per point; 0 follows rate_hz"},
};

class RandomNode final : public Node {
 public:
  void process(const StereoView&, const Stereo&, int) noexcept override {}
  [[nodiscard]] float sent() const noexcept override { return value_; }

 protected:
  void prepare() override { next(), next(); }
  void advance() noexcept override {
    const float before = clock_.turns(0);
    clock_.advance(block());
    if (clock_.turns(0) < before) next();
  }
  void control() noexcept override {
    clock_.set_rate(turn_rate(param(kRandomRate), param(kRandomSync), beat_s()), rate());
    const float way = whole(kKind) == 0 ? 0.5f - 0.5f * std::cos(kPi * clock_.turns(0)) : 0.0f;
    value_ = from_ + (to_ - from_) * way;
  }

 private:
  void next() noexcept {
    from_ = to_;
    to_ = random_.bipolar();
  }
  Lfo clock_;
  float from_ = 0.0f, to_ = 0.0f, value_ = 0.0f;
};

constexpr int kSegments = 6;
enum { kStart, kFirstTime, kFirstLevel, kBend = 1 + 2 * kSegments, kSustain, kLoop };
constexpr ParamSpec kCurveSpec[] = {
    {"start_level", "", -1, 1, 0, "at frame 0 and at a note_on"},
    {"time_1_s", "s", 0, 600, 1, "length of segment 1"},
    {"level_1", "", -1, 1, 1, "at its end"},
    {"time_2_s", "s", 0, 600, 0, "length of segment 2; 0 jumps"},
    {"level_2", "", -1, 1, 1, "at its end"},
    {"time_3_s", "s", 0, 600, 0, "length of segment 3"},
    {"level_3", "", -1, 1, 1, "at its end"},
    {"time_4_s", "s", 0, 600, 0, "length of segment 4"},
    {"level_4", "", -1, 1, 1, "at its end"},
    {"time_5_s", "s", 0, 600, 0, "length of segment 5"},
    {"level_5", "", -1, 1, 1, "at its end"},
    {"time_6_s", "s", 0, 600, 0, "length of segment 6"},
    {"level_6", "", -1, 1, 1, "at its end; held"},
    {"bend", "", -1, 1, 0, "of all segments: -1 is quick first, 1 is slow first, 0 straight"},
    {"sustain", "count", 0, kSegments, 0, "the segment whose end is held until a note_off; 0 is none"},
    {"loop", "count", 0, 1, 0, "1 goes from the last segment to the first again"},
};

class CurveNode final : public Node {
 public:
  void process(const StereoView&, const Stereo&, int) noexcept override {}
  [[nodiscard]] float sent() const noexcept override { return value_; }
  void note_on(float, float) noexcept override {
    frame_ = 0;
    held_ = true;
  }
  void note_off(float) noexcept override { held_ = false; }

 protected:
  void advance() noexcept override {
    const std::int64_t before = frame_;
    frame_ += block();
    const int sustain = whole(kSustain);
    if (held_ && sustain > 0) frame_ = std::min(frame_, std::max(before, frame_of(end_of(sustain))));
    const std::int64_t all = frame_of(end_of(kSegments));
    if (whole(kLoop) == 1 && all > 0) frame_ %= all;
  }
  void control() noexcept override { value_ = level_at(static_cast<float>(frame_) / rate()); }

 private:
  [[nodiscard]] float time(int segment) const noexcept { return param(kFirstTime + 2 * segment); }
  [[nodiscard]] float level(int segment) const noexcept { return param(kFirstLevel + 2 * segment); }
  [[nodiscard]] float end_of(int segments) const noexcept {
    float sum = 0.0f;
    for (int i = 0; i < segments; ++i) sum += time(i);
    return sum;
  }
  [[nodiscard]] std::int64_t frame_of(float time_s) const noexcept {
    return static_cast<std::int64_t>(time_s * rate() + 0.5f);
  }
  [[nodiscard]] float level_at(float time_s) const noexcept {
    float from = param(kStart);
    for (int i = 0; i < kSegments; ++i) {
      if (time_s < time(i)) {
        const float way = std::pow(time_s / time(i), std::exp2(3.0f * param(kBend)));
        return from + (level(i) - from) * way;
      }
      time_s -= time(i);
      from = level(i);
    }
    return from;
  }
  std::int64_t frame_ = 0;
  bool held_ = true;
  float value_ = 0.0f;
};

enum { kRise, kFall };
constexpr ParamSpec kFollowerSpec[] = {
    {"attack_s", "s", 0.001f, 10, 0.01f, "time constant upwards"},
    {"release_s", "s", 0.001f, 10, 0.2f, "time constant downwards"},
};

// The level of each control block, both channels together, smoothed.
class FollowerNode final : public Node {
 public:
  void process(const StereoView& in, const Stereo&, int frames) noexcept override {
    for (int i = 0; i < frames; ++i) power_ += in.left[i] * in.left[i] + in.right[i] * in.right[i];
  }
  [[nodiscard]] float sent() const noexcept override { return std::min(level_, 1.0f); }

 protected:
  void advance() noexcept override {
    float heard = std::sqrt(0.5f * power_ / static_cast<float>(block()));
    if (!std::isfinite(heard)) heard = 0.0f;
    power_ = 0.0f;
    const float time_s = param(heard > level_ ? kRise : kFall);
    level_ = heard + (level_ - heard) * std::exp(-block_s() / time_s);
  }

 private:
  float power_ = 0.0f, level_ = 0.0f;
};

}  // namespace
}  // namespace control

const NodeType kLfoType{
    .name = "lfo",
    .summary = "periodic movement, -1 to 1",
    .takes_input = false,
    .takes_notes = false,
    .params = control::lfo::kSpec,
    .make = make_node<control::LfoNode>,
    .role = Role::control,
};
const NodeType kRandomType{
    .name = "random",
    .summary = "seeded random movement, -1 to 1",
    .takes_input = false,
    .takes_notes = false,
    .params = control::kRandomSpec,
    .make = make_node<control::RandomNode>,
    .role = Role::control,
};
const NodeType kCurveType{
    .name = "curve",
    .summary = "envelope of up to six segments",
    .takes_input = false,
    .takes_notes = true,
    .params = control::kCurveSpec,
    .make = make_node<control::CurveNode>,
    .role = Role::control,
};
const NodeType kFollowerType{
    .name = "follower",
    .summary = "level of its input, 0 to 1",
    .takes_input = true,
    .takes_notes = false,
    .params = control::kFollowerSpec,
    .make = make_node<control::FollowerNode>,
    .role = Role::control,
};

}  // namespace SYNTH_ISA
}  // namespace synth
