// What a plan costs of one core, and what is given up when that is too much.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "synth/graph.h"

namespace synth {

// CPU seconds per second of sound with every voice playing. Measured on this machine the first time such a
// node is asked for (about 0.1 ms) and remembered, so figures vary a little from process to process.
double cost_of(const Plan& plan, double sample_rate_hz, int block);

struct Fitted {
  std::shared_ptr<const Plan> plan;
  std::vector<std::string> degraded;  // "pad: unison 7 -> 3", in the order of giving up
  std::vector<bool> lowered;          // per value: events do not raise it again
};

// Gives up, until the plan costs at most `max_cpu` of one core: the instruments' high quality, their unison
// oscillators (by halves), the effects' high quality, and at last voices (by halves).
Fitted fit(std::shared_ptr<const Plan> plan, double sample_rate_hz, int block, double max_cpu);

}  // namespace synth
