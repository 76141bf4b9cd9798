#pragma once

#include <mutex>

// Annotations for clang's -Wthread-safety; nothing for other compilers.
#if defined(__clang__)
#define HOTIRON_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define HOTIRON_THREAD_ATTRIBUTE(x)
#endif
#define HOTIRON_GUARDED_BY(x) HOTIRON_THREAD_ATTRIBUTE(guarded_by(x))

namespace hotiron {

// std::mutex with the annotations: members it protects say HOTIRON_GUARDED_BY(mutex_).
class HOTIRON_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void Lock() HOTIRON_THREAD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }

  void Unlock() HOTIRON_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

// Holds a Mutex while in scope.
class HOTIRON_THREAD_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) HOTIRON_THREAD_ATTRIBUTE(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.Lock();
  }

  ~MutexLock() HOTIRON_THREAD_ATTRIBUTE(release_capability()) { mutex_.Unlock(); }

  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace hotiron
