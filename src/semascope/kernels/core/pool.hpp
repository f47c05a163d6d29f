// One pool of threads for all kernels. Workers spin for a moment between two loops of a step and
// then sleep, so that other libraries' threads find the cores free.
#pragma once

#include <functional>

namespace semascope {

// Calls body(task) once for every task in [0, tasks), on at most `threads` threads, this one
// included. Which thread runs which task is not fixed; results must not depend on it.
void parallel_for(int tasks, int threads, const std::function<void(int)>& body);

}  // namespace semascope
