// Scores of MR rows and one panel of latents, for 64-bit ARM. A group of 32 bits is one dimension in
// single precision, two in half precision or four in bytes, so that one loop serves all of them.
// The instructions multiply by a lane: a row's next four groups are loaded once.

typedef std::uint32_t groups4 __attribute__((vector_size(16), aligned(4), may_alias));

inline groups4 load_groups(const void* p) { return *reinterpret_cast<const groups4*>(p); }

struct Singles {
    using Sum = float32x4_t;
    template <int lane>
    static Sum add(Sum s, groups4 w, groups4 x) {
        return vfmaq_laneq_f32(s, (float32x4_t)w, (float32x4_t)x, lane);
    }
};

#if defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
struct Halves {
    using Sum = float32x4_t;
    template <int lane>
    static Sum add(Sum s, groups4 w, groups4 x) {
        return vbfdotq_laneq_f32(s, (bfloat16x8_t)w, (bfloat16x8_t)x, lane);
    }
};
#endif

#if defined(__ARM_FEATURE_DOTPROD)
struct Bytes {
    using Sum = int32x4_t;
    template <int lane>
    static Sum add(Sum s, groups4 w, groups4 x) {
        return vdotq_laneq_s32(s, (int8x16_t)w, (int8x16_t)x, lane);
    }
};
#endif

// Adds the products of n groups. 16 sums, 8 vectors of weights and one of a row fill the registers.
template <class Kind>
inline __attribute__((always_inline)) void multiply(const void* rows, const void* weights,
                                                    int64_t n,
                                                    typename Kind::Sum (&acc)[MR][NV]) {
    const auto* x = static_cast<const char*>(rows);
    const auto* w = static_cast<const char*>(weights);
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        groups4 b[4][NV];
        for (int lane = 0; lane < 4; ++lane)
            for (int v = 0; v < NV; ++v) b[lane][v] = load_groups(w + 4 * ((i + lane) * NR + v * L));
#pragma GCC unroll 8
        for (int r = 0; r < MR; ++r) {
            groups4 a = load_groups(x + 4 * (r * n + i));
            asm("" : "+w"(a));  // or the compiler loads every lane by itself
            for (int v = 0; v < NV; ++v) acc[r][v] = Kind::template add<0>(acc[r][v], b[0][v], a);
            for (int v = 0; v < NV; ++v) acc[r][v] = Kind::template add<1>(acc[r][v], b[1][v], a);
            for (int v = 0; v < NV; ++v) acc[r][v] = Kind::template add<2>(acc[r][v], b[2][v], a);
            for (int v = 0; v < NV; ++v) acc[r][v] = Kind::template add<3>(acc[r][v], b[3][v], a);
        }
    }
    for (; i < n; ++i) {
        groups4 b[NV];
        for (int v = 0; v < NV; ++v) b[v] = load_groups(w + 4 * (i * NR + v * L));
#pragma GCC unroll 8
        for (int r = 0; r < MR; ++r) {
            std::uint32_t one;
            std::memcpy(&one, x + 4 * (r * n + i), 4);
            const groups4 a = groups4{} + one;
            for (int v = 0; v < NV; ++v) acc[r][v] = Kind::template add<0>(acc[r][v], b[v], a);
        }
    }
}

// Never inlined: what surrounds it must not take its registers.
template <class Kind>
__attribute__((noinline)) void tile_float(const void* x, const void* w, const float* bias,
                                          int64_t n, vec (&s)[MR][NV]) {
    float32x4_t acc[MR][NV];
#pragma GCC unroll 8
    for (int r = 0; r < MR; ++r)
        for (int v = 0; v < NV; ++v) acc[r][v] = vld1q_f32(bias + v * L);
    multiply<Kind>(x, w, n, acc);
#pragma GCC unroll 8
    for (int r = 0; r < MR; ++r)
        for (int v = 0; v < NV; ++v) s[r][v] = (vec)acc[r][v];
}

inline void tile_full(const float* x, const float* w, const float* bias, int64_t d,
                      vec (&s)[MR][NV]) {
    tile_float<Singles>(x, w, bias, d, s);
}

#if defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
inline void tile_half(const std::uint32_t* x, const std::uint16_t* w, const float* bias,
                      int64_t pairs, vec (&s)[MR][NV]) {
    tile_float<Halves>(x, w, bias, pairs, s);
}
#endif

#if defined(__ARM_FEATURE_DOTPROD)
__attribute__((noinline)) void tile_byte(const std::uint32_t* x, const float* steps,
                                         const std::int8_t* w, const float* scale,
                                         const std::int32_t* shift, const float* bias,
                                         int64_t quads, vec (&s)[MR][NV]) {
    int32x4_t acc[MR][NV];
#pragma GCC unroll 8
    for (int r = 0; r < MR; ++r)
        for (int v = 0; v < NV; ++v) acc[r][v] = vld1q_s32(shift + v * L);
    multiply<Bytes>(x, w, quads, acc);
#pragma GCC unroll 8
    for (int r = 0; r < MR; ++r)
        for (int v = 0; v < NV; ++v)
            s[r][v] = (vec)vcvtq_f32_s32(acc[r][v]) * (load(scale + v * L) * steps[r]) +
                      load(bias + v * L);
}
#endif
