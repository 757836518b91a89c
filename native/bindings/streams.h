// The streaming forms of bindings/finish.cpp, and what both check alike.
#pragma once

#include <string>

#include "arguments.h"
#include "synth/finish/dither.h"
#include "synth/finish/duck.h"
#include "synth/finish/fade.h"

synth::CrossCurve cross_curve(const std::string& name);
synth::FadeCurve fade_curve(const std::string& name);
synth::DuckSettings duck_settings(double amount_db, double attack_s, double release_s, double threshold_db);
int dither_bits(int bits);
pybind11::array_t<std::int32_t> dithered(const arguments::Input& given, synth::Dither& dither);

void bind_streams(pybind11::module_& m);
