// Encoders laid out for the product, and what rounding to half precision takes from them.

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
