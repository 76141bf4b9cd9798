#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace hotiron {

// Keeps text small: summaries are JSON with long field names, of which a list keeps 100,000.
// Concurrency: none of its own; one thread at a time.
class Packer {
 public:
  Packer();
  ~Packer();
  Packer(const Packer&) = delete;
  Packer& operator=(const Packer&) = delete;

  std::string Pack(std::string_view text);
  std::string Unpack(std::string_view packed) const;

 private:
  struct Deflater;
  std::unique_ptr<Deflater> deflater_;
};

}  // namespace hotiron
