// A test is TEST(name) { CHECK(...); }. No library is needed, so the tests run wherever the code compiles.
#pragma once

#include <cmath>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace check {

struct Test {
  const char* name;
  void (*run)();
};

inline std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

inline int failures = 0;  // of the test that is running

struct Register {
  Register(const char* name, void (*run)()) { tests().push_back({name, run}); }
};

inline void fail(const char* file, int line, const char* what) {
  ++failures;
  std::printf("%s:%d: %s\n", file, line, what);
}

inline void near(const char* file, int line, const char* what, double got, double want, double margin) {
  if (std::abs(got - want) <= margin) return;  // NaN fails
  ++failures;
  std::printf("%s:%d: %s is %.6g, expected %.6g +- %.3g\n", file, line, what, got, want, margin);
}

}  // namespace check

#define TEST(name)                                                  \
  static void test_##name();                                        \
  static const check::Register register_##name(#name, test_##name); \
  static void test_##name()

#define CHECK(condition) ((condition) ? void() : check::fail(__FILE__, __LINE__, #condition))
#define CHECK_NEAR(got, want, margin) check::near(__FILE__, __LINE__, #got, (got), (want), (margin))
// The message of the exception must hold every given piece of text.
#define CHECK_THROWS_WITH(expression, ...)                                                            \
  do {                                                                                                \
    std::string said = "nothing was thrown";                                                          \
    try {                                                                                             \
      (void)(expression);                                                                             \
    } catch (const std::exception& error) {                                                           \
      said = error.what();                                                                            \
    }                                                                                                 \
    for (const char* piece : {__VA_ARGS__})                                                           \
      if (said.find(piece) == std::string::npos)                                                      \
        check::fail(__FILE__, __LINE__, ("\"" + said + "\" does not say \"" + piece + "\"").c_str()); \
  } while (false)
