// FNV-1a with 64 bits: the same number for the same bytes on every machine and in every version. Tells things
// apart and spreads them; protects nothing. Used where such a number is part of a protocol or is kept.
#pragma once

#include <cstdint>
#include <string_view>

namespace meshops {

/// https://datatracker.ietf.org/doc/html/draft-eastlake-fnv; values in tests/unit/base/fnv_test.cpp.
class Fnv {
 public:
  constexpr Fnv& add_byte(unsigned char byte) {
    hash_ = (hash_ ^ byte) * 0x100000001b3;
    return *this;
  }
  constexpr Fnv& add(std::string_view bytes) {
    for (char c : bytes) add_byte(static_cast<unsigned char>(c));
    return *this;
  }
  constexpr std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325;
};

}  // namespace meshops
