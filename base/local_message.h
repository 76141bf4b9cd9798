#pragma once

#include <google/protobuf/arena.h>

#include <array>
#include <cstddef>

namespace hotiron {

// A protobuf message that lives as long as its scope. Its parts are laid out in a block on the
// stack, and only what does not fit there is allocated: a message of the hot path has a dozen
// parts, and making and freeing them one by one costs more than to read or write it.
// Threads: one. Limits: whatever points into it must not outlive it; copy instead.
template <typename Message>
class LocalMessage {
 public:
  LocalMessage()
      : arena_(block_.data(), block_.size()),
        message_(*google::protobuf::Arena::CreateMessage<Message>(&arena_)) {}

  LocalMessage(const LocalMessage&) = delete;
  LocalMessage& operator=(const LocalMessage&) = delete;

  Message& operator*() { return message_; }

  Message* operator->() { return &message_; }

 private:
  static constexpr size_t kBlockBytes = 4'096;

  alignas(std::max_align_t) std::array<char, kBlockBytes> block_;  // not filled on purpose
  google::protobuf::Arena arena_;
  Message& message_;
};

}  // namespace hotiron
