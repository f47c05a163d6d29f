// Vectors of the instruction set at hand, and what is done with single rows.

#if defined(__AVX512F__)
constexpr int L = 16, MR = 12;
#elif defined(__AVX__)
constexpr int L = 8, MR = 6;
#elif defined(__aarch64__)
constexpr int L = 4, MR = 8;
#else
constexpr int L = 4, MR = 6;
#endif
constexpr int NV = 2, NR = NV * L;  // a tile is MR rows by NR latents
#if defined(__AVX512BF16__) || defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
#define SEMASCOPE_HALF
#endif
#if defined(__AVX512VNNI__) || defined(__ARM_FEATURE_DOTPROD)
#define SEMASCOPE_BYTE
#endif
// Products of bytes take rows as unsigned ones, 128 more than they are, but for ARM's.
#if defined(__ARM_FEATURE_DOTPROD)
constexpr int kOffset = 0;
#else
constexpr int kOffset = 128;
#endif
#if defined(SEMASCOPE_HALF)
constexpr bool kHalf = true;
#else
constexpr bool kHalf = false;
#endif
#if defined(SEMASCOPE_BYTE)
constexpr bool kByte = true;
#else
constexpr bool kByte = false;
#endif

using std::int64_t;
typedef float vec __attribute__((vector_size(4 * L)));
typedef float loose __attribute__((vector_size(4 * L), aligned(4), may_alias));
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kLowest = std::numeric_limits<float>::lowest();

inline vec load(const float* p) { return *reinterpret_cast<const loose*>(p); }
inline void store(float* p, vec v) { *reinterpret_cast<loose*>(p) = v; }
inline vec fill(float f) { return vec{} + f; }
inline float sum(vec v) {
#if defined(__AVX512F__)
    return _mm512_reduce_add_ps((__m512)v);
#elif defined(__aarch64__)
    return vaddvq_f32((float32x4_t)v);
#else
    float s = 0;
    for (int i = 0; i < L; ++i) s += v[i];
    return s;
#endif
}
// Whether any number reaches a level; those that are none do not.
inline bool reaches(vec v, float level) {
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask((__m512)v, _mm512_set1_ps(level), _CMP_GE_OQ) != 0;
#elif defined(__aarch64__)
    return vmaxnmvq_f32((float32x4_t)v) >= level;
#else
    float any = v[0];
    for (int i = 1; i < L; ++i) any = std::max(any, v[i]);
    return any >= level;
#endif
}
inline vec root(vec v) {
#if defined(__AVX512F__)
    return (vec)_mm512_sqrt_ps((__m512)v);
#elif defined(__AVX__)
    return (vec)_mm256_sqrt_ps((__m256)v);
#elif defined(__aarch64__)
    return (vec)vsqrtq_f32((float32x4_t)v);
#else
    for (int i = 0; i < L; ++i) v[i] = std::sqrt(v[i]);
    return v;
#endif
}

float dot(const float* a, const float* b, int64_t d) {
    vec s0{}, s1{}, s2{}, s3{};
    int64_t i = 0;
    for (; i + 4 * L <= d; i += 4 * L) {
        s0 += load(a + i) * load(b + i);
        s1 += load(a + i + L) * load(b + i + L);
        s2 += load(a + i + 2 * L) * load(b + i + 2 * L);
        s3 += load(a + i + 3 * L) * load(b + i + 3 * L);
    }
    for (; i + L <= d; i += L) s0 += load(a + i) * load(b + i);
    float s = sum((s0 + s1) + (s2 + s3));
    for (; i < d; ++i) s += a[i] * b[i];
    return s;
}

inline void add_row(float* to, const float* row, float by, int64_t d) {
    int64_t i = 0;
    const vec z = fill(by);
    for (; i + L <= d; i += L) store(to + i, load(to + i) + z * load(row + i));
    for (; i < d; ++i) to[i] += by * row[i];
}

inline int64_t pairs_of(int64_t d) { return (d + 1) / 2; }
inline int64_t quads_of(int64_t d) { return (d + 3) / 4; }

inline std::uint16_t to_half(float f) {
    std::uint32_t bits;
    std::memcpy(&bits, &f, 4);
    if ((bits & 0x7f800000u) == 0) return static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>(bits >> 16 | 64);
    return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

inline float from_half(std::uint16_t h) {
    const std::uint32_t bits = static_cast<std::uint32_t>(h) << 16;
    float f;
    std::memcpy(&f, &bits, 4);
    return f;
}

// Sums of squares of some numbers, and of what rounding them to half takes from them.
struct Norms {
    float whole = 0, gone = 0;
};

Norms round_row(const float* x, int64_t d, std::uint16_t* out) {
    Norms n;
    int64_t i = 0;
#if defined(__AVX512BF16__)
    vec whole{}, gone{};
    for (; i + L <= d; i += L) {
        const __m512 v = _mm512_loadu_ps(x + i);
        const __m256i h = (__m256i)_mm512_cvtneps_pbh(v);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), h);
        const vec off =
            (vec)v - (vec)_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
        whole += (vec)v * (vec)v;
        gone += off * off;
    }
    n.whole = sum(whole);
    n.gone = sum(gone);
#elif defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
    vec whole{}, gone{};
    for (; i + L <= d; i += L) {
        const vec v = load(x + i);
        const auto h = (uint16x4_t)vget_low_bf16(vcvtq_low_bf16_f32((float32x4_t)v));
        std::memcpy(out + i, &h, sizeof h);
        const vec off = v - (vec)vshll_n_u16(h, 16);
        whole += v * v;
        gone += off * off;
    }
    n.whole = sum(whole);
    n.gone = sum(gone);
#endif
    for (; i < d; ++i) {
        out[i] = to_half(x[i]);
        const float off = x[i] - from_half(out[i]);
        n.whole += x[i] * x[i];
        n.gone += off * off;
    }
    return n;
}

// The row in steps of its largest value / 127; `scale` is the step.
Norms quantise_row(const float* x, int64_t d, std::int8_t* out, float& scale) {
    Norms n;
    float most = 0;
    for (int64_t i = 0; i < d; ++i) most = std::max(most, std::abs(x[i]));
    // Rows of next to nothing become zeros, and all of them counts as lost.
    const bool usable = most > 1e-30f;
    scale = usable ? most / 127 : 0.0f;
    const float per = usable ? 127 / most : 0.0f;
    int64_t i = 0;
#if defined(__AVX512VNNI__)
    vec whole{}, gone{};
    for (; i + L <= d; i += L) {
        const vec v = load(x + i);
        const __m512i q = _mm512_cvtps_epi32((__m512)(v * per));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), _mm512_cvtsepi32_epi8(q));
        const vec off = v - (vec)_mm512_cvtepi32_ps(q) * scale;
        whole += v * v;
        gone += off * off;
    }
    n.whole = sum(whole);
    n.gone = sum(gone);
#elif defined(__ARM_FEATURE_DOTPROD)
    vec whole{}, gone{};
    for (; i + L <= d; i += L) {
        const vec v = load(x + i);
        const int32x4_t q = vcvtnq_s32_f32((float32x4_t)(v * per));
        for (int l = 0; l < L; ++l) out[i + l] = static_cast<std::int8_t>(q[l]);
        const vec off = v - (vec)vcvtq_f32_s32(q) * scale;
        whole += v * v;
        gone += off * off;
    }
    n.whole = sum(whole);
    n.gone = sum(gone);
#endif
    for (; i < d; ++i) {
        const float q = std::nearbyint(x[i] * per);
        out[i] = static_cast<std::int8_t>(q);
        const float off = x[i] - q * scale;
        n.whole += x[i] * x[i];
        n.gone += off * off;
    }
    return n;
}

// Squares of numbers below 1e-19 vanish; this is more than a norm can lose by that.
constexpr float kTiny = 1e-16f;
inline float norm_of(float squares) { return std::sqrt(squares) * 1.001f + kTiny; }

// A sum of d products in single precision is off by less than this share of the factors' norms,
// however it is ordered; twice what is needed, for the exact score's own rounding.
inline float rounding(int64_t d) { return static_cast<float>(d + 16) * 0x1p-22f; }
