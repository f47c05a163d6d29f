// Scores of MR rows and one panel of latents.
// Never inlined: what surrounds it must not take its registers.
__attribute__((noinline)) void tile_full(const float* x, const float* w, const float* bias, int64_t d,
                      vec (&s)[MR][NV]) {
    vec acc[MR][NV];
#pragma GCC unroll 12
    for (int r = 0; r < MR; ++r)
        for (int v = 0; v < NV; ++v) acc[r][v] = load(bias + v * L);
    for (int64_t i = 0; i < d; ++i) {
        const vec w0 = load(w + i * NR), w1 = load(w + i * NR + L);
#pragma GCC unroll 12
        for (int r = 0; r < MR; ++r) {
            const vec a = fill(x[r * d + i]);
            acc[r][0] += a * w0;
            acc[r][1] += a * w1;
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < MR; ++r)
        for (int v = 0; v < NV; ++v) s[r][v] = acc[r][v];
}

#if defined(__AVX512BF16__)
__attribute__((noinline)) void tile_half(const std::uint32_t* x, const std::uint16_t* w, const float* bias,
                      int64_t pairs, vec (&s)[MR][NV]) {
    __m512 acc[MR][NV];
#pragma GCC unroll 12
    for (int r = 0; r < MR; ++r)
        for (int v = 0; v < NV; ++v) acc[r][v] = _mm512_load_ps(bias + v * L);
    for (int64_t i = 0; i < pairs; ++i) {
        const auto w0 = (__m512bh)_mm512_load_si512(w + i * 2 * NR);
        const auto w1 = (__m512bh)_mm512_load_si512(w + i * 2 * NR + 2 * L);
#pragma GCC unroll 12
        for (int r = 0; r < MR; ++r) {
            const auto a = (__m512bh)_mm512_set1_epi32(static_cast<int>(x[r * pairs + i]));
            acc[r][0] = _mm512_dpbf16_ps(acc[r][0], a, w0);
            acc[r][1] = _mm512_dpbf16_ps(acc[r][1], a, w1);
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < MR; ++r)
        for (int v = 0; v < NV; ++v) s[r][v] = (vec)acc[r][v];
}
#endif

#if defined(__AVX512VNNI__)
__attribute__((noinline)) void tile_byte(const std::uint32_t* x, const float* steps, const std::int8_t* w,
                      const float* scale, const std::int32_t* shift, const float* bias,
                      int64_t quads, vec (&s)[MR][NV]) {
    typedef int ivec __attribute__((vector_size(4 * L), may_alias));
    ivec acc[MR][NV];
#pragma GCC unroll 12
    for (int r = 0; r < MR; ++r)
        for (int v = 0; v < NV; ++v) acc[r][v] = *reinterpret_cast<const ivec*>(shift + v * L);
    for (int64_t i = 0; i < quads; ++i) {
        const ivec w0 = *reinterpret_cast<const ivec*>(w + i * 4 * NR);
        const ivec w1 = *reinterpret_cast<const ivec*>(w + i * 4 * NR + 4 * L);
#pragma GCC unroll 12
        for (int r = 0; r < MR; ++r) {
            const ivec a = ivec{} + static_cast<int>(x[r * quads + i]);
            // The intrinsic makes this compiler copy every sum before it adds to it.
            asm("vpdpbusd %2, %1, %0" : "+v"(acc[r][0]) : "v"(a), "v"(w0));
            asm("vpdpbusd %2, %1, %0" : "+v"(acc[r][1]) : "v"(a), "v"(w1));
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < MR; ++r)
        for (int v = 0; v < NV; ++v)
            s[r][v] = (vec)_mm512_cvtepi32_ps((__m512i)acc[r][v]) * (load(scale + v * L) * steps[r]) +
                      load(bias + v * L);
}
#endif
