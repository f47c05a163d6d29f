#include "pool.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#ifdef _WIN32
#include <process.h>
#define getpid _getpid
#else
#include <unistd.h>
#endif

namespace semascope {
namespace {

constexpr int kSpins = 2000;

inline void pause() {
#if defined(__x86_64__) || defined(_M_X64)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("isb");  // "yield" is over at once
#endif
}

struct Loop {
    const std::function<void(int)>* body = nullptr;
    int tasks = 0;
    int workers = 0;
    std::atomic<int> next{0};
};

class Pool {
public:
    explicit Pool(int workers) : pid(getpid()) {
        for (int i = 0; i < workers; ++i) threads.emplace_back([this, i] { work(i); });
    }

    ~Pool() {
        // In a child process the threads do not exist, and there is nothing to join.
        if (pid != getpid()) {
            for (auto& t : threads) t.detach();
            return;
        }
        {
            std::lock_guard<std::mutex> hold(mutex);
            stop = true;
            round.fetch_add(1);
        }
        wake.notify_all();
        for (auto& t : threads) t.join();
    }

    int workers() const { return static_cast<int>(threads.size()); }

    void run(int tasks, int extra, const std::function<void(int)>& body) {
        {
            std::lock_guard<std::mutex> hold(mutex);
            loop.body = &body;
            loop.tasks = tasks;
            loop.workers = extra;
            loop.next.store(0, std::memory_order_relaxed);
            left.store(workers(), std::memory_order_relaxed);
            round.fetch_add(1, std::memory_order_release);
        }
        if (sleeping.load() > 0) wake.notify_all();
        take();
        for (int spins = 0; left.load(std::memory_order_acquire) > 0; ++spins) {
            if (spins < kSpins) {
                pause();
            } else {
                std::this_thread::yield();
            }
        }
        if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
    }

    const int pid;

private:
    void take() {
        try {
            for (int i; (i = loop.next.fetch_add(1, std::memory_order_relaxed)) < loop.tasks;)
                (*loop.body)(i);
        } catch (...) {
            loop.next.store(loop.tasks);
            std::lock_guard<std::mutex> hold(mutex);
            failure = std::current_exception();
        }
    }

    void work(int index) {
        unsigned seen = 0;
        for (;;) {
            int spins = 0;
            while (round.load(std::memory_order_acquire) == seen && ++spins < kSpins) pause();
            if (round.load(std::memory_order_acquire) == seen) {
                std::unique_lock<std::mutex> hold(mutex);
                sleeping.fetch_add(1);
                wake.wait(hold, [&] { return round.load() != seen; });
                sleeping.fetch_sub(1);
            }
            ++seen;
            if (stop) return;
            if (index < loop.workers) take();
            left.fetch_sub(1, std::memory_order_release);
        }
    }

    std::vector<std::thread> threads;
    std::mutex mutex;
    std::condition_variable wake;
    std::atomic<unsigned> round{0};
    std::atomic<int> left{0};
    std::atomic<int> sleeping{0};
    bool stop = false;
    Loop loop;
    std::exception_ptr failure;
};

std::mutex busy;
std::unique_ptr<Pool> pool;

}  // namespace

void parallel_for(int tasks, int threads, const std::function<void(int)>& body) {
    const int extra = std::min(threads, tasks) - 1;
    // A second caller at the same time works alone: two pools would fight over the cores.
    std::unique_lock<std::mutex> hold(busy, std::try_to_lock);
    if (extra < 1 || !hold.owns_lock()) {
        for (int i = 0; i < tasks; ++i) body(i);
        return;
    }
    if (pool && pool->pid != getpid()) pool.release();  // after fork: its threads are not here
    if (!pool || pool->workers() < extra) pool = std::make_unique<Pool>(extra);
    pool->run(tasks, extra, body);
}

}  // namespace semascope
