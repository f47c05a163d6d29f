// Better codes on the same atoms: non-negative least squares, alone and within matching pursuit.

// The atoms that one row may use, and the normal equations of the fit on them.
struct Support {
    int n = 0, room = 0;
    std::vector<int64_t> latents;
    std::vector<float> values, target, gram, slack;

    void clear(int capacity) {
        n = 0;
        if (capacity <= room) return;
        room = capacity;
        latents.resize(room);
        for (auto* part : {&values, &target, &slack}) part->resize(room);
        gram.resize(static_cast<std::size_t>(room) * room);
    }

    bool holds(int64_t latent) const {
        return std::find(latents.begin(), latents.begin() + n, latent) != latents.begin() + n;
    }

    void add(int64_t latent, float value, const float* atoms, const float* y, int64_t d) {
        const float* atom = atoms + latent * d;
        for (int i = 0; i < n; ++i) {
            const float g = dot(atom, atoms + latents[i] * d, d);
            gram[n * room + i] = gram[i * room + n] = g;
        }
        gram[n * room + n] = dot(atom, atom, d);
        target[n] = dot(atom, y, d);
        latents[n] = latent;
        values[n] = value;
        ++n;
    }

    // Leave out the atoms with the smallest values.
    void drop(int count) {
        thread_local std::vector<int> order, kept;
        if (count <= 0) return;
        order.resize(n);
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(),
                         [&](int a, int c) { return values[a] < values[c]; });
        kept.assign(order.begin() + std::min(count, n), order.end());
        std::sort(kept.begin(), kept.end());
        n = static_cast<int>(kept.size());
        for (int i = 0; i < n; ++i) {
            latents[i] = latents[kept[i]];
            values[i] = values[kept[i]];
            target[i] = target[kept[i]];
            for (int j = 0; j < n; ++j) gram[i * room + j] = gram[kept[i] * room + kept[j]];
        }
    }

    // How much of the row's squared length the fit takes away.
    double gain() const {
        double all = 0;
        for (int i = 0; i < n; ++i) {
            double fit = 0;
            for (int j = 0; j < n; ++j) fit += double(gram[i * room + j]) * values[j];
            all += values[i] * (2.0 * target[i] - fit);
        }
        return all;
    }

    // Coordinate descent from the values at hand, which most rows need little of; what has not
    // come to rest by then, because atoms nearly depend on each other, is solved by active sets,
    // unless `roughly` will do.
    void solve(bool roughly = false) {
        for (int i = 0; i < n; ++i) slack[i] = target[i];
        for (int j = 0; j < n; ++j) {
            const float* row = &gram[j * room];
            for (int i = 0; i < n; ++i) slack[i] -= values[j] * row[i];
        }
        for (int sweep = 0; sweep < (roughly ? 6 : 50); ++sweep) {
            float change = 0, largest = 0;
            for (int j = 0; j < n; ++j) {
                const float own = gram[j * room + j];
                if (own <= 0) continue;
                const float value = std::max(0.0f, values[j] + slack[j] / own);
                const float step = value - values[j];
                largest = std::max(largest, value);
                if (step == 0) continue;
                change = std::max(change, std::abs(step));
                values[j] = value;
                const float* row = &gram[j * room];
                for (int i = 0; i < n; ++i) slack[i] -= step * row[i];
            }
            if (change <= 1e-4f * largest) return;
        }
        if (!roughly) active_sets();
    }

    // Lawson and Hanson, "Solving least squares problems", 1974, chapter 23. It begins with nothing:
    // an atom that joins then never depends on those already there.
    void active_sets() {
        thread_local std::vector<int> set;
        thread_local std::vector<char> useless;
        thread_local std::vector<double> z, w, s, l;
        z.assign(n, 0.0);
        w.resize(n);
        set.clear();
        useless.assign(n, 0);
        double scale = 0;
        for (int i = 0; i < n; ++i) scale = std::max(scale, std::abs(double(target[i])));
        for (int round = 0; round < 3 * n + 10; ++round) {
            for (int inner = 0; inner <= n && !set.empty(); ++inner) {
                if (!solve_on(set, s, l)) {
                    // The newest atom depends on the others, but for rounding.
                    useless[set.back()] = 1;
                    set.pop_back();
                    break;
                }
                double step = 1;
                for (std::size_t i = 0; i < set.size(); ++i)
                    if (s[i] <= 0 && z[set[i]] > 0)
                        step = std::min(step, z[set[i]] / (z[set[i]] - s[i]));
                    else if (s[i] <= 0)
                        step = 0;
                for (std::size_t i = 0; i < set.size(); ++i) z[set[i]] += step * (s[i] - z[set[i]]);
                if (step >= 1) break;
                std::size_t kept = 0;
                for (std::size_t i = 0; i < set.size(); ++i) {
                    if (s[i] <= 0 && z[set[i]] <= 1e-12 * scale) {
                        z[set[i]] = 0;
                    } else {
                        set[kept++] = set[i];
                    }
                }
                set.resize(kept);
            }
            int best = -1;
            for (int j = 0; j < n; ++j) {
                w[j] = target[j];
                for (int i : set) w[j] -= gram[j * room + i] * z[i];
                if (useless[j] || std::find(set.begin(), set.end(), j) != set.end()) continue;
                if (w[j] > 1e-5 * scale && (best < 0 || w[j] > w[best])) best = j;
            }
            if (best < 0) break;
            set.push_back(best);
        }
        for (int i = 0; i < n; ++i) values[i] = static_cast<float>(std::max(0.0, z[i]));
    }

    // The unconstrained fit on some of the atoms, by Cholesky's factors; false if they depend on
    // each other.
    bool solve_on(const std::vector<int>& set, std::vector<double>& s, std::vector<double>& l) {
        const int q = static_cast<int>(set.size());
        s.resize(q);
        l.resize(static_cast<std::size_t>(q) * q);
        for (int i = 0; i < q; ++i) {
            for (int j = 0; j <= i; ++j) {
                double v = gram[set[i] * room + set[j]];
                for (int t = 0; t < j; ++t) v -= l[i * q + t] * l[j * q + t];
                if (i == j && v < 1e-5) return false;
                l[i * q + j] = i == j ? std::sqrt(v) : v / l[j * q + j];
            }
            s[i] = target[set[i]];
            for (int t = 0; t < i; ++t) s[i] -= l[i * q + t] * s[t];
            s[i] /= l[i * q + i];
        }
        for (int i = q - 1; i >= 0; --i) {
            for (int t = i + 1; t < q; ++t) s[i] -= l[t * q + i] * s[t];
            s[i] /= l[i * q + i];
        }
        return true;
    }
};

void subtract(const float* y, const Support& s, const float* atoms, int64_t d, float* out) {
    std::memcpy(out, y, sizeof(float) * d);
    for (int i = 0; i < s.n; ++i)
        if (s.values[i] > 0) add_row(out, atoms + s.latents[i] * d, -s.values[i], d);
}

void refit(const int64_t* first, const int64_t* latents, float* values, const float* atoms,
           const float* bias, const float* x, int64_t b, int64_t d, int threads) {
    constexpr int64_t size = 16;
    parallel_for(static_cast<int>((b + size - 1) / size), threads, [&](int at) {
        thread_local Support support;
        thread_local std::vector<float> y;
        y.resize(d);
        for (int64_t r = at * size; r < std::min(b, (at + 1) * size); ++r) {
            const int64_t from = first[r], to = first[r + 1];
            for (int64_t i = 0; i < d; ++i) y[i] = x[r * d + i] - bias[i];
            support.clear(static_cast<int>(to - from));
            for (int64_t q = from; q < to; ++q)
                if (values[q] > 0) support.add(latents[q], values[q], atoms, y.data(), d);
            support.solve();
            int i = 0;
            for (int64_t q = from; q < to; ++q)
                if (values[q] > 0) values[q] = support.values[i++];
        }
    });
}

// Let the atoms join that are nearest to what is left of each row, `take` of them at most.
void join(const Encoder& e, Block& block, std::vector<Found>& found,
          std::vector<std::uint64_t>& keys, int64_t rows, int take, const float* wanted,
          const float* left, std::vector<Support>& supports) {
    const Packed& p = *e.packed;
    const int64_t d = p.d;
    fill_block(block, p, left, rows);
    // What is left is at right angles to the atoms in use: their scores are nothing but rounding,
    // and those of all others that help are above zero.
    prepare(found, rows, take, 0.0f);
    collect(p, block, take, p.bias.data(), p.edge.data(), found.data());
    for (int64_t r = 0; r < rows; ++r) {
        Found& f = found[r];
        Support& support = supports[r];
        const float* rest = left + r * d;
        f.tighten(take);
        keys.clear();
        for (int i = 0; i < f.n; ++i) {
            if (i + 2 < f.n) fetch(e.weight + f.latent[i + 2] * d, d);
            const float score = exact(e, rest, f.latent[i]);
            if (score > 0) keys.push_back(key_of(score, f.latent[i]));
        }
        std::sort(keys.begin(), keys.end(), std::greater<>());
        int more = take;
        for (std::size_t i = 0; i < keys.size() && more > 0; ++i) {
            const int64_t j = latent_of(keys[i]);
            if (support.holds(j)) continue;
            support.add(j, 0.0f, e.weight, wanted + r * d, d);
            --more;
        }
        support.solve();
    }
}

void pursue(const Encoder& e, const float* bias, const float* x, int64_t b, int k, int rounds,
            int swaps, int64_t* latents, float* values, int threads) {
    const int64_t d = e.packed->d, size = rows_of_block(b, threads);
    parallel_for(static_cast<int>((b + size - 1) / size), threads, [&](int at) {
        thread_local Block block;
        thread_local std::vector<Found> found;
        thread_local std::vector<Support> supports, others;
        thread_local std::vector<float> wanted, left;
        thread_local std::vector<std::uint64_t> keys;
        const int64_t start = at * size, rows = std::min(size, b - start);
        if (static_cast<int64_t>(found.size()) < rows) found.resize(rows);
        if (static_cast<int64_t>(supports.size()) < rows) supports.resize(rows);
        if (static_cast<int64_t>(others.size()) < rows) others.resize(rows);
        wanted.resize(rows * d);
        for (int64_t r = 0; r < rows; ++r) {
            supports[r].clear(k);
            for (int64_t i = 0; i < d; ++i) wanted[r * d + i] = x[(start + r) * d + i] - bias[i];
        }
        left = wanted;
        for (int round = 0; round < rounds; ++round) {
            const int take = k * (round + 1) / rounds - k * round / rounds;
            join(e, block, found, keys, rows, take, wanted.data(), left.data(), supports);
            if (round + 1 < rounds)
                for (int64_t r = 0; r < rows; ++r)
                    subtract(wanted.data() + r * d, supports[r], e.weight, d, left.data() + r * d);
        }
        for (int swap = 0; swap < swaps; ++swap) {
            const int take = std::max(1, k >> (swap + 2));
            for (int64_t r = 0; r < rows; ++r) {
                others[r] = supports[r];
                others[r].drop(take - (k - supports[r].n));
                others[r].solve(true);
                subtract(wanted.data() + r * d, others[r], e.weight, d, left.data() + r * d);
            }
            join(e, block, found, keys, rows, take, wanted.data(), left.data(), others);
            for (int64_t r = 0; r < rows; ++r)
                if (others[r].gain() > supports[r].gain() * (1 + 1e-6))
                    std::swap(supports[r], others[r]);
        }
        for (int64_t r = 0; r < rows; ++r) {
            Support& support = supports[r];
            for (int64_t j = 0; support.n < k; ++j) {
                if (support.holds(j)) continue;
                support.latents[support.n] = j;
                support.values[support.n++] = 0.0f;
            }
            keys.resize(k);
            for (int i = 0; i < k; ++i)
                keys[i] = static_cast<std::uint64_t>(support.latents[i]) << 32 | i;
            std::sort(keys.begin(), keys.end());
            for (int i = 0; i < k; ++i) {
                const auto from = static_cast<std::uint32_t>(keys[i]);
                latents[(start + r) * k + i] = support.latents[from];
                values[(start + r) * k + i] = support.values[from];
            }
        }
    });
}
