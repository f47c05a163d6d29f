// Candidates for selection, from tiles of scores that never leave the cache.

// The latents of one row whose score may still be among those wanted.
struct Found {
    float level = kLowest;  // no latent with an upper bound below it is wanted
    int n = 0;
    std::vector<float> upper, lower;
    std::vector<std::int32_t> latent;

    // Whole vectors are read and written, so that the last one may reach past what is counted.
    int room() const { return static_cast<int>(upper.size()) - L; }
    void grow(int to) {
        upper.resize(to + L);
        lower.resize(to + L);
        latent.resize(to + L);
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

void prepare(std::vector<Found>& found, int64_t rows, int k, float level) {
    if (static_cast<int64_t>(found.size()) < rows) found.resize(rows);
    for (int64_t r = 0; r < rows; ++r) {
        found[r].level = level;
        found[r].n = 0;
        // Room for as many again as are wanted balances appending against tightening.
        if (found[r].room() < 2 * k + 2 * NR) found[r].grow(2 * k + 2 * NR);
    }
}

// A block of rows in the form that the product reads, and how far each row may be off.
struct Block {
    int64_t rows = 0, padded = 0;
    Aligned<float> full;
    Aligned<std::uint32_t> low;              // pairs of halves, or four bytes
    std::vector<float> scale, gone, kept;    // of bytes; |x - low(x)| and |low(x)|
};

void fill_block(Block& block, const Packed& p, const float* x, int64_t rows) {
    block.rows = rows;
    block.padded = (rows + MR - 1) / MR * MR;
    for (auto* part : {&block.scale, &block.gone, &block.kept}) part->assign(block.padded, 0.0f);
    if (p.precision == Precision::full) {
        block.full.resize(static_cast<std::size_t>(block.padded * p.d));
        std::memcpy(block.full.data(), x, sizeof(float) * rows * p.d);
        for (int64_t r = 0; r < rows; ++r)
            block.gone[r] =
                norm_of(dot(x + r * p.d, x + r * p.d, p.d)) * rounding(p.d) + kTiny;
        return;
    }
    const bool byte = p.precision == Precision::byte;
    const int64_t groups = byte ? quads_of(p.d) : pairs_of(p.d);
    block.low.resize(static_cast<std::size_t>(block.padded * groups));
    for (int64_t r = 0; r < rows; ++r) {
        std::uint32_t* out = block.low.data() + r * groups;
        Norms n;
        if (byte) {
            n = quantise_row(x + r * p.d, p.d, reinterpret_cast<std::int8_t*>(out),
                             block.scale[r]);
            for (int64_t i = 0; i < groups; ++i) out[i] ^= 0x01010101u * kOffset;
        } else {
            n = round_row(x + r * p.d, p.d, reinterpret_cast<std::uint16_t*>(out));
        }
        const float whole = norm_of(n.whole), gone = norm_of(n.gone);
        block.kept[r] = whole + gone;
        block.gone[r] = gone + (whole + gone) * rounding(p.d);
    }
}

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
    if (__builtin_expect(!reaches(upper, f.level), 1)) return;
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
// rise by themselves; with k = 0 all latents that reach the given levels are. Only the panels from
// `begin` to `end` are read, `shift` is added to the latents, and row r of the block is row
// `rows_of[r]` of those wanted.
void collect(const Packed& p, const Block& block, int k, const float* bias, const float* edge,
             Found* found, int64_t begin, int64_t end, int64_t shift, const std::int32_t* rows_of) {
    for (int64_t panel = begin; panel < end; ++panel) {
        const int64_t first = panel * NR;
        const vec spread[NV] = {load(p.spread.data() + first), load(p.spread.data() + first + L)};
        const vec edges[NV] = {load(edge + first), load(edge + first + L)};
        const vec lost[NV] = {load(p.lost.data() + first), load(p.lost.data() + first + L)};
        for (int64_t r0 = 0; r0 < block.padded; r0 += MR) {
            vec s[MR][NV];
            if (p.precision == Precision::byte) {
#if defined(SEMASCOPE_BYTE)
                const int64_t quads = quads_of(p.d);
                tile_byte(block.low.data() + r0 * quads, block.scale.data() + r0,
                          p.bytes.data() + panel * quads * 4 * NR, p.scale.data() + first,
                          p.shift.data() + first, bias + first, quads, s);
#endif
            } else if (p.precision == Precision::half) {
#if defined(SEMASCOPE_HALF)
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
                Found& f = found[rows_of ? rows_of[r0 + r] : r0 + r];
                if (f.n + NR > f.room()) {
                    if (k > 0) f.tighten(k);
                    if (f.n + NR + NR / 2 > f.room()) f.grow(2 * f.room() + 2 * NR);
                }
                const vec gone = fill(block.gone[r0 + r]), kept = fill(block.kept[r0 + r]);
                for (int v = 0; v < NV; ++v)
                    keep(f, s[r][v], gone * spread[v] + kept * lost[v] + edges[v],
                         shift + first + v * L);
            }
        }
    }
}

void collect(const Packed& p, const Block& block, int k, const float* bias, const float* edge,
             Found* found) {
    collect(p, block, k, bias, edge, found, 0, p.panels, 0, nullptr);
}
