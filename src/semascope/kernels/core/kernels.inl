// The kernels, written once with the compiler's vectors and compiled for each instruction set.
// SEMASCOPE_ISA names the namespace.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#if defined(__AVX__)
#include <immintrin.h>
#endif

#include "core.hpp"
#include "pool.hpp"

namespace semascope {
namespace SEMASCOPE_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int L = 16, MR = 12;
#elif defined(__AVX__)
constexpr int L = 8, MR = 6;
#elif defined(__ARM_NEON)
constexpr int L = 4, MR = 12;
#else
constexpr int L = 4, MR = 6;
#endif
constexpr int NV = 2, NR = NV * L;  // a tile is MR rows by NR latents
#if defined(__AVX512BF16__)
constexpr bool kHalf = true;
#else
constexpr bool kHalf = false;
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
#else
    float s = 0;
    for (int i = 0; i < L; ++i) s += v[i];
    return s;
#endif
}
inline vec root(vec v) {
#if defined(__AVX512F__)
    return (vec)_mm512_sqrt_ps((__m512)v);
#elif defined(__AVX__)
    return (vec)_mm256_sqrt_ps((__m256)v);
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

inline int64_t pairs_of(int64_t d) { return (d + 1) / 2; }

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
#endif
    for (; i < d; ++i) {
        out[i] = to_half(x[i]);
        const float off = x[i] - from_half(out[i]);
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

// Packing ----------------------------------------------------------------------------------------

void pack_latent(Packed& p, const float* w, float bias, int64_t j) {
    const int64_t panel = j / NR, lane = j % NR;
    p.bias.data()[j] = bias;
    p.edge.data()[j] = std::abs(bias) * rounding(p.d);
    if (!p.half) {
        float* out = p.full.data() + panel * p.d * NR + lane;
        for (int64_t i = 0; i < p.d; ++i) out[i * NR] = w[i];
        p.spread.data()[j] = norm_of(dot(w, w, p.d));
        return;
    }
    const int64_t pairs = pairs_of(p.d);
    thread_local std::vector<std::uint32_t> row;
    row.assign(pairs, 0);
    const Norms n = round_row(w, p.d, reinterpret_cast<std::uint16_t*>(row.data()));
    auto* out = reinterpret_cast<std::uint32_t*>(p.low.data()) + panel * pairs * NR + lane;
    for (int64_t i = 0; i < pairs; ++i) out[i * NR] = row[i];
    // A little more than the norms, for the rounding of these very sums.
    p.spread.data()[j] = norm_of(n.whole);
    p.lost.data()[j] = norm_of(n.gone);
}

void pack(const float* weight, const float* bias, Packed& p, int threads) {
    p.panels = (p.m + NR - 1) / NR;
    if (p.half) {
        p.low.resize(static_cast<std::size_t>(p.panels * pairs_of(p.d) * 2 * NR));
    } else {
        p.full.resize(static_cast<std::size_t>(p.panels * p.d * NR));
    }
    for (auto* part : {&p.bias, &p.spread, &p.lost, &p.edge}) {
        part->resize(static_cast<std::size_t>(p.panels * NR));
    }
    for (int64_t j = p.m; j < p.panels * NR; ++j) p.bias.data()[j] = -kInfinity;
    parallel_for(static_cast<int>(p.panels), threads, [&](int panel) {
        const int64_t end = std::min<int64_t>((panel + 1) * NR, p.m);
        for (int64_t j = panel * NR; j < end; ++j) pack_latent(p, weight + j * p.d, bias[j], j);
    });
}

// Candidates -------------------------------------------------------------------------------------

// The latents of one row whose score may still be among those wanted.
struct Found {
    float level = kLowest;  // no latent with an upper bound below it is wanted
    int n = 0;
    std::vector<float> upper, lower;
    std::vector<std::int32_t> latent;

    int room() const { return static_cast<int>(upper.size()); }
    void grow(int to) {
        upper.resize(to);
        lower.resize(to);
        latent.resize(to);
    }

    void drop_below_level() {
        int kept = 0;
#if defined(__AVX512F__)
        const __m512 bar = _mm512_set1_ps(level);
        for (int i = 0; i < n; i += L) {
            const __mmask16 in = static_cast<__mmask16>(n - i >= L ? 0xffff : (1 << (n - i)) - 1);
            const __m512 u = _mm512_loadu_ps(upper.data() + i);
            const __m512 l = _mm512_loadu_ps(lower.data() + i);
            const __m512i j = _mm512_loadu_si512(latent.data() + i);
            const __mmask16 stay = _mm512_mask_cmp_ps_mask(in, u, bar, _CMP_GE_OQ);
            _mm512_storeu_ps(upper.data() + kept, _mm512_maskz_compress_ps(stay, u));
            _mm512_storeu_ps(lower.data() + kept, _mm512_maskz_compress_ps(stay, l));
            _mm512_storeu_si512(latent.data() + kept, _mm512_maskz_compress_epi32(stay, j));
            kept += __builtin_popcount(stay);
        }
#else
        for (int i = 0; i < n; ++i) {
            upper[kept] = upper[i];
            lower[kept] = lower[i];
            latent[kept] = latent[i];
            kept += upper[i] >= level;
        }
#endif
        n = kept;
    }

    int count(float from) const {
        int c = 0;
#if defined(__AVX512F__)
        const __m512 bar = _mm512_set1_ps(from);
        for (int i = 0; i < n; i += L) {
            const __mmask16 in = static_cast<__mmask16>(n - i >= L ? 0xffff : (1 << (n - i)) - 1);
            c += __builtin_popcount(_mm512_mask_cmp_ps_mask(
                in, _mm512_loadu_ps(lower.data() + i), bar, _CMP_GE_OQ));
        }
#else
        for (int i = 0; i < n; ++i) c += lower[i] >= from;
#endif
        return c;
    }

    // Raise the level as far as at least k lower bounds still reach it, and drop what is below.
    void tighten(int k) {
        if (n <= k) return;
        float low = level, high = -kInfinity, least = kInfinity;
        int i = 0;
        if (n >= L) {
            vec most = load(lower.data()), fewest = most;
            for (i = L; i + L <= n; i += L) {
                const vec v = load(lower.data() + i);
                most = v > most ? v : most;
                fewest = v < fewest ? v : fewest;
            }
            for (int l = 0; l < L; ++l) {
                high = std::max(high, most[l]);
                least = std::min(least, fewest[l]);
            }
        }
        for (; i < n; ++i) {
            high = std::max(high, lower[i]);
            least = std::min(least, lower[i]);
        }
        if (least > low || count(low) < k) low = least;
        for (int round = 0; round < 24; ++round) {
            const float middle = low + 0.5f * (high - low);
            if (!(middle > low && middle < high)) break;
            const int c = count(middle);
            if (c >= k) {
                low = middle;
                if (c <= k + 2) break;
            } else {
                high = middle;
            }
        }
        level = std::max(level, low);
        drop_below_level();
    }
};

// A block of rows in the form that the product reads, and how far each row may be off.
struct Block {
    int64_t rows = 0, padded = 0;
    Aligned<float> full;
    Aligned<std::uint32_t> low;
    std::vector<float> gone, kept;  // |x - half(x)| and |half(x)|
};

void fill_block(Block& block, const Packed& p, const float* x, int64_t rows) {
    block.rows = rows;
    block.padded = (rows + MR - 1) / MR * MR;
    block.gone.assign(block.padded, 0.0f);
    block.kept.assign(block.padded, 0.0f);
    const int64_t pairs = pairs_of(p.d);
    if (p.half) {
        block.low.resize(static_cast<std::size_t>(block.padded * pairs));
    } else {
        block.full.resize(static_cast<std::size_t>(block.padded * p.d));
        std::memcpy(block.full.data(), x, sizeof(float) * rows * p.d);
    }
    for (int64_t r = 0; r < rows; ++r) {
        const float* row = x + r * p.d;
        if (p.half) {
            auto* out = reinterpret_cast<std::uint16_t*>(block.low.data() + r * pairs);
            const Norms n = round_row(row, p.d, out);
            const float whole = norm_of(n.whole), gone = norm_of(n.gone);
            block.kept[r] = whole + gone;
            block.gone[r] = gone + (whole + gone) * rounding(p.d);
        } else {
            block.gone[r] = norm_of(dot(row, row, p.d)) * rounding(p.d) + kTiny;
        }
    }
}

// Scores of MR rows and one panel of latents.
inline void tile_full(const float* x, const float* w, const float* bias, int64_t d,
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
inline void tile_half(const std::uint32_t* x, const std::uint16_t* w, const float* bias,
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

// Append the latents of a vector of scores whose upper bound reaches the row's level.
inline void keep(Found& f, vec score, vec error, int64_t first) {
    const vec upper = score + error;
#if defined(__AVX512F__)
    const __mmask16 mask =
        _mm512_cmp_ps_mask((__m512)upper, _mm512_set1_ps(f.level), _CMP_GE_OQ);
    if (__builtin_expect(mask == 0, 1)) return;
    const __m512i index = _mm512_add_epi32(
        _mm512_set1_epi32(static_cast<int>(first)),
        _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
    _mm512_storeu_ps(f.upper.data() + f.n, _mm512_maskz_compress_ps(mask, (__m512)upper));
    _mm512_storeu_ps(f.lower.data() + f.n,
                     _mm512_maskz_compress_ps(mask, (__m512)(score - error)));
    _mm512_storeu_si512(f.latent.data() + f.n, _mm512_maskz_compress_epi32(mask, index));
    f.n += __builtin_popcount(mask);
#else
    float any = upper[0];
    for (int i = 1; i < L; ++i) any = std::max(any, upper[i]);
    if (__builtin_expect(!(any >= f.level), 1)) return;
    for (int i = 0; i < L; ++i) {
        if (upper[i] >= f.level) {
            f.upper[f.n] = upper[i];
            f.lower[f.n] = score[i] - error[i];
            f.latent[f.n] = static_cast<std::int32_t>(first + i);
            ++f.n;
        }
    }
#endif
}

// Collect candidates for every row of a block. With k > 0 the k best are wanted and the levels
// rise by themselves; with k = 0 all latents that reach the given levels are.
void collect(const Packed& p, const Block& block, int k, const float* bias, const float* edge,
             Found* found) {
    for (int64_t panel = 0; panel < p.panels; ++panel) {
        const int64_t first = panel * NR;
        const vec spread[NV] = {load(p.spread.data() + first), load(p.spread.data() + first + L)};
        const vec edges[NV] = {load(edge + first), load(edge + first + L)};
        const vec lost[NV] = {load(p.lost.data() + first), load(p.lost.data() + first + L)};
        for (int64_t r0 = 0; r0 < block.padded; r0 += MR) {
            vec s[MR][NV];
            if (p.half) {
#if defined(__AVX512BF16__)
                const int64_t pairs = pairs_of(p.d);
                tile_half(block.low.data() + r0 * pairs, p.low.data() + panel * pairs * 2 * NR,
                          bias + first, pairs, s);
#endif
            } else {
                tile_full(block.full.data() + r0 * p.d, p.full.data() + panel * p.d * NR,
                          bias + first, p.d, s);
            }
            const int64_t rows = std::min<int64_t>(MR, block.rows - r0);
            for (int64_t r = 0; r < rows; ++r) {
                Found& f = found[r0 + r];
                if (f.n + NR > f.room()) {
                    if (k > 0) f.tighten(k);
                    if (f.n + NR + NR / 2 > f.room()) f.grow(2 * f.room() + 2 * NR);
                }
                const vec gone = fill(block.gone[r0 + r]), kept = fill(block.kept[r0 + r]);
                for (int v = 0; v < NV; ++v)
                    keep(f, s[r][v], gone * spread[v] + kept * lost[v] + edges[v], first + v * L);
            }
        }
    }
}

// A score and its latent as one number: sorting it sorts by score, ties by latent.
inline std::uint64_t key_of(float score, std::uint32_t latent) {
    std::uint32_t bits;
    score += 0.0f;  // minus zero becomes zero
    std::memcpy(&bits, &score, 4);
    bits ^= (bits >> 31) ? 0xffffffffu : 0x80000000u;
    return static_cast<std::uint64_t>(bits) << 32 | ~latent;
}

inline float score_of(std::uint64_t key) {
    auto bits = static_cast<std::uint32_t>(key >> 32);
    bits ^= (bits >> 31) ? 0x80000000u : 0xffffffffu;
    float f;
    std::memcpy(&f, &bits, 4);
    return f;
}

inline std::uint32_t latent_of(std::uint64_t key) { return ~static_cast<std::uint32_t>(key); }

// Ask for a row that is needed soon.
inline void fetch(const float* row, int64_t d) {
    for (int64_t i = 0; i < d; i += 16) __builtin_prefetch(row + i);
}

inline float exact(const Encoder& e, const float* x, int64_t j) {
    return dot(x, e.weight + j * e.packed->d, e.packed->d) + e.bias[j];
}

int64_t rows_of_block(int64_t b, int threads) {
    const int64_t even = (b + 4 * threads - 1) / (4 * threads);
    return std::clamp<int64_t>((even + MR - 1) / MR * MR, MR, 16 * MR);
}

void topk(const Encoder& e, const float* x, int64_t b, int k, bool by_latent, int64_t* latents,
          float* values, int threads) {
    const Packed& p = *e.packed;
    const int64_t size = rows_of_block(b, threads), blocks = (b + size - 1) / size;
    parallel_for(static_cast<int>(blocks), threads, [&](int at) {
        thread_local Block block;
        thread_local std::vector<Found> found;
        thread_local std::vector<std::uint64_t> keys;
        const int64_t start = at * size, rows = std::min(size, b - start);
        fill_block(block, p, x + start * p.d, rows);
        if (static_cast<int64_t>(found.size()) < rows) found.resize(rows);
        for (int64_t r = 0; r < rows; ++r) {
            found[r].level = kLowest;
            found[r].n = 0;
            // Room for as many again as are wanted balances appending against tightening.
            if (found[r].room() < 2 * k + 2 * NR) found[r].grow(2 * k + 2 * NR);
        }
        collect(p, block, k, p.bias.data(), p.edge.data(), found.data());
        for (int64_t r = 0; r < rows; ++r) {
            Found& f = found[r];
            f.tighten(k);
            keys.clear();
            for (int i = 0; i < f.n; ++i) {
                if (i + 2 < f.n) fetch(e.weight + f.latent[i + 2] * p.d, p.d);
                const auto j = f.latent[i];
                keys.push_back(key_of(exact(e, x + (start + r) * p.d, j), j));
            }
            const int64_t n = std::min<int64_t>(k, static_cast<int64_t>(keys.size()));
            if (n < static_cast<int64_t>(keys.size()))
                std::nth_element(keys.begin(), keys.begin() + (n - 1), keys.end(),
                                 std::greater<>());
            if (by_latent) {
                std::sort(keys.begin(), keys.begin() + n,
                          [](auto a, auto c) { return latent_of(a) < latent_of(c); });
            } else {
                std::sort(keys.begin(), keys.begin() + n, std::greater<>());
            }
            int64_t* to = latents + (start + r) * k;
            float* with = values + (start + r) * k;
            for (int64_t i = 0; i < k; ++i) {
                // Fewer than k only where scores are not finite.
                to[i] = i < n ? static_cast<int64_t>(latent_of(keys[i])) : i;
                with[i] = i < n ? std::max(0.0f, score_of(keys[i])) : 0.0f;
            }
        }
    });
}

// All pairs whose exact score reaches `level`, or is above the latent's own bar.
struct Pair {
    std::int32_t latent;
    float score;
};

std::vector<std::vector<std::vector<Pair>>> above(const Encoder& e, const float* x, int64_t b,
                                                  const float* bias, const float* edge,
                                                  const float* bars, float level, int64_t size,
                                                  int threads) {
    const Packed& p = *e.packed;
    const int64_t blocks = (b + size - 1) / size;
    std::vector<std::vector<std::vector<Pair>>> all(blocks);
    parallel_for(static_cast<int>(blocks), threads, [&](int at) {
        thread_local Block block;
        thread_local std::vector<Found> found;
        const int64_t start = at * size, rows = std::min(size, b - start);
        fill_block(block, p, x + start * p.d, rows);
        if (static_cast<int64_t>(found.size()) < rows) found.resize(rows);
        for (int64_t r = 0; r < rows; ++r) {
            found[r].level = level;
            found[r].n = 0;
            if (found[r].room() < 4 * NR) found[r].grow(4 * NR);
        }
        collect(p, block, 0, bias, edge, found.data());
        all[at].resize(rows);
        for (int64_t r = 0; r < rows; ++r) {
            const Found& f = found[r];
            auto& out = all[at][r];
            out.reserve(f.n);
            for (int i = 0; i < f.n; ++i) {
                const auto j = f.latent[i];
                if (i + 2 < f.n) fetch(e.weight + f.latent[i + 2] * p.d, p.d);
                const float score = exact(e, x + (start + r) * p.d, j);
                if (bars ? score > bars[j] : score >= level) out.push_back({j, score});
            }
            std::sort(out.begin(), out.end(),
                      [](const Pair& a, const Pair& c) { return a.latent < c.latent; });
        }
    });
    return all;
}

Rows batch_topk(const Encoder& e, const float* x, int64_t b, int64_t most, int threads) {
    const Packed& p = *e.packed;
    const int64_t size = rows_of_block(b, threads);
    // Guess the level from some rows, so that few candidates too many are collected.
    float level = 0;
    if (most < b * p.m) {
        const int64_t sampled = std::min<int64_t>(b, 64), stride = b / sampled;
        const int k = static_cast<int>(std::min<int64_t>(p.m, 4 * ((most + b - 1) / b) + 8));
        std::vector<float> some(sampled * p.d), best(sampled * k);
        std::vector<int64_t> which(sampled * k);
        for (int64_t r = 0; r < sampled; ++r)
            std::memcpy(&some[r * p.d], x + r * stride * p.d, sizeof(float) * p.d);
        topk(e, some.data(), sampled, k, false, which.data(), best.data(), threads);
        const auto rank = std::min<int64_t>(static_cast<int64_t>(best.size()) - 1,
                                            1.2 * static_cast<double>(most) * sampled / b + k);
        std::nth_element(best.begin(), best.begin() + rank, best.end(), std::greater<>());
        level = best[rank];
    }
    std::vector<std::vector<std::vector<Pair>>> all;
    for (;;) {
        all = above(e, x, b, p.bias.data(), p.edge.data(), nullptr, level, size, threads);
        int64_t total = 0;
        for (const auto& block : all)
            for (const auto& row : block) total += static_cast<int64_t>(row.size());
        if (total >= most || level <= 0) break;
        level = level > 1e-3f ? level / 2 : 0;
    }
    std::vector<std::uint64_t> keys;
    std::uint32_t place = 0;
    for (const auto& block : all)
        for (const auto& row : block)
            for (const auto& pair : row) keys.push_back(key_of(pair.score, place++));
    std::uint64_t least = 0;
    if (static_cast<int64_t>(keys.size()) > most && most > 0) {
        std::nth_element(keys.begin(), keys.begin() + (most - 1), keys.end(), std::greater<>());
        least = keys[most - 1];
    }
    Rows out;
    out.first.push_back(0);
    place = 0;
    for (const auto& block : all) {
        for (const auto& row : block) {
            for (const auto& pair : row) {
                if (key_of(pair.score, place++) >= least && pair.score > 0) {
                    out.latents.push_back(pair.latent);
                    out.values.push_back(pair.score);
                }
            }
            out.first.push_back(static_cast<int64_t>(out.latents.size()));
        }
    }
    return out;
}

Rows threshold(const Encoder& e, const float* x, int64_t b, const float* bars, int threads) {
    const Packed& p = *e.packed;
    // Candidates reach zero with their bar taken off the bias.
    Aligned<float> bias, edge;
    bias.resize(static_cast<std::size_t>(p.panels * NR));
    edge.resize(static_cast<std::size_t>(p.panels * NR));
    for (int64_t j = 0; j < p.panels * NR; ++j) {
        bias.data()[j] = j < p.m ? p.bias.data()[j] - bars[j] : -kInfinity;
        if (j < p.m)
            edge.data()[j] = (std::abs(p.bias.data()[j]) + std::abs(bars[j])) * rounding(p.d);
    }
    const auto all = above(e, x, b, bias.data(), edge.data(), bars, 0.0f,
                           rows_of_block(b, threads), threads);
    Rows out;
    out.first.push_back(0);
    for (const auto& block : all) {
        for (const auto& row : block) {
            for (const auto& pair : row) {
                out.latents.push_back(pair.latent);
                out.values.push_back(pair.score);
            }
            out.first.push_back(static_cast<int64_t>(out.latents.size()));
        }
    }
    return out;
}

// Noise ------------------------------------------------------------------------------------------

// A number from 0 to 2^32 - 1 for each place: the finisher of MurmurHash3 (A. Appleby).
inline std::uint32_t mix(std::uint32_t h) {
    h ^= h >> 16;
    h *= 0x85ebca6bu;
    h ^= h >> 13;
    h *= 0xc2b2ae35u;
    return h ^ (h >> 16);
}

void add_noise(const float* x, std::int64_t n, float deviation, std::uint32_t seed, float* out,
               int threads) {
    // Uniform from -sqrt(3) to sqrt(3) deviations: the same variance as a normal one.
    const float scale = deviation * 1.7320508f * 0x1p-31f;
    constexpr int64_t size = 1 << 16;
    parallel_for(static_cast<int>((n + size - 1) / size), threads, [&](int at) {
        const int64_t end = std::min(n, (at + 1) * size);
        for (int64_t i = at * size; i < end; ++i) {
            const auto h = mix(mix(static_cast<std::uint32_t>(i) + seed) + seed);
            out[i] = x[i] + static_cast<float>(static_cast<std::int32_t>(h)) * scale;
        }
    });
}

// Residual ---------------------------------------------------------------------------------------

double residual(const int64_t* first, const int64_t* latents, const float* values,
                const float* atoms, const float* bias, const float* x, int64_t b, int64_t d,
                float scale, float* gradient, float* slopes, int threads) {
    constexpr int64_t size = 32;
    const int64_t blocks = (b + size - 1) / size;
    std::vector<double> parts(blocks, 0.0);
    parallel_for(static_cast<int>(blocks), threads, [&](int at) {
        thread_local std::vector<float> own;
        own.resize(d);
        for (int64_t r = at * size; r < std::min<int64_t>((at + 1) * size, b); ++r) {
            const int64_t from = first[r], to = first[r + 1];
            float* g = gradient ? gradient + r * d : own.data();
            const float* row = x + r * d;
            float error = 0;
            int64_t i = 0;
            vec squares{};
            for (; i + 4 * L <= d; i += 4 * L) {
                vec s[4];
                for (int v = 0; v < 4; ++v) s[v] = load(bias + i + v * L);
                for (int64_t q = from; q < to; ++q) {
                    const float* a = atoms + latents[q] * d + i;
                    const vec z = fill(values[q]);
                    for (int v = 0; v < 4; ++v) s[v] += z * load(a + v * L);
                }
                for (int v = 0; v < 4; ++v) {
                    const vec off = s[v] - load(row + i + v * L);
                    squares += off * off;
                    store(g + i + v * L, off * scale);
                }
            }
            for (; i < d; ++i) {
                float s = bias[i];
                for (int64_t q = from; q < to; ++q) s += values[q] * atoms[latents[q] * d + i];
                s -= row[i];
                error += s * s;
                g[i] = s * scale;
            }
            parts[at] += static_cast<double>(error) + static_cast<double>(sum(squares));
            if (slopes) {
                for (int64_t q = from; q < to; ++q)
                    slopes[q] = values[q] > 0 ? dot(g, atoms + latents[q] * d, d) : 0.0f;
            }
        }
    });
    return std::accumulate(parts.begin(), parts.end(), 0.0);
}

// Update -----------------------------------------------------------------------------------------

struct Rates {
    float keep1, take1, keep2, take2, step, correct, epsilon;
};

inline void adam_step(const Rates& c, const Parameter& p, int64_t at, const float* g, int64_t n) {
    float *w = p.value + at, *a = p.first + at, *s = p.second + at;
    int64_t i = 0;
    for (; i + L <= n; i += L) {
        const vec grad = load(g + i);
        const vec m = load(a + i) * c.keep1 + grad * c.take1;
        const vec v = load(s + i) * c.keep2 + grad * grad * c.take2;
        store(a + i, m);
        store(s + i, v);
        store(w + i, load(w + i) - c.step * m / (root(v) * c.correct + c.epsilon));
    }
    for (; i < n; ++i) {
        a[i] = a[i] * c.keep1 + g[i] * c.take1;
        s[i] = s[i] * c.keep2 + g[i] * g[i] * c.take2;
        w[i] -= c.step * a[i] / (std::sqrt(s[i]) * c.correct + c.epsilon);
    }
}

// One active pair seen from its latent.
struct Entry {
    std::int32_t row;
    std::int32_t term;
    float value, slope;
};

inline void add_row(float* to, const float* row, float by, int64_t d) {
    int64_t i = 0;
    const vec z = fill(by);
    for (; i + L <= d; i += L) store(to + i, load(to + i) + z * load(row + i));
    for (; i < d; ++i) to[i] += by * row[i];
}

// Sum the rows of a latent's entries into the gradients of its atom and of its encoder.
void gather(const Entry* entries, int64_t n, const std::vector<Term>& terms, const float* x,
            int64_t d, float* atom, float* encoder) {
    int64_t i = 0;
    for (; i + 4 * L <= d; i += 4 * L) {
        vec a[4]{}, e[4]{};
        for (int64_t q = 0; q < n; ++q) {
            const float* g = terms[entries[q].term].gradient + entries[q].row * d + i;
            const float* row = x + entries[q].row * d + i;
            const vec value = fill(entries[q].value), slope = fill(entries[q].slope);
            for (int v = 0; v < 4; ++v) {
                a[v] += value * load(g + v * L);
                e[v] += slope * load(row + v * L);
            }
        }
        for (int v = 0; v < 4; ++v) {
            store(atom + i + v * L, a[v]);
            store(encoder + i + v * L, e[v]);
        }
    }
    for (; i < d; ++i) {
        atom[i] = encoder[i] = 0;
        for (int64_t q = 0; q < n; ++q) {
            atom[i] += entries[q].value * terms[entries[q].term].gradient[entries[q].row * d + i];
            encoder[i] += entries[q].slope * x[entries[q].row * d + i];
        }
    }
}

void update(const std::vector<Term>& terms, const float* x, int64_t b, int64_t m, int64_t d,
            const Adam& adam, const Parameter& encoder, const Parameter& encoder_bias,
            const Parameter& atoms, const Parameter& bias, Packed& packed, int64_t* last_active,
            int64_t rows_seen, int threads) {
    const double t = static_cast<double>(adam.step);
    const Rates rates{adam.beta1,
                      1 - adam.beta1,
                      adam.beta2,
                      1 - adam.beta2,
                      static_cast<float>(adam.rate / (1 - std::pow(double(adam.beta1), t))),
                      static_cast<float>(1 / std::sqrt(1 - std::pow(double(adam.beta2), t))),
                      adam.epsilon};
    // Transpose: entries sorted by latent, rows ascending.
    std::vector<int64_t> start(m + 1, 0);
    for (const Term& term : terms)
        for (int64_t q = 0; q < term.first[b]; ++q) ++start[term.latents[q] + 1];
    for (int64_t j = 0; j < m; ++j) start[j + 1] += start[j];
    std::vector<Entry> entries(start[m]);
    std::vector<int64_t> next(start.begin(), start.end() - 1);
    for (std::size_t at = 0; at < terms.size(); ++at) {
        const Term& term = terms[at];
        for (int64_t r = 0; r < b; ++r) {
            for (int64_t q = term.first[r]; q < term.first[r + 1]; ++q) {
                const int64_t j = term.latents[q];
                entries[next[j]++] = {static_cast<std::int32_t>(r), static_cast<std::int32_t>(at),
                                      term.values[q], term.slopes[q]};
                if (at == 0 && term.values[q] > 0) last_active[j] = rows_seen;
            }
        }
    }
    const int64_t panels = (m + NR - 1) / NR;
    // The gradient of the output's bias, column by column: one sum in one order.
    constexpr int64_t columns = 4 * L;
    const int64_t strips = (d + columns - 1) / columns;
    parallel_for(static_cast<int>(panels + strips), threads, [&](int task) {
        thread_local std::vector<float> own;
        own.resize(2 * d + columns);
        if (task >= panels) {
            const int64_t from = (task - panels) * columns, n = std::min(columns, d - from);
            float* g = own.data();
            std::fill(g, g + n, 0.0f);
            for (const Term& term : terms) {
                if (!term.moves_bias) continue;
                for (int64_t r = 0; r < b; ++r) add_row(g, term.gradient + r * d + from, 1.0f, n);
            }
            adam_step(rates, bias, from, g, n);
            return;
        }
        float *ga = own.data(), *ge = ga + d;
        for (int64_t j = task * NR; j < std::min<int64_t>((task + 1) * NR, m); ++j) {
            const int64_t n = start[j + 1] - start[j];
            gather(entries.data() + start[j], n, terms, x, d, ga, ge);
            float slope = 0;
            for (int64_t q = start[j]; q < start[j + 1]; ++q) slope += entries[q].slope;
            float* atom = atoms.value + j * d;
            add_row(ga, atom, -dot(ga, atom, d), d);
            adam_step(rates, atoms, j * d, ga, d);
            const float norm = std::max(std::sqrt(dot(atom, atom, d)), 1e-12f);
            for (int64_t i = 0; i < d; ++i) atom[i] /= norm;
            adam_step(rates, encoder, j * d, ge, d);
            adam_step(rates, encoder_bias, j, &slope, 1);
            pack_latent(packed, encoder.value + j * d, encoder_bias.value[j], j);
        }
    });
}

}  // namespace

extern const Kernels kernels;
const Kernels kernels{SEMASCOPE_NAME, kHalf,     NR,       &pack,    &topk,
                      &batch_topk,    &threshold, &add_noise, &residual,
                      &update};

}  // namespace SEMASCOPE_ISA
}  // namespace semascope
