#pragma once

// Prints what tests/golden.txt should hold.
void print_golden();
