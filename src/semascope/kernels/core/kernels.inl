// The kernels, written once with the compiler's vectors and compiled for each instruction set.
// SEMASCOPE_ISA names the namespace.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#if defined(__AVX__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "core.hpp"
#include "pool.hpp"

namespace semascope {
namespace SEMASCOPE_ISA {
namespace {

#include "simd.inl"
#if defined(__aarch64__)
#include "tiles_neon.inl"
#else
#include "tiles.inl"
#endif
#include "pack.inl"
#include "candidates.inl"
#include "select.inl"
#include "clustered.inl"
#include "refine.inl"
#include "train.inl"

}  // namespace

extern const Kernels kernels;
const Kernels kernels{
    SEMASCOPE_NAME, kHalf,     kByte,   NR,      &pack,         &topk,   &batch_topk,
    &threshold,     &refit,    &pursue, &add_noise, &residual,  &update, &pack_groups,
    &choose,        &topk_of_groups};

}  // namespace SEMASCOPE_ISA
}  // namespace semascope
