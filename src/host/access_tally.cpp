#include "host/access_tally.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace meshops {

void AccessTally::add(const std::filesystem::path& file, Reader reader, bool opened, bool read, WallTime at) {
  auto number = [](const std::optional<uid_t>& id) { return id ? std::int64_t{*id} : -1; };
  Key key(file, number(reader.uid), number(reader.login), reader.exe, reader.comm, reader.cgroup);
  auto found = entries_.find(key);
  if (found == entries_.end()) {
    if (entries_.size() >= kMost) {
      ++beyond_;
      return;
    }
    found = entries_.emplace(std::move(key), FileAccess{.file = file, .reader = {}, .first = at, .last = at})
                .first;
  }
  auto& entry = found->second;
  // The clock may have been set back meanwhile.
  entry.first = std::min(entry.first, at);
  entry.last = std::max(entry.last, at);
  entry.reader = std::move(reader);
  entry.times += opened ? 1 : 0;
  entry.read = entry.read || read;
}

void AccessTally::missed(const std::string& why) {
  if (std::ranges::find(missed_, why) == missed_.end() && missed_.size() < kMost) missed_.push_back(why);
}

FileAccesses AccessTally::take() {
  FileAccesses out;
  for (auto& [key, entry] : entries_) {
    // Read through a descriptor that was open before we looked.
    entry.times = std::max<std::uint64_t>(entry.times, 1);
    out.all.push_back(std::move(entry));
  }
  out.missed = std::move(missed_);
  if (beyond_ > 0)
    out.missed.push_back(fmt::format(
        "{} accesses were not told apart: more than {} different readers came at once", beyond_, kMost));
  entries_.clear();
  missed_.clear();
  beyond_ = 0;
  return out;
}

}  // namespace meshops
