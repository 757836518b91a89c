// What bindings/finish.cpp adds to the module: everything for audio that exists already.
#pragma once

#include <pybind11/pybind11.h>

void bind_finishing(pybind11::module_& m);
