#include "synth/dsp/instrument.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace synth {
inline namespace SYNTH_ISA {
namespace {

// A soft limit at 1, 3 dB down where the input reaches it.
void drive(F8* x, float gain, int frames) noexcept {
  const F8 by = splat(gain), one = splat(1.0f);
  for (int i = 0; i < frames; ++i) {
    const F8 y = by * x[i];
    x[i] = y / sqrt(fma(y, y, one));
  }
}

}  // namespace

void Instrument::prepare() {
  view_ = params();
  group_count_ = (voice_word(kVoices) + kLanes - 1) / kLanes;
  all_groups_ = group_count_ + std::max(group_count_, kLeastCopies);
  playing_ = group_count_;
  const std::size_t bytes = static_cast<std::size_t>(all_groups_) * sizeof(Group);
  groups_ = reinterpret_cast<Group*>(arena().floats((bytes + sizeof(float) - 1) / sizeof(float)));
  for (int g = 0; g < all_groups_; ++g) new (&groups_[g]) Group{};
  period_ = std::min(block(), kControlFrames);
  vibrato_.set(VoiceLfo::kSine, 0.0f, rate());
  drift_clock_.set(VoiceLfo::kSine, 2.0f, rate());
  seen_.fill(-1e30f);
  prepare_source(all_groups_);
}

void Instrument::advance() noexcept { ticks_ = true; }

void Instrument::control() noexcept {
  until_ = 0;
  const bool ticks = ticks_;
  ticks_ = false;
  const std::size_t size = static_cast<std::size_t>(own_ + kVoiceParams) * sizeof(float);
  if (std::memcmp(seen_.data(), params(), size) == 0) return;
  if (!ticks) fade_from_copies();
  std::memcpy(seen_.data(), params(), size);
  refresh_settings();
  configure();
}

int Instrument::sounding(int first, int last) const noexcept {
  int count = 0;
  for (int g = first; g < last; ++g) count += groups_[g].amp.active();
  return count;
}

// Of a group as it is; null when all places are taken.
Instrument::Group* Instrument::copied(int g) noexcept {
  for (int to = group_count_; to < all_groups_; ++to) {
    if (groups_[to].amp.active()) continue;
    groups_[to] = groups_[g];
    groups_[to].copy_of = g;
    groups_[to].still = false;
    copy(g, to);
    playing_ = all_groups_;
    return &groups_[to];
  }
  return nullptr;
}

// Behind an event the voices sound as before in copies, and fade in as they are from now on. What is set
// again within these 4 ms moves on a line.
void Instrument::fade_from_copies() noexcept {
  const int voices = sounding(0, group_count_), copies = sounding(group_count_, all_groups_);
  if (voices == 0 || voices > all_groups_ - group_count_ - copies) return;
  for (int g = group_count_; g < all_groups_; ++g)
    if (groups_[g].amp.active() && groups_[g].old) return;
  settings_[1] = settings_[0];
  kept_ = seen_;
  keep_settings();
  for (int g = 0; g < group_count_; ++g) {
    if (!groups_[g].amp.active()) continue;
    Group* const before = copied(g);
    before->old = true;
    before->amp.hide_all();
    groups_[g].amp.show_all();
  }
  arrives_ = true;
}

// The same for one voice that is taken for another note.
void Instrument::fade_from_copy(int g, int lane) noexcept {
  for (int other = group_count_; other < all_groups_; ++other) {
    Group& made = groups_[other];
    if (made.copy_of == g && made.amp.active() && made.amp.just_hidden()) {
      // One that was struck at this very frame was not heard.
      if (!made.amp.active(lane) && groups_[g].amp.level()[lane] > 0.0f) made.amp.take(lane, groups_[g].amp);
      groups_[g].amp.show(lane);
      return;
    }
  }
  Group* const before = copied(g);
  if (!before) return;
  before->amp.hide_all_but(lane);
  groups_[g].amp.show(lane);
}

void Instrument::refresh_settings() noexcept {
  Settings& s = settings_[0];
  const auto v = [this](int index) { return voice_param(index); };
  s.amp = AdsrTimes::of(v(kAttack), v(kDecay), v(kSustain), v(kRelease), rate());
  s.mod_env =
      AdsrTimes::of(v(kModAttack), v(kModDecay), v(kModSustain), v(kModRelease), rate(), 0.25f * kBendS);
  s.filter = static_cast<FilterKind>(voice_word(kFilter));
  s.level = 0.25f * gain(own_ + kGain);
  s.drive = gain(own_ + kDrive);
  s.moves = v(kVibratoDepth) > 0.0f || v(kDrift) > 0.0f;
  std::fill_n(s.uses, static_cast<int>(kSources), false);
  for (int i = 0; i < kModSlots; ++i) {
    const int at = kMod1Source + 3 * i;
    s.slots[i] = {voice_word(at), voice_word(at + 1), v(at + 2)};
    s.uses[s.slots[i].source] |= s.slots[i].amount != 0.0f;
  }
  s.moves = s.moves || s.uses[kFromLfo1] || s.uses[kFromLfo2] || s.uses[kFromModEnv];
  for (int g = 0; g < all_groups_; ++g) groups_[g].still = false;
  lfo_[0].set(voice_word(kLfo1Shape), v(kLfo1Rate), rate());
  lfo_[1].set(voice_word(kLfo2Shape), v(kLfo2Rate), rate());
  vibrato_.set(VoiceLfo::kSine, v(kVibratoRate), rate());
}

void Instrument::note_on(float note, float velocity) noexcept {
  const int most = std::min(voice_word(kVoices), group_count_ * kLanes);
  Slot& slot = pick_voice(std::span(slots_.data(), static_cast<std::size_t>(most)), note);
  const int index = static_cast<int>(&slot - slots_.data()), g = index / kLanes, lane = index % kLanes;
  Group& group = groups_[g];
  const bool fresh = !slot.sounding;
  if (!fresh) fade_from_copy(g, lane);
  slot = {{note, true, ++notes_}, true, slot.loudness};
  const float glide_from = last_note_ < 0.0f ? note : last_note_;
  last_note_ = group.goal[lane] = note;
  group.velocity[lane] = velocity;
  if (fresh) {
    group.note[lane] = voice_param(kGlide) > 0.0f ? glide_from : note;
    group.seed[lane] = static_cast<std::uint32_t>(random_.bits());
    group.luck[lane] = random_.bipolar();
    group.age_s[lane] = 0.0f;
    group.amp.silence(lane);
    group.mod_env.silence(lane);
  }
  wake(g, lane, fresh);
  group.still = false;
  group.amp.on(lane, settings_[0].amp);
  group.mod_env.on(lane, settings_[0].mod_env);
  control_line(g);
  group.left.arrive(lane);
  group.right.arrive(lane);
  fresh ? group.filter.start(lane) : group.filter.arrive(lane);
  start(g, lane, fresh);
}

void Instrument::note_off(float note) noexcept {
  for (std::size_t i = 0; i < static_cast<std::size_t>(group_count_ * kLanes); ++i) {
    if (!slots_[i].held || slots_[i].note != note) continue;
    slots_[i].held = false;
    Group& group = groups_[i / kLanes];
    group.still = false;
    group.amp.off(static_cast<int>(i % kLanes), settings_[0].amp);
    group.mod_env.off(static_cast<int>(i % kLanes), settings_[0].mod_env);
  }
}

void Instrument::process(const StereoView&, const Stereo& out, int frames) noexcept {
  for (int done = 0; done < frames;) {
    if (until_ == 0) {
      for (int g = 0; g < playing_; ++g) control_line(g);
      if (playing_ > group_count_ && sounding(group_count_, all_groups_) == 0) playing_ = group_count_;
      for (int g = 0; arrives_ && g < group_count_; ++g) arrive(g);
      arrives_ = false;
      until_ = period_;
    }
    const int n = std::min(frames - done, until_);
    span({out.left + done, out.right + done}, n);
    for (VoiceLfo* lfo : {&lfo_[0], &lfo_[1], &vibrato_, &drift_clock_}) lfo->advance(n);
    done += n;
    until_ -= n;
  }
}

void Instrument::span(const Stereo& out, int frames) noexcept {
  int heard[2 * kMostGroups];
  int count = 0, at = 0;
  for (int g = 0; g < group_count_; ++g)
    if (groups_[g].amp.active()) heard[count++] = g;
  int all = count;
  for (int g = group_count_; g < playing_; ++g)
    if (groups_[g].amp.active()) heard[all++] = g;
  if (all == 0) {
    std::fill_n(out.left, frames, 0.0f);
    std::fill_n(out.right, frames, 0.0f);
    return;
  }
  F8 left[kControlFrames], right[kControlFrames];
  const int rounded = (frames + kLanes - 1) / kLanes * kLanes;
  std::fill_n(left, rounded, F8{});
  std::fill_n(right, rounded, F8{});
  if constexpr (VoiceFilter::kMostGroups == 8)
    for (; at + 8 <= count; at += 8) play<8>(heard + at, left, right, frames);
  for (; at + 4 <= count; at += 4) play<4>(heard + at, left, right, frames);
  for (; at + 2 <= count; at += 2) play<2>(heard + at, left, right, frames);
  if (at < count) play<1>(heard + at, left, right, frames);
  // Copies may have another kind of filter.
  for (at = count; at < all; ++at) play<1>(heard + at, left, right, frames);
  add_lanes(left, out.left, frames);
  add_lanes(right, out.right, frames);
}

template <int kGroups>
void Instrument::play(const int* groups, F8* left, F8* right, int frames) noexcept {
  F8 x[kGroups][kControlFrames], y[kGroups][kControlFrames];
  VoiceFilter::Voices voices[kGroups];
  bool stereo[kGroups], wide = false;
  for (int k = 0; k < kGroups; ++k) wide |= stereo[k] = fill(groups[k], x[k], y[k], frames);
  for (int k = 0; k < kGroups; ++k) {
    Group& group = groups_[groups[k]];
    if (wide && !stereo[k]) std::copy_n(x[k], frames, y[k]);
    const Settings& now = settings(group);
    if (now.drive > 1.0f) {
      drive(x[k], now.drive, frames);
      if (wide) drive(y[k], now.drive, frames);
    }
    if (now.uses[kFromModEnv]) {
      F8 unheard[kControlFrames];
      group.mod_env.fill(unheard, frames);
    }
    voices[k] = {&group.filter, x[k], wide ? y[k] : nullptr, &group.amp, &group.left, &group.right};
  }
  VoiceFilter::mix(voices, left, right, frames);
  for (int k = 0; k < kGroups; ++k) {
    Group& group = groups_[groups[k]];
    group.left.advance(frames);
    group.right.advance(frames);
    group.since += frames;
  }
}

void Instrument::control_line(int g) noexcept {
  Group& group = groups_[g];
  if (group.still) return;
  const Settings& now = settings(group);
  view_ = group.old ? kept_.data() : params();
  group.amp.settle(now.amp);
  group.mod_env.settle(now.mod_env);
  for (int lane = 0; lane < kLanes; ++lane) {
    Slot& slot = slots_[static_cast<std::size_t>(g * kLanes + lane)];
    slot.sounding = group.amp.active(lane);
    slot.loudness = group.amp.level()[lane] * group.velocity[lane];
    slot.held = slot.held && slot.sounding;
  }
  group.still = !group.amp.active();
  if (!group.still) move(g);
  view_ = params();
}

void Instrument::move(int g) noexcept {
  Group& group = groups_[g];
  group.age_s += splat(static_cast<float>(group.since) / rate());
  glide(group);
  F8 targets[kTargets] = {};
  modulate(group, targets);
  aim(group, targets);
  const float depth = voice_param(kVibratoDepth) / 100.0f;
  const F8 vibrato = depth > 0.0f ? vibrato_.value(group.seed) * splat(depth) : F8{};
  const bool source_moves =
      tune(g, {fma(splat(12.0f), targets[kToPitch], group.note + vibrato), splat(12.0f) * targets[kToPitch2],
               targets[kToShape], targets[kToMix], targets[kToTimbre], group.velocity, period_, group.since});
  group.since = 0;
  group.still =
      rests(group) && !(source_moves || group.left.moves || group.right.moves || group.filter.moves());
}

void Instrument::arrive(int g) noexcept {
  Group& group = groups_[g];
  if (!group.amp.active()) return;
  for (int lane = 0; lane < kLanes; ++lane) {
    group.left.arrive(lane);
    group.right.arrive(lane);
    group.filter.arrive(lane);
    start(g, lane, false);
  }
}

// Nothing that a control line looks at will differ at the next one.
bool Instrument::rests(const Group& group) const noexcept {
  return !settings(group).moves && group.amp.flat() && !any(group.note != group.goal);
}

void Instrument::glide(Group& group) noexcept {
  const float glide_s = voice_param(kGlide);
  if (glide_s == 0.0f) {
    group.note = group.goal;
    return;
  }
  const float keep = std::exp(-4.60517f * static_cast<float>(group.since) / (glide_s * rate()));
  const F8 away = (group.note - group.goal) * splat(keep);
  group.note = abs(away) < splat(1e-4f) ? group.goal : group.goal + away;
}

void Instrument::modulate(const Group& group, F8 (&targets)[kTargets]) const noexcept {
  const auto faded = [&](const VoiceLfo& lfo, float fade_s) {
    const F8 value = lfo.value(group.seed);
    return fade_s == 0.0f ? value : value * min(group.age_s * splat(1.0f / fade_s), splat(1.0f));
  };
  const auto source = [&](int which) -> F8 {
    switch (which) {
      case kFromLfo1:
        return faded(lfo_[0], voice_param(kLfo1Fade));
      case kFromLfo2:
        return faded(lfo_[1], voice_param(kLfo2Fade));
      case kFromEnv:
        return group.amp.level();
      case kFromModEnv:
        return group.mod_env.level();
      case kFromVelocity:
        return group.velocity;
      case kFromKey:
        return (group.note - splat(60.0f)) * splat(1.0f / 60.0f);
      case kFromRandom:
        return group.luck;
      default:
        return F8{};
    }
  };
  for (const ModSlot& slot : settings(group).slots)
    if (slot.amount != 0.0f && slot.source != kFromNone && slot.target != kToNone)
      targets[slot.target] = fma(splat(slot.amount), source(slot.source), targets[slot.target]);
}

void Instrument::aim(Group& group, const F8 (&targets)[kTargets]) noexcept {
  const F8 from_middle_c = group.note - splat(60.0f), one = splat(1.0f), zero = splat(0.0f);
  F8 octaves = fma(splat(voice_param(kFilterEnv)), group.amp.level(), splat(8.0f) * targets[kToCutoff]);
  octaves = fma(splat(voice_param(kKeyTrack) / 12.0f), from_middle_c, octaves);
  const F8 cutoff = clamp(splat(voice_param(kCutoff)) * exp2(clamp(octaves, -30.0f, 30.0f)), 20.0f, 20000.0f);
  const F8 resonance = clamp(splat(voice_param(kResonance)) + targets[kToResonance], 0.0f, 1.0f);
  group.filter.aim(settings(group).filter, cutoff, resonance, rate(), period_);
  const F8 place = clamp(from_middle_c * splat(1.0f / 24.0f), -1.0f, 1.0f);
  const F8 side = clamp(fma(splat(voice_param(kPanSpread)), place, targets[kToPan]), -1.0f, 1.0f);
  const F8 level = splat(settings(group).level) * group.velocity * max(one + targets[kToLevel], zero);
  group.left.aim(level * sqrt(one - side), period_);
  group.right.aim(level * sqrt(one + side), period_);
}

F8 Instrument::drift(int g, int oscillator) const noexcept {
  const U8 key = groups_[g].seed + static_cast<std::uint32_t>(oscillator + 1) * 0x632be5abu;
  return drift_clock_.noise(key) * splat(1.8f * voice_param(kDrift) / 100.0f);
}

U8 Instrument::increments(const F8& note) const noexcept {
  const F8 octaves = clamp((note - splat(69.0f)) * splat(1.0f / 12.0f), -40.0f, 20.0f);
  const F8 turns = clamp(exp2(octaves) * splat(440.0f / rate()), 0.0f, 0.49f);
  return reinterpret_cast<U8>(to_int(turns * splat(0x1p32f)));
}

}  // namespace SYNTH_ISA
}  // namespace synth
