// The best latents of each row among the clusters it probes. Members of a cluster are laid out as
// panels of their own, for all clusters once or, to hold no copy of the weights, for each cluster
// when rows come to it.

void lay_out(const Groups& g, int64_t c, Packed& p, int64_t panel) {
    const int64_t from = g.first[c], size = g.first[c + 1] - from, at = panel * NR;
    for (int64_t i = 0; i < size; ++i) {
        if (i + 2 < size) fetch(g.weight + g.members[from + i + 2] * p.d, p.d);
        const int64_t j = g.members[from + i];
        pack_latent(p, g.weight + j * p.d, g.bias[j], at + i);
    }
    const int64_t end = at + (size + NR - 1) / NR * NR;
    for (int64_t i = at + size; i < end; ++i) p.bias.data()[i] = -kInfinity;
}

void pack_groups(const Groups& g, Packed& p, std::vector<int64_t>& panels, int threads) {
    panels.assign(g.clusters + 1, 0);
    for (int64_t c = 0; c < g.clusters; ++c)
        panels[c + 1] = panels[c] + (g.first[c + 1] - g.first[c] + NR - 1) / NR;
    reserve(p, panels[g.clusters]);
    parallel_for(static_cast<int>(g.clusters), threads,
                 [&](int c) { lay_out(g, c, p, panels[c]); });
}

// The p clusters with the largest scores of each row, ascending; among equal ones the first.
void choose(const Packed& keys, const float* x, int64_t b, int64_t p, int64_t* out, int threads) {
    constexpr int64_t size = 4 * MR;
    const int64_t width = keys.panels * NR;
    parallel_for(static_cast<int>((b + size - 1) / size), threads, [&](int at) {
        thread_local Block block;
        thread_local Aligned<float> scores;
        thread_local std::vector<std::uint32_t> ranks;
        thread_local std::vector<int64_t> chosen;
        chosen.resize(keys.m + 1);
        const int64_t start = at * size, rows = std::min(size, b - start);
        fill_block(block, keys, x + start * keys.d, rows);
        scores.resize(static_cast<std::size_t>(size * width));
        for (int64_t panel = 0; panel < keys.panels; ++panel) {
            for (int64_t r0 = 0; r0 < block.padded; r0 += MR) {
                vec s[MR][NV];
                tile_full(block.full.data() + r0 * keys.d, keys.full.data() + panel * keys.d * NR,
                          keys.bias.data() + panel * NR, keys.d, s);
                for (int r = 0; r < MR; ++r)
                    for (int v = 0; v < NV; ++v)
                        store(scores.data() + (r0 + r) * width + panel * NR + v * L, s[r][v]);
            }
        }
        ranks.resize(keys.m);
        for (int64_t r = 0; r < rows; ++r) {
            const float* own = scores.data() + r * width;
            for (int64_t c = 0; c < keys.m; ++c)
                ranks[c] = static_cast<std::uint32_t>(key_of(own[c], 0) >> 32);
            // The p-th largest rank, bit by bit.
            std::uint32_t least = 0;
            for (int bit = 31; bit >= 0; --bit) {
                const std::uint32_t tried = least | 1u << bit;
                std::uint32_t above = 0;
                for (int64_t c = 0; c < keys.m; ++c) above += ranks[c] >= tried;
                if (above >= p) least = tried;
            }
            int64_t equal = p;
            for (int64_t c = 0; c < keys.m; ++c) equal -= ranks[c] > least;
            // Without branches, each is written and the next one may take its place.
            int64_t n = 0;
            for (int64_t c = 0; c < keys.m; ++c) {
                const bool same = ranks[c] == least;
                chosen[n] = c;
                n += (ranks[c] > least) | (same & (equal > 0));
                equal -= same;
            }
            std::memcpy(out + (start + r) * p, chosen.data(), sizeof(int64_t) * p);
        }
    });
}

// The rows of a block that probe one cluster, side by side as the product reads them.
void gather(const Packed& p, const Block& all, const std::int32_t* rows, int64_t n, Block& part) {
    part.rows = n;
    part.padded = (n + MR - 1) / MR * MR;
    const bool full = p.precision == Precision::full;
    const int64_t width = full                                   ? p.d
                          : p.precision == Precision::byte ? quads_of(p.d)
                                                           : pairs_of(p.d);
    for (int64_t i = 0; i < n; ++i) {
        const int64_t r = rows[i];
        if (full) {
            std::memcpy(part.full.data() + i * width, all.full.data() + r * width, 4 * width);
        } else {
            std::memcpy(part.low.data() + i * width, all.low.data() + r * width, 4 * width);
        }
        part.scale[i] = all.scale[r];
        part.gone[i] = all.gone[r];
        part.kept[i] = all.kept[r];
    }
}

void room_for(const Packed& p, int64_t rows, Block& part) {
    const int64_t padded = (rows + MR - 1) / MR * MR;
    for (auto* v : {&part.scale, &part.gone, &part.kept}) v->assign(padded, 0.0f);
    if (p.precision == Precision::full) {
        part.full.resize(static_cast<std::size_t>(padded * p.d));
    } else {
        part.low.resize(static_cast<std::size_t>(padded * pairs_of(p.d)));
    }
}

// The `k` best of what was found, exact; what is missing to k are latents not in use, at zero.
void write_row(const Encoder& e, const float* x, Found& f, const std::int32_t* members, int k,
               bool by_latent, std::vector<std::uint64_t>& keys, int64_t* latents, float* values) {
    keys.clear();
    for (int i = 0; i < f.n; ++i) {
        if (i + 2 < f.n) fetch(e.weight + members[f.latent[i + 2]] * e.packed->d, e.packed->d);
        const auto j = members[f.latent[i]];
        keys.push_back(key_of(exact(e, x, j), j));
    }
    std::sort(keys.begin(), keys.end(), std::greater<>());
    if (static_cast<int64_t>(keys.size()) > k) keys.resize(k);
    std::vector<std::uint32_t> used;
    for (const auto key : keys) used.push_back(latent_of(key));
    std::sort(used.begin(), used.end());
    for (std::uint32_t j = 0; static_cast<int64_t>(keys.size()) < k; ++j)
        if (!std::binary_search(used.begin(), used.end(), j)) keys.push_back(key_of(0.0f, j));
    if (by_latent)
        std::sort(keys.begin(), keys.end(),
                  [](auto a, auto c) { return latent_of(a) < latent_of(c); });
    for (int i = 0; i < k; ++i) {
        latents[i] = static_cast<int64_t>(latent_of(keys[i]));
        values[i] = std::max(0.0f, score_of(keys[i]));
    }
}

void topk_of_groups(const Groups& g, const Packed& p, const std::vector<int64_t>& panels,
                    const float* x, int64_t b, const int64_t* probes, int64_t n_probes, int k,
                    bool by_latent, int64_t* latents, float* values, int threads) {
    // Many rows together share the reading of a cluster; one block for each thread at most.
    const int64_t even = (b + threads - 1) / threads;
    const int64_t size = std::clamp<int64_t>((even + MR - 1) / MR * MR, MR, 4096);
    const bool stored = !panels.empty();
    parallel_for(static_cast<int>((b + size - 1) / size), threads, [&](int at) {
        thread_local Block block, part;
        thread_local std::vector<Found> found;
        thread_local std::vector<std::uint64_t> keys;
        thread_local std::vector<int64_t> first, next;
        thread_local std::vector<std::int32_t> rows;
        const int64_t start = at * size, n = std::min(size, b - start);
        fill_block(block, p, x + start * p.d, n);
        prepare(found, n, k, kLowest);
        room_for(p, n, part);
        first.assign(g.clusters + 1, 0);
        const int64_t* own = probes + start * n_probes;
        for (int64_t i = 0; i < n * n_probes; ++i) ++first[own[i] + 1];
        for (int64_t c = 0; c < g.clusters; ++c) first[c + 1] += first[c];
        next.assign(first.begin(), first.end() - 1);
        rows.resize(n * n_probes);
        for (int64_t i = 0; i < n * n_probes; ++i)
            rows[next[own[i]]++] = static_cast<std::int32_t>(i / n_probes);
        Packed single;
        single.d = p.d;
        single.precision = p.precision;
        for (int64_t c = 0; c < g.clusters; ++c) {
            const int64_t many = first[c + 1] - first[c], from = g.first[c];
            const int64_t members = g.first[c + 1] - from;
            if (many == 0 || members == 0) continue;
            gather(p, block, rows.data() + first[c], many, part);
            const int64_t count = (members + NR - 1) / NR;
            if (!stored) {
                if (single.panels < count) reserve(single, count);
                lay_out(g, c, single, 0);
            }
            const Packed& use = stored ? p : single;
            const int64_t panel = stored ? panels[c] : 0;
            collect(use, part, k, use.bias.data(), use.edge.data(), found.data(), panel,
                    panel + count, from - panel * NR, rows.data() + first[c]);
        }
        const Encoder e{g.weight, g.bias, &p};
        for (int64_t r = 0; r < n; ++r) {
            found[r].tighten(k);
            write_row(e, x + (start + r) * p.d, found[r], g.members, k, by_latent, keys,
                      latents + (start + r) * k, values + (start + r) * k);
        }
    });
}
