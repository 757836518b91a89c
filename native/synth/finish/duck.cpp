#include "synth/finish/duck.h"

#include <algorithm>
#include <cmath>

#include "synth/denormals.h"
#include "synth/finish/meter.h"
#include "synth/isa.h"

namespace synth {
namespace {

constexpr double kLevelS = 0.01;

double pace(double seconds, double sample_rate_hz) {
  return 1.0 - std::exp(-kHop / std::max(seconds * sample_rate_hz, 1e-3));
}

std::int64_t hops_in(double seconds, double sample_rate_hz) {
  return static_cast<std::int64_t>(std::ceil(seconds * sample_rate_hz / kHop));
}

}  // namespace

Ducker::Ducker(double sample_rate_hz, std::size_t bed_channels, std::size_t voice_channels,
               const DuckSettings& settings)
    : settings_(settings),
      level_pace_(pace(kLevelS, sample_rate_hz)),
      down_(pace(settings.attack_s / 2.0, sample_rate_hz)),
      up_(pace(settings.release_s / 2.0, sample_rate_hz)),
      threshold_(std::pow(10.0, settings.threshold_db / 10.0)),
      ahead_(hops_in(settings.attack_s, sample_rate_hz)),
      bed_(bed_channels, static_cast<std::size_t>((ahead_ + 2) * kHop)),
      voice_(voice_channels, bed_.latency()) {}

void Ducker::process(const AudioView& bed, const AudioView& voice, std::span<float* const> out) {
  const FlushDenormals flush;
  for (std::size_t done = 0; done < bed.frames;) {
    const std::size_t frames = std::min(HopBuffer::kMost, bed.frames - done);
    bed_.add(bed.channels, done, frames);
    voice_.add(voice.channels, done, frames);
    settle();
    bed_.take(out, done, frames);
    done += frames;
  }
}

// Mixes the hops whose gain is known now, in place.
void Ducker::settle() {
  for (; heard_ < voice_.hops(); ++heard_) {
    if (speaking(heard_)) spoken_ = heard_ + 1;
    const std::int64_t hop = heard_ - ahead_ - 1;
    const float knots[] = {gain_, knot()};
    if (hop < 0) continue;
    for (std::size_t c = 0; c < bed_.channels(); ++c) {
      float* x = bed_.hop(c, hop);
      isa().finish.ride(x, knots, kHop, x);
      isa().finish.add(x, voice_.hop(voice_.channels() == 1 ? 0 : c, hop), kHop, x);
    }
  }
}

bool Ducker::speaking(std::int64_t hop) noexcept {
  double energy = 0.0;
  for (std::size_t c = 0; c < voice_.channels(); ++c) {
    const float* x = voice_.hop(c, hop);
    for (int n = 0; n < kHop; ++n) energy += static_cast<double>(x[n]) * static_cast<double>(x[n]);
  }
  level_ += level_pace_ * (energy / static_cast<double>(kHop * voice_.channels()) - level_);
  return level_ > threshold_;
}

// The gain at the start of the hop `ahead_` before the one heard last.
float Ducker::knot() noexcept {
  const double target = heard_ - ahead_ < spoken_ ? settings_.amount_db : 0.0;
  if (now_db_ == target) return gain_;
  now_db_ += (target < now_db_ ? down_ : up_) * (target - now_db_);
  if (std::abs(target - now_db_) < 1e-4) now_db_ = target;
  return gain_ = static_cast<float>(std::pow(10.0, now_db_ / 20.0));
}

namespace {

// One piece of audio in memory of its own, silent where the audio has ended.
class Piece {
 public:
  Piece(std::size_t channels) : x_(channels, std::vector<float>(HopBuffer::kMost)) {
    for (auto& x : x_) pointers_.push_back(x.data()), views_.push_back(x.data());
  }
  AudioView from(const AudioView& audio, std::size_t begin) {
    const std::size_t left = audio.frames > begin ? audio.frames - begin : 0;
    for (std::size_t c = 0; c < x_.size(); ++c) {
      const std::size_t count = std::min(left, HopBuffer::kMost);
      std::copy_n(audio.channels[c] + (audio.frames - left), count, x_[c].begin());
      if (!isa().finish.finite(x_[c].data(), static_cast<long>(count))) require_finite(audio);  // names it
      std::fill(x_[c].begin() + static_cast<std::ptrdiff_t>(count), x_[c].end(), 0.0f);
    }
    return {views_, HopBuffer::kMost, audio.sample_rate_hz};
  }
  std::span<float* const> out() { return pointers_; }

 private:
  std::vector<std::vector<float>> x_;
  std::vector<float*> pointers_;
  std::vector<const float*> views_;
};

}  // namespace

void duck(const AudioView& bed, const AudioView& voice, const DuckSettings& settings,
          std::span<float* const> out) {
  Ducker ducker(bed.sample_rate_hz, bed.channels.size(), voice.channels.size(), settings);
  Piece bed_piece(bed.channels.size()), voice_piece(voice.channels.size()), mix(bed.channels.size());
  const std::size_t latency = ducker.latency();
  for (std::size_t at = 0; at < bed.frames + latency; at += HopBuffer::kMost) {
    ducker.process(bed_piece.from(bed, at), voice_piece.from(voice, at), mix.out());
    const std::size_t skip = latency > at ? std::min(latency - at, HopBuffer::kMost) : 0;
    const std::size_t to = at + skip - latency;
    const std::size_t count =
        skip == HopBuffer::kMost ? 0 : std::min(HopBuffer::kMost - skip, bed.frames - to);
    for (std::size_t c = 0; c < out.size(); ++c) std::copy_n(mix.out()[c] + skip, count, out[c] + to);
  }
}

}  // namespace synth
