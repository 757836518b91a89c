#include <cstdio>
#include <cstring>
#include <string>

#include "check.h"
#include "golden.h"
#include "synth/isa.h"

// synth_tests [PART OF A NAME | --shard I/N]; --isas lists what SYNTH_ISA may be here, --golden prints
// tests/golden.txt. N shards, numbered from 1, are all tests together.
int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--isas") == 0) {
    for (const synth::Isa* isa : synth::available_isas()) std::printf("%s\n", isa->name);
    return 0;
  }
  if (argc > 1 && std::strcmp(argv[1], "--golden") == 0) return print_golden(), 0;
  int shard = 0, shards = 1;
  const bool sharded = argc > 1 && std::strcmp(argv[1], "--shard") == 0;
  if (sharded &&
      (argc != 3 || std::sscanf(argv[2], "%d/%d", &shard, &shards) != 2 || shard < 1 || shard > shards))
    return std::printf("--shard I/N: I of 1 to N\n"), 2;
  int number = 0, passed = 0, failed = 0;
  for (const check::Test& test : check::tests()) {
    if (sharded ? ++number % shards != shard - 1 : argc > 1 && !std::strstr(test.name, argv[1])) continue;
    check::failures = 0;
    try {
      test.run();
    } catch (const std::exception& error) {
      check::fail(test.name, 0, (std::string("threw ") + error.what()).c_str());
    }
    (check::failures == 0 ? passed : failed) += 1;
    if (check::failures > 0) std::printf("FAILED %s\n", test.name);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
