#include "synth/finish/fade.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "synth/finish/meter.h"
#include "synth/isa.h"

namespace synth {
namespace {

FinishKernels::Way way(std::int64_t done, std::int64_t length) {
  return {static_cast<double>(done), 1.0 / static_cast<double>(length)};
}

// Pieces in which a frame's number fits the kernels' counter.
constexpr std::int64_t kMost = std::int64_t{1} << 30;

}  // namespace

void Crossfader::process(const AudioView& a, const AudioView& b, std::span<float* const> out) {
  const auto frames = static_cast<std::int64_t>(a.frames);
  for (std::int64_t done = 0; done < frames;) {
    const std::int64_t into = frame_ - start_;
    std::int64_t count = std::min(frames - done, kMost);
    if (into < 0) count = std::min(count, -into);
    if (into >= 0 && into < length_) count = std::min(count, length_ - into);
    for (std::size_t c = 0; c < out.size(); ++c) {
      const float *from = a.channels[c] + done, *to = b.channels[c] + done;
      if (into >= 0 && into < length_)
        isa().finish.cross(from, to, way(into, length_), curve_ == CrossCurve::equal_power, count,
                           out[c] + done);
      else
        std::copy_n(into < 0 ? from : to, count, out[c] + done);
    }
    frame_ += count, done += count;
  }
}

void Fader::fade(double level, std::int64_t length, std::int64_t at, FadeCurve curve) {
  const Fade next{level, length, std::max(at, frame_), curve};
  const auto place = std::upper_bound(coming_.begin(), coming_.end(), next,
                                      [](const Fade& a, const Fade& b) { return a.at < b.at; });
  coming_.insert(place, next);
  begin_due();
}

void Fader::process(const AudioView& audio, std::span<float* const> out) {
  const auto frames = static_cast<std::int64_t>(audio.frames);
  for (std::int64_t done = 0; done < frames;) {
    begin_due();
    std::int64_t count = std::min(frames - done, kMost);
    if (!coming_.empty()) count = std::min(count, coming_.front().at - frame_);
    const std::int64_t into = frame_ - now_.at;
    const bool moving = into < now_.length;
    if (moving) count = std::min(count, now_.length - into);
    for (std::size_t c = 0; c < out.size(); ++c) {
      const float* x = audio.channels[c] + done;
      if (moving)
        isa().finish.fade(x, way(into, now_.length), now_.curve == FadeCurve::smooth,
                          static_cast<float>(from_), static_cast<float>(level_), count, out[c] + done);
      else if (const auto level = static_cast<float>(level_); level <= 1.0f)
        isa().finish.scale(x, count, level, out[c] + done);
      else  // what only fade holds within a float
        isa().finish.fade(x, {0.0, 0.0}, false, level, level, count, out[c] + done);
    }
    frame_ += count, done += count;
  }
  begin_due();
}

void Fader::begin_due() {
  while (!coming_.empty() && coming_.front().at <= frame_) {
    from_ = level_at(frame_);
    now_ = coming_.front();
    level_ = now_.level;
    coming_.erase(coming_.begin());
  }
}

double Fader::level_at(std::int64_t frame) const noexcept {
  if (frame - now_.at >= now_.length) return level_;
  const double turn = static_cast<double>(frame - now_.at) / static_cast<double>(now_.length);
  const double sine = std::sin(std::numbers::pi / 2 * turn);
  return from_ + (level_ - from_) * (now_.curve == FadeCurve::smooth ? sine * sine : turn);
}

void fade(const AudioView& audio, std::int64_t in, std::int64_t out_length, FadeCurve curve,
          std::span<float* const> out) {
  Fader fader(in > 0 ? 0.0 : 1.0);
  if (in > 0) fader.fade(1.0, in, 0, curve);
  if (out_length > 0)
    fader.fade(0.0, out_length, static_cast<std::int64_t>(audio.frames) - out_length, curve);
  constexpr std::size_t kPiece = 4096;  // is still in the cache when its check is done
  std::vector<const float*> from(audio.channels.begin(), audio.channels.end());
  std::vector<float*> to(out.begin(), out.end());
  for (std::size_t left = audio.frames; left > 0;) {
    const std::size_t count = std::min(left, kPiece);
    for (const float* x : from)
      if (!isa().finish.finite(x, static_cast<long>(count))) require_finite(audio);  // names the first place
    fader.process({from, count, audio.sample_rate_hz}, to);
    for (std::size_t c = 0; c < from.size(); ++c) from[c] += count, to[c] += count;
    left -= count;
  }
}

}  // namespace synth
