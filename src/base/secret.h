// Secret: text that cannot be printed by accident. Held by whoever must send it; shown to nobody.
#pragma once

#include <string.h>  // explicit_bzero

#include <string>
#include <utility>

namespace meshops {

/// Has no operator<<, no formatter, no conversion; its bytes are wiped when it goes. `reveal()` is the one
/// door, so that a search for it lists every place where a secret leaves.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret& operator=(const Secret& other) {
    if (this != &other) {
      wipe();
      value_ = other.value_;
    }
    return *this;
  }
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.wipe(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      wipe();
      value_ = std::move(other.value_);
      other.wipe();
    }
    return *this;
  }
  ~Secret() { wipe(); }

  bool empty() const { return value_.empty(); }
  const std::string& reveal() const { return value_; }

 private:
  void wipe() noexcept {
    explicit_bzero(value_.data(), value_.size());
    value_.clear();
  }
  std::string value_;
};

}  // namespace meshops
