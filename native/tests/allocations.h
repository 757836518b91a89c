// Counts what a real-time thread must not do.
#pragma once

namespace check {

// Allocations (new, malloc, calloc, realloc, aligned_alloc, memalign) and mutex locks of this thread so far.
// Under a sanitizer, which brings its own allocator, only `new` is counted.
long forbidden_calls() noexcept;

}  // namespace check
