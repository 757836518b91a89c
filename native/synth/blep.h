// What a band-limited step and a band-limited corner differ in from ideal ones.
#pragma once

namespace synth {

// An oscillator that jumps is made from the ideal waveform and, at every jump, this difference: as clean as
// the low-pass below, at any pitch and any modulation (Brandt, "Hard sync without aliasing", ICMC 2001;
// corners: Esqueda, Valimaki, Bilbao, "Rounding corners with BLAMP", DAFx 2016). The low-pass is a
// Kaiser-windowed sinc of 64 samples whose stop band (-86 dB) begins at the Nyquist frequency; it is flat up
// to 0.41 of the rate.
struct BlepTable {
  static constexpr int kTaps = 64, kLead = kTaps / 2, kRows = 128;
  // Row r: samples at r / kRows + k - kLead frames after the jump, k = 0 .. 63. For a jump of 1, or for a
  // slope that grows by 1 per frame. Read between rows r and r + 1 on a line: -105 dB.
  alignas(64) float step[kRows + 1][kTaps];
  alignas(64) float corner[kRows + 1][kTaps];

  BlepTable();
};

// Built once per process on first use (compiling a graph), in about 0.3 ms, never while rendering.
const BlepTable& blep_table();

}  // namespace synth
