// Encoders laid out for the product, and what a lower precision takes from them.

void pack_latent(Packed& p, const float* w, float bias, int64_t j) {
    const int64_t panel = j / NR, lane = j % NR;
    p.bias.data()[j] = bias;
    p.edge.data()[j] = std::abs(bias) * rounding(p.d);
    if (p.precision == Precision::full) {
        float* out = p.full.data() + panel * p.d * NR + lane;
        for (int64_t i = 0; i < p.d; ++i) out[i * NR] = w[i];
        p.spread.data()[j] = norm_of(dot(w, w, p.d));
        return;
    }
    // Two or four dimensions of a latent stand together, as 32 bits.
    const bool byte = p.precision == Precision::byte;
    const int64_t groups = byte ? quads_of(p.d) : pairs_of(p.d);
    thread_local std::vector<std::uint32_t> row;
    row.assign(groups, 0);
    Norms n;
    std::uint32_t* out;
    if (byte) {
        auto* own = reinterpret_cast<std::int8_t*>(row.data());
        n = quantise_row(w, p.d, own, p.scale.data()[j]);
        p.shift.data()[j] = -kOffset * std::accumulate(own, own + 4 * groups, 0);
        out = reinterpret_cast<std::uint32_t*>(p.bytes.data());
    } else {
        n = round_row(w, p.d, reinterpret_cast<std::uint16_t*>(row.data()));
        out = reinterpret_cast<std::uint32_t*>(p.low.data());
    }
    out += panel * groups * NR + lane;
    for (int64_t i = 0; i < groups; ++i) out[i * NR] = row[i];
    p.spread.data()[j] = norm_of(n.whole);
    p.lost.data()[j] = norm_of(n.gone);
}

void reserve(Packed& p, int64_t panels) {
    p.panels = panels;
    const auto latents = static_cast<std::size_t>(panels * NR);
    if (p.precision == Precision::full) p.full.resize(latents * p.d);
    if (p.precision == Precision::half) p.low.resize(latents * 2 * pairs_of(p.d));
    if (p.precision == Precision::byte) {
        p.bytes.resize(latents * 4 * quads_of(p.d));
        p.scale.resize(latents);
        p.shift.resize(latents);
    }
    for (auto* part : {&p.bias, &p.spread, &p.lost, &p.edge}) {
        part->resize(latents);
    }
}

void pack(const float* weight, const float* bias, Packed& p, int threads) {
    reserve(p, (p.m + NR - 1) / NR);
    for (int64_t j = p.m; j < p.panels * NR; ++j) p.bias.data()[j] = -kInfinity;
    parallel_for(static_cast<int>(p.panels), threads, [&](int panel) {
        const int64_t end = std::min<int64_t>((panel + 1) * NR, p.m);
        for (int64_t j = panel * NR; j < end; ++j) pack_latent(p, weight + j * p.d, bias[j], j);
    });
}
