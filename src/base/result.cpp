#include "base/result.h"

#include "base/text.h"

namespace meshops {

std::string Error::text() const {
  std::string out = sentence_;
  for (const Error* e = cause_.get(); e != nullptr; e = e->cause_.get()) out += ": because " + e->sentence_;
  return out;
}

std::string Error::for_people() const {
  for (const Error* e = this; e != nullptr; e = e->cause_.get())
    if (!e->hint_.empty()) return text() + "\n  → " + e->hint_;
  return text();
}

std::vector<std::string> detail::code_names(std::string_view room, std::string_view list) {
  std::vector<std::string> names;
  for (auto name : split(list, ',')) names.push_back(fmt::format("{}.{}", room, trim(name)));
  return names;
}

}  // namespace meshops
