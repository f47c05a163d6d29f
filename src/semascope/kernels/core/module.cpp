// Python's side of the kernels: shapes and addresses are checked here, values are not.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

#include "core.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace semascope;

namespace {

using Matrix = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Vector = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Index = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using OutMatrix = nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using OutVector = nb::ndarray<float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using OutAny = nb::ndarray<float, nb::c_contig, nb::device::cpu>;
using OutIndex = nb::ndarray<std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

const Kernels* current = nullptr;

void require(bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
}

// Codes whose latents are all below m: the kernels address memory with them.
void check_codes(const Index& first, const Index& latents, std::size_t values, std::int64_t b,
                 std::int64_t m) {
    require(static_cast<std::int64_t>(first.size()) == b + 1, "first must have b + 1 entries");
    require(latents.size() == values, "latents and values must have the same length");
    const std::int64_t* f = first.data();
    require(f[0] == 0 && f[b] == static_cast<std::int64_t>(latents.size()),
            "first must run from 0 to the number of pairs");
    for (std::int64_t r = 0; r < b; ++r) require(f[r] <= f[r + 1], "first must not fall");
    for (std::size_t i = 0; i < latents.size(); ++i)
        require(latents.data()[i] >= 0 && latents.data()[i] < m, "a latent is out of range");
}

template <class T>
nb::object own(std::vector<T>&& data) {
    auto* kept = new std::vector<T>(std::move(data));
    nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
    return nb::cast(nb::ndarray<nb::numpy, T, nb::ndim<1>>(kept->data(), {kept->size()}, owner));
}

std::tuple<nb::object, nb::object, nb::object> owned(Rows&& rows) {
    return {own(std::move(rows.first)), own(std::move(rows.latents)), own(std::move(rows.values))};
}

class PyPacked {
public:
    PyPacked(const Matrix& weight, const Vector& bias, const std::string& precision, int threads)
        : kernels(current) {
        require(bias.size() == weight.shape(0), "bias must have one entry a latent");
        packed.m = static_cast<std::int64_t>(weight.shape(0));
        packed.d = static_cast<std::int64_t>(weight.shape(1));
        require(precision == "auto" || precision == "float32" || precision == "bfloat16" ||
                    precision == "int8",
                "precision must be auto, float32, bfloat16 or int8");
        const bool free_choice = precision == "auto";
        // The more latents, the more a cheaper product outweighs more candidates.
        const bool byte = kernels->byte && packed.d <= kLongest &&
                          (precision == "int8" || (free_choice && packed.m >= kMany));
        const bool half = kernels->half && precision != "float32";
        nb::gil_scoped_release free;
        if (byte) {
            pack(Precision::byte, weight, bias, threads);
            if (!free_choice || lost() < kCoarse) return;
        }
        pack(half ? Precision::half : Precision::full, weight, bias, threads);
    }

    const char* precision() const {
        switch (packed.precision) {
            case Precision::byte: return "int8";
            case Precision::half: return "bfloat16";
            default: return "float32";
        }
    }

    Encoder encoder(const Matrix& weight, const Vector& bias, const Matrix& x) const {
        require(static_cast<std::int64_t>(weight.shape(0)) == packed.m &&
                    static_cast<std::int64_t>(weight.shape(1)) == packed.d &&
                    static_cast<std::int64_t>(bias.size()) == packed.m,
                "weight and bias must be the ones that were packed");
        require(x.shape(1) == weight.shape(1), "x and weight must have the same length of rows");
        return {weight.data(), bias.data(), &packed};
    }

    const Kernels* kernels;
    Packed packed;

private:
    static constexpr std::int64_t kMany = 2048, kLongest = 1 << 16;
    static constexpr float kCoarse = 0.02f;

    void pack(Precision precision, const Matrix& weight, const Vector& bias, int threads) {
        packed.precision = precision;
        kernels->pack(weight.data(), bias.data(), packed, threads);
    }

    // The share that the lower precision took from the weights, on average over latents.
    float lost() const {
        double gone = 0, whole = 0;
        for (std::int64_t j = 0; j < packed.m; ++j) {
            gone += packed.lost.data()[j];
            whole += packed.spread.data()[j];
        }
        return whole > 0 ? static_cast<float>(gone / whole) : 0.0f;
    }
};

using Members = nb::ndarray<const std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// Latents in clusters; keeps the arrays it reads from, which may be mapped files.
class PyGroups {
public:
    PyGroups(Matrix weight_, Vector bias_, Members members_, Index first_,
             const std::string& precision, bool store, int threads)
        : kernels(current), weight(weight_), bias(bias_), members(members_), first(first_) {
        const auto m = static_cast<std::int64_t>(weight.shape(0));
        require(static_cast<std::int64_t>(bias.size()) == m, "bias must have one entry a latent");
        require(first.size() >= 1 && first.data()[0] == 0 &&
                    first.data()[first.size() - 1] == static_cast<std::int64_t>(members.size()),
                "first must run from 0 to the number of members");
        for (std::size_t c = 1; c < first.size(); ++c)
            require(first.data()[c - 1] <= first.data()[c], "first must not fall");
        for (std::size_t i = 0; i < members.size(); ++i)
            require(members.data()[i] >= 0 && members.data()[i] < m, "a member is out of range");
        packed.m = m;
        packed.d = static_cast<std::int64_t>(weight.shape(1));
        packed.precision = precision == "int8" && kernels->byte       ? Precision::byte
                           : precision != "float32" && kernels->half ? Precision::half
                                                                     : Precision::full;
        if (!store) return;
        nb::gil_scoped_release free;
        kernels->pack_groups(groups(), packed, panels, threads);
    }

    Groups groups() const {
        return {weight.data(), bias.data(), members.data(), first.data(),
                static_cast<std::int64_t>(first.size()) - 1};
    }

    void topk(const Matrix& x, const Index& probes, int k, bool by_latent, OutIndex latents,
              OutVector values, int threads) const {
        const std::size_t b = x.shape(0);
        require(x.shape(1) == weight.shape(1), "x and weight must have the same length of rows");
        require(k >= 1 && k <= packed.m, "k must be from 1 to the number of latents");
        require(latents.size() == b * k && values.size() == latents.size(),
                "outputs must have k entries a row");
        require(b == 0 || probes.size() % b == 0, "probes must be as many in every row");
        const Groups g = groups();
        for (std::size_t i = 0; i < probes.size(); ++i)
            require(probes.data()[i] >= 0 && probes.data()[i] < g.clusters,
                    "a probe is out of range");
        if (b == 0) return;
        nb::gil_scoped_release free;
        kernels->topk_of_groups(g, packed, panels, x.data(), static_cast<std::int64_t>(b),
                                probes.data(), static_cast<std::int64_t>(probes.size() / b), k,
                                by_latent, latents.data(), values.data(), threads);
    }

private:
    const Kernels* kernels;
    Matrix weight;
    Vector bias;
    Members members;
    Index first;
    Packed packed;
    std::vector<std::int64_t> panels;
};

void choose(const PyPacked& p, const Matrix& x, std::int64_t n, OutIndex out, int threads) {
    require(p.packed.precision == Precision::full, "keys must be packed in float32");
    require(static_cast<std::int64_t>(x.shape(1)) == p.packed.d,
            "x and keys must have the same length of rows");
    require(n >= 1 && n <= p.packed.m, "n must be from 1 to the number of keys");
    require(static_cast<std::int64_t>(out.size()) == static_cast<std::int64_t>(x.shape(0)) * n,
            "the output must have n entries a row");
    nb::gil_scoped_release free;
    p.kernels->choose(p.packed, x.data(), static_cast<std::int64_t>(x.shape(0)), n, out.data(),
                      threads);
}

void topk(const PyPacked& p, const Matrix& weight, const Vector& bias, const Matrix& x, int k,
          bool by_latent, OutIndex latents, OutVector values, int threads) {
    const Encoder e = p.encoder(weight, bias, x);
    require(k >= 1 && k <= p.packed.m, "k must be from 1 to the number of latents");
    require(latents.size() == x.shape(0) * k && values.size() == latents.size(),
            "outputs must have k entries a row");
    nb::gil_scoped_release free;
    p.kernels->topk(e, x.data(), static_cast<std::int64_t>(x.shape(0)), k, by_latent,
                    latents.data(), values.data(), threads);
}

auto batch_topk(const PyPacked& p, const Matrix& weight, const Vector& bias, const Matrix& x,
                std::int64_t most, int threads) {
    const Encoder e = p.encoder(weight, bias, x);
    require(most >= 0, "the number of pairs must not be negative");
    Rows rows;
    {
        nb::gil_scoped_release free;
        rows = p.kernels->batch_topk(e, x.data(), static_cast<std::int64_t>(x.shape(0)), most,
                                     threads);
    }
    return owned(std::move(rows));
}

auto threshold(const PyPacked& p, const Matrix& weight, const Vector& bias, const Matrix& x,
               const Vector& bars, int threads) {
    const Encoder e = p.encoder(weight, bias, x);
    require(static_cast<std::int64_t>(bars.size()) == p.packed.m, "one threshold a latent");
    Rows rows;
    {
        nb::gil_scoped_release free;
        rows = p.kernels->threshold(e, x.data(), static_cast<std::int64_t>(x.shape(0)),
                                    bars.data(), threads);
    }
    return owned(std::move(rows));
}

void refit(const Index& first, const Index& latents, OutVector values, const Matrix& atoms,
           const Vector& bias, const Matrix& x, int threads) {
    const auto b = static_cast<std::int64_t>(x.shape(0)), d = static_cast<std::int64_t>(x.shape(1));
    require(atoms.shape(1) == x.shape(1) && bias.size() == x.shape(1),
            "x, atoms and bias must have the same length of rows");
    check_codes(first, latents, values.size(), b, static_cast<std::int64_t>(atoms.shape(0)));
    nb::gil_scoped_release free;
    current->refit(first.data(), latents.data(), values.data(), atoms.data(), bias.data(),
                   x.data(), b, d, threads);
}

void pursue(const PyPacked& p, const Matrix& atoms, const Vector& zeros, const Vector& bias,
            const Matrix& x, int k, int rounds, int swaps, OutIndex latents, OutVector values,
            int threads) {
    const Encoder e = p.encoder(atoms, zeros, x);
    require(bias.size() == x.shape(1), "bias must have one entry a dimension");
    require(k >= 1 && k <= p.packed.m, "k must be from 1 to the number of atoms");
    require(rounds >= 1 && rounds <= k, "rounds must be from 1 to k");
    require(swaps >= 0 && swaps < 30, "swaps must be from 0 to 29");
    require(latents.size() == x.shape(0) * k && values.size() == latents.size(),
            "outputs must have k entries a row");
    nb::gil_scoped_release free;
    p.kernels->pursue(e, bias.data(), x.data(), static_cast<std::int64_t>(x.shape(0)), k, rounds,
                      swaps, latents.data(), values.data(), threads);
}

void add_noise(const Matrix& x, float deviation, std::uint32_t seed, OutMatrix out, int threads) {
    require(out.shape(0) == x.shape(0) && out.shape(1) == x.shape(1), "out must have x's shape");
    nb::gil_scoped_release free;
    current->add_noise(x.data(), static_cast<std::int64_t>(x.size()), deviation, seed, out.data(),
                       threads);
}

double residual(const Index& first, const Index& latents, const Vector& values,
                const Matrix& atoms, const Vector& bias, const Matrix& x, float scale,
                OutMatrix gradient, OutVector slopes, int threads) {
    const auto b = static_cast<std::int64_t>(x.shape(0)), d = static_cast<std::int64_t>(x.shape(1));
    require(atoms.shape(1) == x.shape(1) && bias.size() == x.shape(1) &&
                gradient.shape(0) == x.shape(0) && gradient.shape(1) == x.shape(1),
            "x, atoms, bias and gradient must have the same length of rows");
    require(slopes.size() == values.size(), "slopes must have one entry a pair");
    check_codes(first, latents, values.size(), b, static_cast<std::int64_t>(atoms.shape(0)));
    nb::gil_scoped_release free;
    return current->residual(first.data(), latents.data(), values.data(), atoms.data(),
                             bias.data(), x.data(), b, d, scale, gradient.data(),
                             slopes.data(), threads);
}

using PyTerm = std::tuple<Index, Index, Vector, Vector, Matrix, bool>;
using PyParameter = std::tuple<OutAny, OutAny, OutAny>;

Parameter parameter(const PyParameter& p, std::size_t size) {
    const auto& [value, first, second] = p;
    require(value.size() == size && first.size() == size && second.size() == size,
            "a parameter and its moments must have the same size");
    return {value.data(), first.data(), second.data()};
}

void update(PyPacked& p, const std::vector<PyTerm>& terms, const Matrix& x,
            const PyParameter& encoder, const PyParameter& encoder_bias, const PyParameter& atoms,
            const PyParameter& bias, OutIndex last_active, std::int64_t rows_seen, float rate,
            std::int64_t step, float beta1, float beta2, float epsilon, int threads) {
    const std::int64_t m = p.packed.m, d = p.packed.d;
    const auto b = static_cast<std::int64_t>(x.shape(0));
    require(static_cast<std::int64_t>(x.shape(1)) == d, "x must have rows of length d");
    require(static_cast<std::int64_t>(last_active.size()) == m, "last_active: one entry a latent");
    require(step >= 1, "the first step is 1");
    std::vector<Term> plain;
    for (const auto& [first, latents, values, slopes, gradient, moves_bias] : terms) {
        check_codes(first, latents, values.size(), b, m);
        require(slopes.size() == values.size() && gradient.shape(0) == x.shape(0) &&
                    static_cast<std::int64_t>(gradient.shape(1)) == d,
                "a term's slopes and gradient must fit its codes");
        plain.push_back({first.data(), latents.data(), values.data(), slopes.data(),
                         gradient.data(), moves_bias});
    }
    const auto md = static_cast<std::size_t>(m * d);
    const Parameter e = parameter(encoder, md), a = parameter(atoms, md),
                    eb = parameter(encoder_bias, static_cast<std::size_t>(m)),
                    o = parameter(bias, static_cast<std::size_t>(d));
    nb::gil_scoped_release free;
    p.kernels->update(plain, x.data(), b, m, d, {rate, beta1, beta2, epsilon, step}, e, eb, a, o,
                      p.packed, last_active.data(), rows_seen, threads);
}

std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const Kernels* k : available()) out.emplace_back(k->name);
    return out;
}

void use(const std::string& name) {
    for (const Kernels* k : available()) {
        if (k->name == name) {
            current = k;
            return;
        }
    }
    throw std::invalid_argument("this processor has no " + name);
}

}  // namespace

NB_MODULE(_core, m) {
    // What lives until the interpreter ends, in a cache say, is no mistake to report to users.
    nb::set_leak_warnings(false);
    current = available().front();
    m.def("available", &names);
    m.def("current", [] { return std::string(current->name); });
    m.def("use", &use, "name"_a);
    // Nothing is converted: a copy would hide the cost, and take what was meant for the original.
    const auto as = [](const char* name) { return nb::arg(name).noconvert(); };
    nb::class_<PyPacked>(m, "Packed")
        .def(nb::init<const Matrix&, const Vector&, const std::string&, int>(), as("weight"),
             as("bias"), "precision"_a, "threads"_a)
        .def_prop_ro("precision", &PyPacked::precision)
        .def("topk", &topk, as("weight"), as("bias"), as("x"), "k"_a, "by_latent"_a,
             as("latents"), as("values"), "threads"_a)
        .def("choose", &choose, as("x"), "n"_a, as("out"), "threads"_a)
        .def("batch_topk", &batch_topk, as("weight"), as("bias"), as("x"), "most"_a, "threads"_a)
        .def("threshold", &threshold, as("weight"), as("bias"), as("x"), as("bars"), "threads"_a)
        .def("pursue", &pursue, as("atoms"), as("zeros"), as("bias"), as("x"), "k"_a, "rounds"_a,
             "swaps"_a, as("latents"), as("values"), "threads"_a)
        .def("update", &update, as("terms"), as("x"), as("encoder"), as("encoder_bias"),
             as("atoms"), as("bias"), as("last_active"), "rows_seen"_a, "rate"_a, "step"_a,
             "beta1"_a, "beta2"_a, "epsilon"_a, "threads"_a);
    nb::class_<PyGroups>(m, "Groups")
        .def(nb::init<Matrix, Vector, Members, Index, const std::string&, bool, int>(),
             as("weight"), as("bias"), as("members"), as("first"), "precision"_a, "store"_a,
             "threads"_a)
        .def("topk", &PyGroups::topk, as("x"), as("probes"), "k"_a, "by_latent"_a, as("latents"),
             as("values"), "threads"_a);
    m.def("refit", &refit, as("first"), as("latents"), as("values"), as("atoms"), as("bias"),
          as("x"), "threads"_a);
    m.def("add_noise", &add_noise, as("x"), "deviation"_a, "seed"_a, as("out"), "threads"_a);
    m.def("residual", &residual, as("first"), as("latents"), as("values"), as("atoms"),
          as("bias"), as("x"), "scale"_a, as("gradient"), as("slopes"), "threads"_a);
}
