// What a step of training does after selection: noise, residual, gradients and Adam.

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

double residual(const int64_t* first, const int64_t* latents, const float* values,
                const float* atoms, const float* bias, const float* x, int64_t b, int64_t d,
                float scale, float* gradient, float* slopes, int threads) {
    constexpr int64_t size = 32;
    const int64_t blocks = (b + size - 1) / size;
    std::vector<double> parts(blocks, 0.0);
    parallel_for(static_cast<int>(blocks), threads, [&](int at) {
        for (int64_t r = at * size; r < std::min<int64_t>((at + 1) * size, b); ++r) {
            const int64_t from = first[r], to = first[r + 1];
            float* g = gradient + r * d;
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
            for (int64_t q = from; q < to; ++q)
                slopes[q] = values[q] > 0 ? dot(g, atoms + latents[q] * d, d) : 0.0f;
        }
    });
    return std::accumulate(parts.begin(), parts.end(), 0.0);
}

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
