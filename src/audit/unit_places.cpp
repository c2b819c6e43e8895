#include "audit/unit_places.h"

#include "base/text.h"
#include "formats/unit_directives.h"

namespace meshops::audit {

namespace fs = std::filesystem;

int unit_rank(const fs::path& path) {
  const std::string text = path.string();
  if (text.starts_with("/etc/")) return 0;
  if (text.find("/.config/systemd/user/") != std::string::npos) return 0;
  if (text.starts_with("/run/")) return 1;
  if (text.find("/.local/share/systemd/user/") != std::string::npos) return 1;
  if (text.starts_with("/usr/local/")) return 2;
  return text.starts_with("/usr/") || text.starts_with("/lib/") ? 3 : 0;
}

bool is_user_unit(const fs::path& path) { return path.string().find("/systemd/user/") != std::string::npos; }

std::string home_of_unit(const fs::path& path) {
  auto text = path.string();
  for (std::string_view part : {"/.config/systemd/user/", "/.local/share/systemd/user/"})
    if (auto at = text.find(part); at != std::string::npos) return text.substr(0, at);
  return {};
}

std::string manager_of(const fs::path& path) {
  if (!is_user_unit(path / "x")) return "system";
  return std::string(kEveryUser) + home_of_unit(path / "x");
}

namespace {

class LinkReader {
 public:
  LinkReader(const Host& host, UnitLinks& out) : host_(host), out_(out) {}

  void directory(const fs::path& directory) {
    auto names = host_.list(directory);
    if (!names) return;
    auto manager = manager_of(directory / "x");
    for (const auto& name : *names) {
      auto path = directory / name;
      if (name.ends_with(".wants") || name.ends_with(".requires") || name.ends_with(".upholds")) {
        pulled_in(path, manager);
        continue;
      }
      if (systemd::of_type(name).empty() || name.ends_with(".d")) continue;
      auto target = host_.read_link(path);
      if (!target) continue;
      auto to =
          (fs::path(*target).is_absolute() ? fs::path(*target) : directory / *target).lexically_normal();
      if (to == "/dev/null") {
        out_.masked.insert({manager, name});
      } else if (to.filename() == name && to.string().find("/systemd/") == std::string::npos) {
        if (auto real = resolve(host_, to)) out_.linked.push_back({path, *real, name});
      } else if (to.filename() == name && to.parent_path() != directory) {
        // A link from one unit directory to another: systemd finds it there anyway.
      }
    }
  }

 private:
  void pulled_in(const fs::path& directory, const std::string& manager) {
    auto names = host_.list(directory);
    if (!names) return;
    for (const auto& name : *names) {
      out_.enabled.insert({manager, name});
      auto at = name.find('@');
      if (at != std::string::npos)
        out_.enabled.insert({manager, name.substr(0, at + 1) + "." + std::string(systemd::of_type(name))});
    }
  }

  const Host& host_;
  UnitLinks& out_;
};

}  // namespace

UnitLinks unit_links(const Site& site, const std::vector<Account>& accounts) {
  UnitLinks out;
  LinkReader reader(site.host(), out);
  for (const auto* directory :
       {"/etc/systemd/system", "/etc/systemd/user", "/run/systemd/system", "/run/systemd/user",
        "/usr/local/lib/systemd/system", "/usr/local/lib/systemd/user", "/usr/lib/systemd/system",
        "/usr/lib/systemd/user"})
    reader.directory(directory);
  std::set<fs::path> homes;
  for (const auto& account : accounts)
    if (account.home.has_parent_path() && account.home != "/" && homes.insert(account.home).second) {
      reader.directory(account.home / ".config/systemd/user");
      reader.directory(account.home / ".local/share/systemd/user");
    }
  return out;
}

std::optional<fs::path> resolve(const Host& host, const fs::path& path, Error* not_seen) {
  constexpr int kMostLinks = 40;
  std::vector<std::string> rest;
  auto push = [&](const fs::path& more) {
    std::vector<std::string> parts;
    for (const auto& part : more)
      if (part != "/" && part != "." && !part.empty()) parts.push_back(part.string());
    rest.insert(rest.end(), parts.rbegin(), parts.rend());
  };
  push(path);
  fs::path at = "/";
  for (int links = 0; !rest.empty();) {
    auto part = rest.back();
    rest.pop_back();
    if (part == "..") {
      at = at.parent_path();
      continue;
    }
    auto next = at / part;
    auto info = host.stat(next);
    if (!info) {
      if (not_seen != nullptr && !info.error().is("file.not_found")) *not_seen = info.error();
      return std::nullopt;
    }
    if (info->kind != FileInfo::Kind::symlink) {
      at = next;
      continue;
    }
    auto target = host.read_link(next);
    if (!target || ++links > kMostLinks) return std::nullopt;
    if (fs::path(*target).is_absolute()) at = "/";
    push(*target);
  }
  return at;
}

}  // namespace meshops::audit
