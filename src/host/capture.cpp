#include "host/capture.h"

#include <algorithm>

#include "base/text.h"

namespace meshops::capture {

namespace {

constexpr int kMostLinks = 40;  // as the kernel

bool absolute(std::string_view path) { return path.starts_with('/'); }

std::string parent_of(const std::string& path) {
  auto slash = path.rfind('/');
  return path.substr(0, slash == std::string::npos ? 0 : std::max<std::size_t>(slash, 1));
}
std::string under(const std::string& directory, std::string_view name) {
  return fmt::format("{}{}{}", directory, directory.ends_with('/') ? "" : "/", name);
}

/// Components still to go, the next one last.
void push(std::vector<std::string>& todo, std::string_view path) {
  auto parts = split(path, '/');
  for (auto part = parts.rbegin(); part != parts.rend(); ++part)
    if (!part->empty() && *part != ".") todo.emplace_back(*part);
}

template <class Map, class Key>
auto* find_in(const Map& map, const Key& key) {
  auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

}  // namespace

bool is_magic(std::string_view path) {
  if (!path.starts_with("/proc/")) return false;
  auto parts = split(path.substr(6), '/');
  bool process = to_number<pid_t>(parts[0]).has_value();
  if (!process || parts.size() < 2) return false;
  return parts[1] == "exe" || parts[1] == "cwd" || parts[1] == "root" ||
         (parts[1] == "fd" && parts.size() > 2);
}

std::string Want::text() const {
  switch (kind) {
    case Kind::look:
      return "what " + path + " is";
    case Kind::list:
      return "the directory " + path;
    case Kind::read:
      return "the file " + path;
    case Kind::disk:
      return "the file system at " + path;
    case Kind::ask:
      return "the answer to " + (argv.empty() ? path : join(argv, " "));
  }
  return path;
}

void Facts::entry(const std::string& path, Entry entry) {
  if (absolute(path)) entries_.insert_or_assign(path, std::move(entry));
}
void Facts::followed(const std::string& path, const FileInfo& info) {
  if (absolute(path)) followed_.insert_or_assign(path, info);
}
void Facts::listing(const std::string& directory, std::vector<std::string> names) {
  if (!absolute(directory)) return;
  std::ranges::sort(names);
  listings_.insert_or_assign(directory, std::move(names));
}
void Facts::bytes(const std::string& path, std::int64_t from, std::uint64_t most, std::string text) {
  if (!absolute(path)) return;
  size_ += text.size();
  Bytes got{std::move(text), false};
  got.whole = from == 0 && got.text.size() < most;
  if (from != 0) {
    pieces_.insert_or_assign({path, {from, most}}, std::move(got));
    return;
  }
  auto& known = heads_[path];
  // A short head must not take the place of the whole file.
  if (got.whole || got.text.size() >= known.text.size()) known = std::move(got);
}
void Facts::disk(const std::string& path, const Disk& disk) { disks_.insert_or_assign(path, disk); }
void Facts::answer(const std::string& question, Answer answer) {
  size_ += answer.text.size();
  answers_.insert_or_assign(question, std::move(answer));
}
void Facts::missing(Want::Kind kind, const std::string& path, Why why) {
  missing_.insert_or_assign({kind, path}, why);
}
void Facts::give_up(const std::vector<Want>& wants) {
  for (const auto& want : wants)
    if (!knows(want)) missing(want.kind, want.path, Why::failed);
}

Resolved Facts::resolve(std::string_view path, bool follow_last) const {
  auto missing_at = [](Why why) { return Resolved{Resolved::Kind::missing, {}, why}; };
  if (!absolute(path)) return {};
  std::vector<std::string> todo;
  push(todo, path);
  std::string at(1, '/');
  int links = 0;
  while (!todo.empty()) {
    auto part = std::move(todo.back());
    todo.pop_back();
    if (part == "..") {
      at = parent_of(at);
      continue;
    }
    auto next = under(at, part);
    const auto* known = entry(next);
    if (known == nullptr) {
      if (auto why = missing(Want::Kind::look, next)) return missing_at(*why);
      const auto* names = listing(at);
      if (names != nullptr && !std::ranges::binary_search(*names, part)) return missing_at(Why::absent);
      return {};
    }
    if (known->info.kind == FileInfo::Kind::symlink && (follow_last || !todo.empty())) {
      if (known->link.empty() || is_magic(next)) return {};
      if (++links > kMostLinks) return missing_at(Why::failed);
      if (absolute(known->link)) at.assign(1, '/');
      push(todo, known->link);
      continue;
    }
    if (known->info.kind != FileInfo::Kind::directory && !todo.empty() &&
        known->info.kind != FileInfo::Kind::symlink)
      return missing_at(Why::absent);
    at = std::move(next);
  }
  return {Resolved::Kind::found, at, {}};
}

const Entry* Facts::entry(const std::string& path) const { return find_in(entries_, path); }
const FileInfo* Facts::followed(const std::string& path) const { return find_in(followed_, path); }
const std::vector<std::string>* Facts::listing(const std::string& directory) const {
  return find_in(listings_, directory);
}
const Bytes* Facts::bytes(const std::string& path, std::int64_t from, std::uint64_t most) const {
  const auto* head = find_in(heads_, path);
  if (from == 0) return head;
  if (head != nullptr && head->whole) return head;
  return find_in(pieces_, std::pair(path, Piece{from, most}));
}
const Disk* Facts::disk(const std::string& path) const { return find_in(disks_, path); }
const Answer* Facts::answer(const std::string& question) const { return find_in(answers_, question); }
std::optional<Why> Facts::missing(Want::Kind kind, const std::string& path) const {
  const auto* why = find_in(missing_, std::pair(kind, path));
  return why == nullptr ? std::nullopt : std::optional(*why);
}

bool Facts::knows(const Want& want) const {
  if (missing(want.kind, want.path)) return true;
  switch (want.kind) {
    case Want::Kind::look:
      return entry(want.path) != nullptr || resolve(want.path, false).kind != Resolved::Kind::unknown;
    case Want::Kind::list:
      return listing(want.path) != nullptr;
    case Want::Kind::read: {
      const auto* got = bytes(want.path, want.from, want.most);
      return got != nullptr && (want.from != 0 || got->whole || got->text.size() >= want.most);
    }
    case Want::Kind::disk:
      return disk(want.path) != nullptr;
    case Want::Kind::ask:
      return answer(want.path) != nullptr;
  }
  return false;
}

std::size_t Facts::size() const { return size_; }

}  // namespace meshops::capture
