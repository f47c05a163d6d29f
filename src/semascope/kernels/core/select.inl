// The rules of selection, on exact scores of the candidates.

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
        prepare(found, rows, k, kLowest);
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
        prepare(found, rows, 0, level);
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
        // Half of infinity, where scores overflowed, would be infinity for ever.
        level = level > 1e-3f && level < kInfinity ? level / 2 : 0;
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
