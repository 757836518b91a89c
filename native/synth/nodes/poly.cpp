// Node poly: a polyphonic subtractive instrument. Oscillators -> filter -> envelope, per voice.
#include "synth/dsp/draft.h"
#include "synth/dsp/instrument.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace poly {
namespace {

constexpr int kMaxUnison = 7;
static_assert(kSpan == 64);

enum {
  kWaveform,
  kPulseWidth,
  kUnison,
  kDetune,
  kSpread,
  kQuality,
  kLevel1,
  kWaveform2,
  kSemitones2,
  kCents2,
  kLevel2,
  kSubLevel,
  kNoiseLevel,
  kOwn
};
constexpr const char* kWaveforms[] = {"saw", "square", "triangle", "sine"};
constexpr const char* kQualities[] = {"high", "draft"};
constexpr auto kSpec = instrument_spec<kOwn>({
    {"waveform", "", 0, 3, 0, "shape of the oscillators", kWaveforms},
    {"pulse_width", "", 0.02f, 0.98f, 0.5f, "duty of the squares"},
    {"unison", "count", 1, kMaxUnison, 1, "oscillators per voice"},
    {"detune_cents", "cent", 0, 100, 10, "between the outermost unison oscillators and the middle"},
    {"spread", "", 0, 1, 0.5f, "unison oscillators across the stereo field"},
    {"quality", "", 0, 1, 0,
     "high: aliases below -85 dB; draft: below -35 dB for low notes, at half the cost", kQualities},
    {"osc1_level", "", 0, 1, 1, "of the first oscillator and its unison copies"},
    {"osc2_waveform", "", 0, 3, 0, "shape of the second oscillator", kWaveforms},
    {"osc2_semitones", "semitone", -36, 36, 0, "pitch against the note"},
    {"osc2_cents", "cent", -100, 100, 0, "fine pitch"},
    {"osc2_level", "", 0, 1, 0, "against the first oscillator"},
    {"sub_level", "", 0, 1, 0, "of a square an octave below"},
    {"noise_level", "", 0, 1, 0, "white noise before the filter"},
});

// Eight sines, turned from one frame in eight to those after it. The anchors are counted from the last change
// of pitch, not from where a span begins, so that any split gives the same samples.
struct Sine {
  U8 phase, increment;
  F8 ahead_sine[kLanes], ahead_cosine[kLanes];  // of 0 .. 7 increments
  int past;                                     // frames since the anchor

  void anchor() noexcept {
    phase += increment * static_cast<std::uint32_t>(past);
    past = 0;
  }
  void tune(const U8& steps) noexcept {
    anchor();
    increment = steps;
    for (std::uint32_t i = 0; i < kLanes; ++i) {
      ahead_sine[i] = synth::sine(steps * i);
      ahead_cosine[i] = synth::sine(steps * i + 0x40000000u);
    }
  }
  void fill(F8* out, int frames) noexcept {
    for (int i = 0; i < frames;) {
      const F8 sin = synth::sine(phase), cos = synth::sine(phase + 0x40000000u);
      const auto at = [&](int ahead) { return fma(cos, ahead_sine[ahead], sin * ahead_cosine[ahead]); };
      if (past == 0 && frames - i >= kLanes) {
        for (int j = 0; j < kLanes; ++j) out[i + j] = at(j);
        phase += increment * kLanes;
        i += kLanes;
        continue;
      }
      const int end = std::min(frames, i + kLanes - past);
      for (; i < end; ++i, ++past) out[i] = at(past);
      if (past == kLanes) anchor();
    }
  }
};

// How a group's oscillators are computed. Of high quality, one voice's write along time into its tracks,
// because a jump is a row of 64 frames; the tracks are then turned so that the rest of the voice runs in
// lanes. Drafts run in lanes from the start; so does a sine that is alone, in both qualities.
enum class Mode { tracks, lanes, sine };

// What configure() makes of the parameters.
struct Shapes {
  Waveform first = Waveform::saw, second = Waveform::saw;
  int unison = 1;
  bool stereo = false, draft = false, full = true;  // full: the first oscillators at level 1
  float place[kMaxUnison]{};
  Level level[kMaxUnison]{};
};

// The sources of eight voices.
struct Sources {
  Track left[kLanes], right[kLanes];
  OscillatorLanes first[kMaxUnison], second, sub;
  I8 lead;  // frames by which a voice's oscillators are ahead of what is heard
  LaneSmooth second_level, sub_level, noise_level;
  F8 tuned_to;  // what the increments were computed from
  Sine sine;
  U8 noise;
  Mode mode;
};

class Poly final : public Instrument {
 public:
  Poly() : Instrument(kOwn) {}

 protected:
  void prepare_source(int groups) override {
    const std::size_t bytes = static_cast<std::size_t>(groups) * sizeof(Sources);
    sources_ = reinterpret_cast<Sources*>(arena().floats(bytes / sizeof(float)));
    groups_ = groups;
    table_ = &blep_table();
  }

  void configure() noexcept override {
    Shapes& s = shapes_[0];
    s.first = static_cast<Waveform>(whole(kWaveform));
    s.second = static_cast<Waveform>(whole(kWaveform2));
    s.draft = whole(kQuality) == 1;
    s.unison = whole(kUnison);
    s.stereo = s.unison > 1 && param(kSpread) > 0.0f;
    s.full = param(kLevel1) == 1.0f;
    const float share = param(kLevel1) / std::sqrt(static_cast<float>(s.unison));
    for (int u = 0; u < s.unison; ++u) {
      s.place[u] =
          s.unison == 1 ? 0.0f : 2.0f * static_cast<float>(u) / static_cast<float>(s.unison - 1) - 1.0f;
      // Alternate sides, so that pitch does not lean to one ear, and mirrored copies opposite, nor does the
      // level.
      const float side = param(kSpread) * (std::min(u, s.unison - 1 - u) % 2 == 0 ? s.place[u] : -s.place[u]);
      s.level[u] = {share * std::sqrt(1.0f - side), share * std::sqrt(1.0f + side)};
    }
    for (int g = 0; g < groups_; ++g) sources_[g].tuned_to = splat(-1.0f);
  }

  void keep_settings() noexcept override { shapes_[1] = shapes_[0]; }
  void copy(int from, int to) noexcept override { sources_[to] = sources_[from]; }

  void wake(int g, int lane, bool fresh) noexcept override {
    if (!fresh) return;
    Sources& s = sources_[g];
    const auto begin = [&](OscillatorLanes& lanes, std::uint32_t phase, float width) {
      Oscillator oscillator = lanes.of(lane);
      oscillator.phase = phase;
      oscillator.set_width(width);
      lanes.put(lane, oscillator);
    };
    for (OscillatorLanes& copies : s.first)
      begin(copies, shapes_[0].unison == 1 ? 0u : static_cast<std::uint32_t>(random_.bits()),
            param(kPulseWidth));
    begin(s.second, 0, param(kPulseWidth));
    begin(s.sub, 0, 0.5f);
    s.lead[lane] = 0;
    s.sine.anchor();
    s.sine.phase[lane] = 0;
    s.noise[lane] = static_cast<std::uint32_t>(random_.bits()) | 1u;
    s.tuned_to[lane] = -1.0f;
  }

  bool tune(int g, const Modulation& m) noexcept override {
    Sources& s = sources_[g];
    const F8 zero = splat(0.0f);
    s.second_level.aim(clamp(splat(param(kLevel2)) + m.mix, 0.0f, 1.0f), m.frames);
    s.sub_level.aim(splat(param(kSubLevel)), m.frames);
    s.noise_level.aim(splat(param(kNoiseLevel)), m.frames);
    if (voice_param(kDrift) > 0.0f || any((s.tuned_to != m.note) | (m.pitch2 != zero))) pitch(g, m);
    const Shapes& of = shapes(g);
    const bool squares = of.first == Waveform::square || of.second == Waveform::square;
    const bool slides = squares && width(g, m);
    const bool plain = of.first == Waveform::sine && of.unison == 1 && of.full && !audible(s.second_level) &&
                       !audible(s.sub_level);
    const Mode mode = plain ? Mode::sine : of.draft ? Mode::lanes : Mode::tracks;
    if (mode != s.mode) become(g, mode);
    return slides || s.second_level.moves || s.sub_level.moves || s.noise_level.moves;
  }

  void start(int g, int lane, bool fresh) noexcept override {
    Sources& s = sources_[g];
    for (LaneSmooth* level : {&s.second_level, &s.sub_level, &s.noise_level}) level->arrive(lane);
    if (s.mode != Mode::tracks) return;
    if (!fresh) rewind(s, lane);
    fill_ahead(g, lane);
  }

  bool fill(int g, F8* left, F8* right, int frames) noexcept override {
    Sources& s = sources_[g];
    const bool stereo = shapes(g).stereo && s.mode != Mode::sine;
    if (s.mode == Mode::sine) {
      s.sine.fill(left, frames);
    } else if (s.mode == Mode::lanes) {
      draft(g, left, stereo ? right : nullptr, frames);
    } else {
      for (int lane = 0; lane < kLanes; ++lane)
        if (sounds(g, lane)) run(g, lane, frames);
      turn(g, s.left, left, frames);
      if (stereo) turn(g, s.right, right, frames);
    }
    if (audible(s.noise_level)) add_noise(s, left, stereo ? right : nullptr, frames);
    for (LaneSmooth* level : {&s.second_level, &s.sub_level, &s.noise_level}) level->advance(frames);
    return stereo;
  }

 private:
  [[nodiscard]] const Shapes& shapes(int g) const noexcept { return shapes_[is_old(g)]; }
  static bool audible(const LaneSmooth& level) noexcept {
    return any((level.from != splat(0.0f)) | (level.target != splat(0.0f)));
  }

  void pitch(int g, const Modulation& m) noexcept {
    Sources& s = sources_[g];
    s.tuned_to = any(m.pitch2 != splat(0.0f)) ? splat(-1.0f) : m.note;
    const bool drifts = voice_param(kDrift) > 0.0f;
    const auto give = [&](OscillatorLanes& lanes, const F8& note, int index) {
      return lanes.increment = lanes.second_increment = increments(drifts ? note + drift(g, index) : note);
    };
    const Shapes& of = shapes(g);
    U8 steps{};
    for (int u = 0; u < of.unison; ++u)
      steps = give(s.first[u], m.note + splat(0.01f * of.place[u] * param(kDetune)), u);
    if (of.first == Waveform::sine && of.unison == 1) s.sine.tune(steps);
    give(s.second, m.note + m.pitch2 + splat(param(kSemitones2) + 0.01f * param(kCents2)), kMaxUnison);
    give(s.sub, m.note - splat(12.0f), kMaxUnison + 1);
  }

  // Returns whether an edge is still on its way.
  bool width(int g, const Modulation& m) noexcept {
    Sources& s = sources_[g];
    const F8 width = clamp(fma(splat(0.5f), m.shape, splat(param(kPulseWidth))), 0.02f, 0.98f);
    bool slides = false;
    const auto aim = [&](OscillatorLanes& lanes, int lane) {
      Oscillator o = lanes.of(lane);
      o.aim_width(width[lane], m.frames);
      slides |= o.second_increment != o.increment;
      lanes.put(lane, o);
    };
    for (int lane = 0; lane < kLanes; ++lane) {
      for (int u = 0; u < shapes(g).unison; ++u) aim(s.first[u], lane);
      aim(s.second, lane);
    }
    return slides;
  }

  // A parameter may change how oscillators are computed: they go on from where they are heard.
  void become(int g, Mode mode) noexcept {
    Sources& s = sources_[g];
    for (OscillatorLanes& lanes : s.first) lanes.skip(-s.lead);
    s.second.skip(-s.lead);
    s.sub.skip(-s.lead);
    s.lead = I8{};
    s.sine.anchor();
    if (s.mode == Mode::sine) s.first[0].phase = s.sine.phase;
    if (mode == Mode::sine) s.sine.phase = s.first[0].phase;
    s.mode = mode;
    for (int lane = 0; lane < kLanes; ++lane)
      if (mode == Mode::tracks && sounds(g, lane)) fill_ahead(g, lane);
  }

  // To where a voice is heard.
  static void rewind(Sources& s, int lane) noexcept {
    const auto back = [&](OscillatorLanes& lanes) {
      Oscillator oscillator = lanes.of(lane);
      oscillator.skip(-s.lead[lane]);
      lanes.put(lane, oscillator);
    };
    for (OscillatorLanes& copies : s.first) back(copies);
    back(s.second);
    back(s.sub);
    s.lead[lane] = 0;
  }

  void fill_ahead(int g, int lane) noexcept {
    Sources& s = sources_[g];
    s.left[lane].clear();
    s.right[lane].clear();
    run(g, lane, Track::kLead);
    s.left[lane].advance(Track::kLead);
    s.right[lane].advance(Track::kLead);
    s.lead[lane] = Track::kLead;
  }

  // One voice's oscillators.
  void run(int g, int lane, int frames) noexcept {
    Sources& s = sources_[g];
    const Shapes& of = shapes(g);
    const Tracks out{&s.left[lane], of.stereo ? &s.right[lane] : nullptr, table_};
    const auto add = [&](OscillatorLanes& lanes, Waveform waveform, const Level& level, int from) {
      Oscillator oscillator = lanes.of(lane);
      oscillator.add(waveform, level, from, out, frames);
      lanes.phase[lane] = oscillator.phase, lanes.second[lane] = oscillator.second;
    };
    for (int u = 0; u < of.unison; ++u) add(s.first[u], of.first, of.level[u], 0);
    const auto add_along = [&](OscillatorLanes& lanes, Waveform waveform, const LaneSmooth& line) {
      const float from = line.from[lane], step = line.step[lane];
      if (audible(line)) return add(lanes, waveform, {from, from, step, step}, line.done);
      Oscillator oscillator = lanes.of(lane);
      oscillator.skip(frames);
      lanes.put(lane, oscillator);
    };
    add_along(s.second, of.second, s.second_level);
    add_along(s.sub, Waveform::square, s.sub_level);
  }

  struct SteadyGain {
    F8 to_left, to_right;
    [[nodiscard]] SYNTH_INLINE const F8& left(int) const noexcept { return to_left; }
    [[nodiscard]] SYNTH_INLINE const F8& right(int) const noexcept { return to_right; }
  };
  struct MovingGain {
    const LaneSmooth& line;
    [[nodiscard]] SYNTH_INLINE F8 left(int i) const noexcept { return line.at(i); }
    [[nodiscard]] SYNTH_INLINE F8 right(int i) const noexcept { return line.at(i); }
  };
  void draft(int g, F8* left, F8* right, int frames) noexcept {
    Sources& s = sources_[g];
    const Shapes& of = shapes(g);
    std::fill_n(left, frames, F8{});
    if (right) std::fill_n(right, frames, F8{});
    for (int u = 0; u < of.unison; ++u)
      add_draft(of.first, s.first[u], SteadyGain{splat(of.level[u].left), splat(of.level[u].right)}, left,
                right, frames);
    const auto add = [&](OscillatorLanes& lanes, Waveform waveform, const LaneSmooth& line) {
      if (!audible(line)) return lanes.skip(I8{} + frames);
      add_draft(waveform, lanes, MovingGain{line}, left, right, frames);
    };
    add(s.second, of.second, s.second_level);
    add(s.sub, Waveform::square, s.sub_level);
  }

  // From eight voices' tracks to eight lanes, and on in time.
  void turn(int g, Track* tracks, F8* lanes, int frames) noexcept {
    for (int i = 0; i < frames; i += kLanes) {
      F8 rows[kLanes];
      for (int lane = 0; lane < kLanes; ++lane) rows[lane] = tracks[lane].read(i);
      transpose(rows);
      for (int j = 0; j < kLanes; ++j) lanes[i + j] = rows[j] * splat(1.0f / Track::kUnit);
    }
    for (int lane = 0; lane < kLanes; ++lane)
      if (sounds(g, lane)) tracks[lane].advance(frames);
  }

  // Marsaglia, "Xorshift RNGs", 2003.
  static void add_noise(Sources& s, F8* left, F8* right, int frames) noexcept {
    for (int i = 0; i < frames; ++i) {
      s.noise ^= s.noise << 13;
      s.noise ^= s.noise >> 17;
      s.noise ^= s.noise << 5;
      const F8 x = to_float(reinterpret_cast<I8>(s.noise)) * splat(0x1p-31f) * s.noise_level.at(i);
      left[i] += x;
      if (right) right[i] += x;
    }
  }

  Sources* sources_ = nullptr;
  const BlepTable* table_ = nullptr;
  Shapes shapes_[2];  // as they are, and as they were before an event
  int groups_ = 0;
};

}  // namespace
}  // namespace poly

const NodeType kPolyType{
    "poly", "polyphonic subtractive instrument", false, true, poly::kSpec.at, make_node<poly::Poly>};

}  // namespace SYNTH_ISA
}  // namespace synth
