// What the kernels of every instruction set offer. Matrices are row-major float32; x is (b, d),
// the encoder's weight and the atoms are (m, d).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace semascope {

// A buffer whose start is aligned for the widest vectors.
template <class T>
class Aligned {
public:
    void resize(std::size_t n) {
        store.assign(n + 64 / sizeof(T), T{});
        const auto at = reinterpret_cast<std::uintptr_t>(store.data());
        start = store.data() + (64 - at % 64) % 64 / sizeof(T);
    }
    T* data() { return start; }
    const T* data() const { return start; }

private:
    std::vector<T> store;
    T* start = nullptr;
};

// An encoder laid out for the product: panels of latents, each panel's dimensions interleaved.
// The product only finds candidates, in bytes or in half precision where the processor has them. `spread`, `lost` and
// `edge` bound how far a score
// of the panel can be from the exact one:
//   |score - exact| <= |x - low(x)| * spread + |low(x)| * lost + edge    (Cauchy-Schwarz)
// so that a candidate set by upper bounds holds every latent that the exact scores would select.
enum class Precision { full, half, byte };

struct Packed {
    std::int64_t m = 0, d = 0;
    Precision precision = Precision::full;
    std::int64_t panels = 0;
    Aligned<float> full;
    Aligned<std::uint16_t> low;
    Aligned<std::int8_t> bytes;
    Aligned<float> scale;         // of each latent's bytes
    Aligned<std::int32_t> shift;  // what taking rows as unsigned bytes adds to each product
    Aligned<float> bias;    // -inf past m
    Aligned<float> spread;  // norm of each latent's weights
    Aligned<float> lost;    // norm of what rounding them to half took
    Aligned<float> edge;    // rounding of a sum that begins with the bias
};

struct Encoder {
    const float* weight;
    const float* bias;
    const Packed* packed;
};

// Latents in clusters: members first[c] to first[c + 1] are those of cluster c.
struct Groups {
    const float* weight;
    const float* bias;
    const std::int32_t* members;
    const std::int64_t* first;  // clusters + 1
    std::int64_t clusters;
};

// The active pairs of a batch, row after row; `first` has b + 1 entries.
struct Rows {
    std::vector<std::int64_t> first;
    std::vector<std::int64_t> latents;
    std::vector<float> values;
};

// A part of the gradient: codes of the batch, the slope of each pair, and the gradient of the
// output that they cause.
struct Term {
    const std::int64_t* first;  // b + 1
    const std::int64_t* latents;
    const float* values;
    const float* slopes;
    const float* gradient;  // (b, d)
    bool moves_bias;
};

struct Adam {
    float rate, beta1, beta2, epsilon;
    std::int64_t step;  // 1 at the first one
};

// weights, first and second moments, each of the parameter's own shape
struct Parameter {
    float *value, *first, *second;
};

struct Kernels {
    const char* name;
    bool half;   // whether products in bfloat16 are at hand
    bool byte;   // whether products of bytes are
    int panel;   // latents in a panel

    void (*pack)(const float* weight, const float* bias, Packed& into, int threads);
    // k pairs a row, strongest first or by latent; activations are cut at zero
    void (*topk)(const Encoder&, const float* x, std::int64_t b, int k, bool by_latent,
                 std::int64_t* latents, float* values, int threads);
    // the `most` largest positive pairs of all rows
    Rows (*batch_topk)(const Encoder&, const float* x, std::int64_t b, std::int64_t most,
                       int threads);
    Rows (*threshold)(const Encoder&, const float* x, std::int64_t b, const float* threshold,
                      int threads);
    // Replace the positive values by those of the non-negative least squares fit on their atoms.
    void (*refit)(const std::int64_t* first, const std::int64_t* latents, float* values,
                  const float* atoms, const float* bias, const float* x, std::int64_t b,
                  std::int64_t d, int threads);
    // k pairs a row by latent: in each round the atoms nearest to what is left join, and all that
    // joined are fitted anew. Then, in each swap, some make place for others where that lowers the
    // row's error: k / 4 at first, then half as many as before. The encoder's weights are the atoms,
    // its bias is zero.
    void (*pursue)(const Encoder& atoms, const float* bias, const float* x, std::int64_t b, int k,
                   int rounds, int swaps, std::int64_t* latents, float* values, int threads);
    // out = x + noise of that standard deviation, the same for the same seed and place
    void (*add_noise)(const float* x, std::int64_t n, float deviation, std::uint32_t seed,
                      float* out, int threads);
    // gradient = scale * (codes @ atoms + bias - x); slopes = gradient . atom on positive pairs;
    // returns the sum of squares of the unscaled error.
    double (*residual)(const std::int64_t* first, const std::int64_t* latents, const float* values,
                       const float* atoms, const float* bias, const float* x, std::int64_t b,
                       std::int64_t d, float scale, float* gradient, float* slopes, int threads);
    // One step of Adam on all parameters. Atoms' gradients lose their part along the atom, and
    // atoms are scaled back to length 1. `packed` follows the encoder; last_active the codes of
    // the first term.
    void (*update)(const std::vector<Term>& terms, const float* x, std::int64_t b, std::int64_t m,
                   std::int64_t d, const Adam& adam, const Parameter& encoder,
                   const Parameter& encoder_bias, const Parameter& atoms, const Parameter& bias,
                   Packed& packed, std::int64_t* last_active, std::int64_t rows_seen, int threads);
    // Lay every cluster out in panels of its own; `panels` says where each begins.
    void (*pack_groups)(const Groups&, Packed& into, std::vector<std::int64_t>& panels,
                        int threads);
    // The p clusters with the largest scores of each row, (b, p); keys are packed in float32.
    void (*choose)(const Packed& keys, const float* x, std::int64_t b, std::int64_t p,
                   std::int64_t* out, int threads);
    // As topk, among the members of the clusters that each row probes, (b, n_probes). Without
    // `panels` clusters are laid out as rows come to them.
    void (*topk_of_groups)(const Groups&, const Packed&, const std::vector<std::int64_t>& panels,
                           const float* x, std::int64_t b, const std::int64_t* probes,
                           std::int64_t n_probes, int k, bool by_latent, std::int64_t* latents,
                           float* values, int threads);
};

// Kernels that this processor can run, best first.
const std::vector<const Kernels*>& available();

}  // namespace semascope
