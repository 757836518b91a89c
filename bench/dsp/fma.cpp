// What two threads of nothing but arithmetic gain on this machine: the measure for two renderers.
extern "C" float fma_loop(long rounds) {
  float x[64];
  for (int i = 0; i < 64; ++i) x[i] = 0.001f * static_cast<float>(i);
  for (long r = 0; r < rounds; ++r)
    for (int i = 0; i < 64; ++i) x[i] = x[i] * 0.999f + 0.001f;
  float sum = 0.0f;
  for (int i = 0; i < 64; ++i) sum += x[i];
  return sum;
}
