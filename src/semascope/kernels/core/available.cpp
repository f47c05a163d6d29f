// Which of the compiled instruction sets this processor can run.
#include "core.hpp"

namespace semascope {

#define SEMASCOPE_DECLARE(isa) \
    namespace isa {            \
    extern const Kernels kernels; \
    }

SEMASCOPE_DECLARE(generic)
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
        all.push_back(&generic::kernels);
        return all;
    }();
    return found;
}

}  // namespace semascope
