#include "audit/unit_mend.h"

#include <algorithm>
#include <map>

#include "audit/unit_places.h"
#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kHeading = "# By meshops audit --fix; meshops undo takes it back.\n";

/// The lines of a text as systemd counts them, each with what ends it.
std::vector<std::string> lines_of(std::string_view text) {
  using namespace std::string_view_literals;
  std::vector<std::string> out;
  while (!text.empty()) {
    auto end = text.find_first_of("\n\r\0"sv);
    auto size = end == std::string_view::npos          ? text.size()
                : text.substr(end).starts_with("\r\n") ? end + 2
                                                       : end + 1;
    out.emplace_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return out;
}

std::string_view bare(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r' || line.back() == '\0'))
    line.remove_suffix(1);
  return line;
}

bool is_comment(std::string_view line) {
  auto text = trim(line);
  return text.starts_with('#') || text.starts_with(';');
}

bool carries_on(std::string_view line) {
  auto text = bare(line);
  auto last = text.find_last_not_of('\\');
  auto backslashes = text.size() - (last == std::string_view::npos ? 0 : last + 1);
  return backslashes % 2 == 1;
}

/// One past the last line of the assignment that begins on line `first` (counted from 0).
std::size_t end_of_assignment(const std::vector<std::string>& lines, std::size_t first) {
  auto i = first;
  while (i < lines.size() && (carries_on(lines[i]) || (i > first && is_comment(lines[i])))) ++i;
  return std::min(i + 1, lines.size());
}

std::string line_end(const std::vector<std::string>& lines) {
  return !lines.empty() && lines.front().ends_with("\r\n") ? "\r\n" : "\n";
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) out += line;
  return out;
}

/// Puts a line in before line `at`; what stands before it gets its line end.
void insert_line(std::vector<std::string>& lines, std::size_t at, const std::string& line) {
  auto end = line_end(lines);
  if (at > 0 && at <= lines.size() && bare(lines[at - 1]).size() == lines[at - 1].size())
    lines[at - 1] += end;
  lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(std::min(at, lines.size())), line + end);
}

/// The line behind the section's last assignment, or behind its header; nothing if there is no such section.
std::optional<std::size_t> end_of_section(const systemd::UnitFile& file, std::string_view section,
                                          const std::vector<std::string>& lines) {
  std::optional<std::size_t> end;
  for (const auto& header : file.headers())
    if (header.section == section) end = header.at.line;
  for (const auto& a : file.assignments())
    if (a.section == section && a.at.line >= 1 && a.at.line <= lines.size() && (!end || a.at.line > *end))
      end = end_of_assignment(lines, a.at.line - 1);
  return end;
}

/// The files of one mend while it grows: each setting sees what the one before it wrote.
class Editing {
 public:
  Editing(const Site& site, const Unit& unit) : site_(site), unit_(unit) {}

  void set(const Setting& s) {
    if (site_.repo())
      in_place(s, true);
    else
      drop_in(s);
  }
  void add(const Setting& s) {
    if (site_.repo())
      in_place(s, false);
    else
      drop_in(s);
  }

  Mend mend() {
    Mend mend;
    for (auto& [path, bytes] : texts_) {
      FileChange change{.path = path, .bytes = std::move(bytes), .mode = {}, .uid = {}, .gid = {}};
      if (!site_.repo()) change.mode = 0644;
      if (!site_.repo() && unit_.owner && is_user_unit(path)) {
        change.uid = unit_.owner->uid;
        change.gid = unit_.owner->gid;
      }
      mend.files.push_back(std::move(change));
    }
    reload_after(site_, manager_of(unit_), mend);
    return mend;
  }

 private:
  std::string& text(const fs::path& path) {
    auto [it, fresh] = texts_.try_emplace(path);
    if (fresh) it->second = site_.host().read(path).value_or("");
    return it->second;
  }

  /// The last assignment of the key in the order of reading, also an empty one: what comes before it is lost.
  struct Anchor {
    fs::path path;
    std::size_t line = 0;
    bool same_key = false;
  };
  std::optional<Anchor> anchor(const Setting& s) {
    bool timeout = s.key == "TimeoutStartSec" || s.key == "TimeoutStopSec";
    std::optional<Anchor> found;
    auto look = [&](const fs::path& path) {
      auto file = systemd::UnitFile::parse(text(path));
      for (const auto& a : file.assignments())
        if (a.section == s.section && (a.key == s.key || (timeout && a.key == "TimeoutSec")))
          found = {path, a.at.line, a.key == s.key};
    };
    look(unit_.path);
    for (const auto& path : unit_.drop_ins) look(path);
    // Only read: not changed.
    std::erase_if(texts_, [&](const auto& entry) {
      return site_.host().read(entry.first).value_or("") == entry.second &&
             (!found || entry.first != found->path);
    });
    return found;
  }

  void in_place(const Setting& s, bool replace) {
    auto assignment = fmt::format("{}={}", s.key, s.value);
    auto where = anchor(s);
    auto& bytes = text(where ? where->path : unit_.path);
    auto lines = lines_of(bytes);
    if (where && where->line >= 1 && where->line <= lines.size()) {
      auto first = where->line - 1;
      auto end = end_of_assignment(lines, first);
      if (replace && where->same_key) {
        // What a backslash carried on belonged to the old value; the last line keeps its own end.
        auto tail = lines[end - 1].substr(bare(lines[end - 1]).size());
        auto indent = lines[first].substr(0, lines[first].find_first_not_of(" \t"));
        lines[first] = indent + assignment + tail;
        lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(first) + 1,
                    lines.begin() + static_cast<std::ptrdiff_t>(end));
      } else {
        insert_line(lines, end, assignment);
      }
    } else {
      auto file = systemd::UnitFile::parse(bytes);
      if (auto end = end_of_section(file, s.section, lines)) {
        insert_line(lines, *end, assignment);
      } else {
        if (!lines.empty()) insert_line(lines, lines.size(), "");
        insert_line(lines, lines.size(), fmt::format("[{}]", s.section));
        insert_line(lines, lines.size(), assignment);
      }
    }
    bytes = joined(lines);
  }

  void drop_in(const Setting& s) {
    if (target_.empty()) target_ = drop_in_path();
    auto& bytes = text(target_);
    if (bytes.empty()) bytes = kHeading;
    if (!bytes.ends_with('\n')) bytes += '\n';
    auto file = systemd::UnitFile::parse(bytes);
    // The same section goes on where it is the last.
    if (file.headers().empty() || file.headers().back().section != s.section)
      bytes += fmt::format("[{}]\n", s.section);
    bytes += fmt::format("{}={}\n", s.key, s.value);
  }

  /// Read after every drop-in that is there, or it would not count.
  fs::path drop_in_path() const {
    fs::path directory = unit_.path.parent_path();
    if (unit_rank(unit_.path) != 0 || directory.string().find("/systemd/") == std::string::npos) {
      directory = unit_.of_user ? fs::path("/etc/systemd/user") : fs::path("/etc/systemd/system");
      if (unit_.of_user && !unit_.home.empty()) directory = fs::path(unit_.home) / ".config/systemd/user";
    }
    std::string name = "zz-meshops-audit.conf";
    for (const auto& other : unit_.drop_ins) {
      auto filename = other.filename().string();
      if (filename.ends_with("zz-meshops-audit.conf")) name = std::max(name, filename);
    }
    for (const auto& other : unit_.drop_ins)
      while (other.filename().string() > name && name.size() < 200) name.insert(0, "z");
    return directory / (unit_.name + ".d") / name;
  }

  const Site& site_;
  const Unit& unit_;
  fs::path target_;
  std::map<fs::path, std::string> texts_;
};

}  // namespace

Mend set_directives(const Site& site, const Unit& unit, std::span<const Setting> settings) {
  Editing editing(site, unit);
  for (const auto& s : settings) editing.set(s);
  return editing.mend();
}

Mend add_directives(const Site& site, const Unit& unit, std::span<const Setting> settings) {
  Editing editing(site, unit);
  for (const auto& s : settings) editing.add(s);
  return editing.mend();
}

Mend set_directive(const Site& site, const Unit& unit, std::string_view section, std::string_view key,
                   std::string_view value) {
  Setting setting{section, key, std::string(value)};
  return set_directives(site, unit, {&setting, 1});
}

std::string move_assignment(std::string_view text, const systemd::UnitFile& file,
                            const systemd::Assignment& what, std::string_view to_section, bool drop) {
  auto lines = lines_of(text);
  if (what.at.line < 1 || what.at.line > lines.size()) return std::string(text);
  auto first = what.at.line - 1;
  auto end = end_of_assignment(lines, first);
  std::vector<std::string> taken(lines.begin() + static_cast<std::ptrdiff_t>(first),
                                 lines.begin() + static_cast<std::ptrdiff_t>(end));
  auto new_line = line_end(lines);
  if (bare(taken.back()).size() == taken.back().size()) taken.back() += new_line;
  std::optional<std::size_t> to;
  if (!drop) to = end_of_section(file, to_section, lines);
  bool make = !drop && !to;
  if (make) {
    // Above the header it stood under, with the comments that belong to that.
    to = 0;
    for (const auto& header : file.headers())
      if (header.section == what.section && header.at.line <= what.at.line) {
        to = header.at.line - 1;
        break;
      }
    while (*to > 0 && is_comment(lines[*to - 1])) --*to;
    taken.insert(taken.begin(), fmt::format("[{}]{}", to_section, new_line));
    taken.push_back(new_line);
  }
  auto erase = [&] {
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(first),
                lines.begin() + static_cast<std::ptrdiff_t>(end));
  };
  auto insert = [&] {
    if (!to) return;
    if (*to > 0 && bare(lines[*to - 1]).size() == lines[*to - 1].size()) lines[*to - 1] += new_line;
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(*to), taken.begin(), taken.end());
  };
  // From the back to the front, so that the numbers hold.
  if (to && *to > first) {
    insert();
    erase();
  } else {
    erase();
    insert();
  }
  return joined(lines);
}

std::vector<std::string> systemctl(const std::optional<Account>& manager, std::vector<std::string> rest) {
  std::vector<std::string> argv = {"systemctl"};
  if (manager) argv.insert(argv.end(), {"--user", "-M", manager->name + "@"});
  argv.insert(argv.end(), rest.begin(), rest.end());
  return argv;
}

std::string systemctl_text(const std::optional<Account>& manager, std::vector<std::string> rest) {
  return join(systemctl(manager, std::move(rest)), " ");
}

std::optional<Account> manager_of(const Unit& unit) { return unit.of_user ? unit.owner : std::nullopt; }

void reload_after(const Site& site, const std::optional<Account>& manager, Mend& mend) {
  if (!site.live()) return;
  auto reload = systemctl(manager, {"daemon-reload"});
  mend.orders.push_back({.run = reload, .back = reload});
}

}  // namespace meshops::audit
