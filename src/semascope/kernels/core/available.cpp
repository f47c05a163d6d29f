// Which of the compiled instruction sets this processor can run.
#include "core.hpp"

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace semascope {

#define SEMASCOPE_DECLARE(isa) \
    namespace isa {            \
    extern const Kernels kernels; \
    }

#if defined(__aarch64__)
SEMASCOPE_DECLARE(neon)
SEMASCOPE_DECLARE(neon_dot)
SEMASCOPE_DECLARE(neon_bf16)

namespace {

// Whether the processor multiplies bytes, and bfloat16.
#if defined(__linux__)
bool has_dot() { return getauxval(AT_HWCAP) & (1UL << 20); }    // HWCAP_ASIMDDP
bool has_bf16() { return getauxval(AT_HWCAP2) & (1UL << 14); }  // HWCAP2_BF16
#elif defined(__APPLE__)
bool has(const char* name) {
    int value = 0;
    std::size_t size = sizeof value;
    return sysctlbyname(name, &value, &size, nullptr, 0) == 0 && value;
}
bool has_dot() { return has("hw.optional.arm.FEAT_DotProd"); }
bool has_bf16() { return has("hw.optional.arm.FEAT_BF16"); }
#else
bool has_dot() { return false; }
bool has_bf16() { return false; }
#endif

}  // namespace
#else
SEMASCOPE_DECLARE(generic)
#endif
#if defined(__x86_64__)
SEMASCOPE_DECLARE(avx2)
SEMASCOPE_DECLARE(avx512)
SEMASCOPE_DECLARE(avx512_bf16)
#endif

const std::vector<const Kernels*>& available() {
    static const std::vector<const Kernels*> found = [] {
        std::vector<const Kernels*> all;
#if defined(__x86_64__)
        __builtin_cpu_init();
        if (__builtin_cpu_supports("x86-64-v4") && __builtin_cpu_supports("avx512bf16") &&
            __builtin_cpu_supports("avx512vnni"))
            all.push_back(&avx512_bf16::kernels);
        if (__builtin_cpu_supports("x86-64-v4")) all.push_back(&avx512::kernels);
        if (__builtin_cpu_supports("x86-64-v3")) all.push_back(&avx2::kernels);
#endif
#if defined(__aarch64__)
        if (has_dot() && has_bf16()) all.push_back(&neon_bf16::kernels);
        if (has_dot()) all.push_back(&neon_dot::kernels);
        all.push_back(&neon::kernels);
#else
        all.push_back(&generic::kernels);
#endif
        return all;
    }();
    return found;
}

}  // namespace semascope
