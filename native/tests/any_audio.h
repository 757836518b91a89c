// Audio of any floats through all that measures, finishes and mixes audio.
#pragma once

#include <cstdint>
#include <string>

// Draws a sound from the seed: any length, rate and channels, samples from denormal numbers to the largest
// float, now and then one that is NaN or infinite. Returns what was wrong with what came of it; nothing if
// all was right.
std::string fault_with_any_audio(std::uint64_t seed);
