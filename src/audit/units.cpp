#include "audit/units.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "gateway/gateway_command.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kDropIn = "zz-meshops-audit.conf";

/// The directories a manager reads, the first wins; nothing of a repo counts twice.
int rank(const fs::path& path) {
  const std::string text = path.string();
  if (text.starts_with("/etc/")) return 0;
  if (text.find("/.config/systemd/user/") != std::string::npos) return 0;
  if (text.starts_with("/run/")) return 1;
  if (text.find("/.local/share/systemd/user/") != std::string::npos) return 1;
  if (text.starts_with("/usr/local/")) return 2;
  return 3;
}

bool of_user(const fs::path& path) { return path.string().find("/systemd/user/") != std::string::npos; }

std::size_t header_line(std::string_view text, std::string_view section) {
  std::size_t number = 0;
  auto header = fmt::format("[{}]", section);
  for (auto line : split(text, '\n')) {
    ++number;
    if (trim(line) == header) return number;
  }
  return 0;
}

}  // namespace

class UnitGatherer {
 public:
  UnitGatherer(const Site& site, Units& out) : site_(site), out_(out) {}

  void gather() {
    for (const auto* file : site_.files().of(FileKind::unit)) add(*file);
    for (const auto* file : site_.files().of(FileKind::unit_drop_in))
      drop_ins_[drop_in_key(file->path)].push_back(file);
    for (auto& [key, unit] : units_) finish(std::move(unit));
    link_starters();
  }

 private:
  /// Units of one name in one manager are one unit; in a repo, those in one folder.
  std::string key_of(const fs::path& path) const {
    auto scope = site_.repo()    ? path.parent_path().string()
                 : of_user(path) ? "user:" + owner_home(path)
                                 : "system";
    return scope + "\n" + path.filename().string();
  }
  static std::string owner_home(const fs::path& path) {
    auto text = path.string();
    auto at = text.find("/.config/systemd/user/");
    if (at == std::string::npos) at = text.find("/.local/share/systemd/user/");
    return at == std::string::npos ? "" : text.substr(0, at);
  }
  std::string drop_in_key(const fs::path& path) const {
    auto folder = path.parent_path().string();
    return key_of(folder.substr(0, folder.size() - 2));
  }

  void add(const FoundFile& file) {
    auto key = key_of(file.path);
    auto [it, fresh] = units_.try_emplace(key);
    if (!fresh && rank(it->second.path) <= rank(file.path)) return;
    it->second = {.name = file.path.filename().string(), .of_user = of_user(file.path), .path = file.path};
    if (auto home = owner_home(file.path); !home.empty())
      if (auto accounts = site_.host().accounts())
        for (const auto& account : *accounts)
          if (account.home == home) it->second.owner = account;
  }

  void finish(Unit unit) {
    auto text = site_.host().read(unit.path);
    if (!text) {
      out_.skips_.push_back({"", site_.shown(unit.path), text.error().text()});
      return;
    }
    unit.file = systemd::UnitFile::parse(*text, site_.shown(unit.path));
    if (auto drop_ins = drop_ins_.find(key_of(unit.path)); drop_ins != drop_ins_.end()) {
      auto files = drop_ins->second;
      std::ranges::sort(files, {}, [](const FoundFile* f) { return f->path.filename(); });
      for (const auto* file : files) {
        auto more = site_.host().read(file->path);
        if (!more) {
          out_.skips_.push_back({"", site_.shown(file->path), more.error().text()});
          continue;
        }
        unit.file.add(*more, site_.shown(file->path));
        unit.drop_ins.push_back(file->path);
      }
    }
    if (!unit.name.ends_with(".service")) {
      out_.others_.push_back(std::move(unit));
      return;
    }
    for (const auto& command : unit.commands()) unit.gateway = unit.gateway || starts_gateway(command.argv);
    out_.services_.push_back(std::move(unit));
  }

  void link_starters() {
    for (auto& service : out_.services_)
      for (const auto& other : out_.others_) {
        auto stem = other.name.substr(0, other.name.rfind('.'));
        std::string section = other.name.ends_with(".timer")    ? "Timer"
                              : other.name.ends_with(".socket") ? "Socket"
                                                                : "Path";
        auto named =
            other.file.value(section, section == "Socket" ? "Service" : "Unit").value_or(stem + ".service");
        bool starter = other.name.ends_with(".timer") || other.name.ends_with(".socket") ||
                       other.name.ends_with(".path");
        if (starter && named == service.name) service.started_by.push_back(other.name);
      }
  }

  const Site& site_;
  Units& out_;
  std::map<std::string, Unit> units_;
  std::map<std::string, std::vector<const FoundFile*>> drop_ins_;
};

Units Units::gather(const Site& site) {
  Units out;
  UnitGatherer(site, out).gather();
  return out;
}

std::vector<const Unit*> Units::gateways() const {
  std::vector<const Unit*> found;
  for (const auto& unit : services_)
    if (unit.gateway) found.push_back(&unit);
  return found;
}

std::string Unit::type() const {
  if (auto type = file.value("Service", "Type")) return *type;
  if (file.value("Service", "BusName")) return "dbus";
  return commands().empty() ? "oneshot" : "simple";
}

std::vector<systemd::Command> Unit::commands() const {
  std::vector<systemd::Command> all;
  for (const auto& line : file.values("Service", "ExecStart"))
    if (auto commands = systemd::parse_commands(line, {.unit = name}))
      all.insert(all.end(), commands->begin(), commands->end());
  return all;
}

Where Unit::at(std::string_view section, std::string_view key) const {
  if (const auto* found = file.last(section, key)) return {found->at.file, found->at.line, found->at.column};
  for (const auto& a : file.assignments())
    if (a.section == section) return {a.at.file, a.at.line, 0};
  return {};
}

bool starts_gateway(const std::vector<std::string>& argv) {
  if (is_gateway_command(argv)) return true;
  for (std::size_t i = 1; i + 1 < argv.size(); ++i) {
    if (!argv[i].starts_with('-') || !argv[i].ends_with('c')) continue;
    std::vector<std::string> inner;
    for (auto word : words(argv[i + 1])) inner.emplace_back(word);
    return is_gateway_command(inner);
  }
  return false;
}

Mend set_directive(const Site& site, const Unit& unit, std::string_view section, std::string_view key,
                   std::string_view value) {
  auto line = fmt::format("{}={}\n", key, value);
  auto header = fmt::format("[{}]\n", section);
  fs::path target = unit.path;
  if (!site.repo())
    target = (rank(unit.path) == 0 ? unit.path.parent_path() : fs::path("/etc/systemd/system")) /
             (unit.name + ".d") / kDropIn;
  auto old = site.host().read(target);
  std::string bytes = old.value_or("");
  if (site.repo()) {
    // In place, where the value that counts stands; else right below the section's header.
    const auto* last = unit.file.last(section, key);
    if (last != nullptr && last->at.file != site.shown(unit.path)) {
      for (const auto& drop_in : unit.drop_ins)
        if (site.shown(drop_in) == last->at.file) target = drop_in;
      bytes = site.host().read(target).value_or("");
    }
    auto lines = split(bytes, '\n');
    std::string out;
    auto wanted = last != nullptr ? last->at.line : header_line(bytes, section);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      bool here = i + 1 == wanted;
      if (here && last != nullptr) {
        out += line;
        // What a backslash carried on belonged to the old value.
        while (i + 1 < lines.size() && lines[i].ends_with('\\')) ++i;
        continue;
      }
      out += std::string(lines[i]) + (i + 1 < lines.size() ? "\n" : "");
      if (here) out += (i + 1 < lines.size() ? "" : "\n") + line;
    }
    if (wanted == 0) out += (out.empty() || out.ends_with('\n') ? "\n" : "\n\n") + header + line;
    bytes = out;
  } else {
    if (bytes.empty()) bytes = "# By meshops audit --fix; meshops undo takes it back.\n";
    bytes += header + line;
  }
  Mend mend{.files = {{.path = target, .bytes = bytes, .mode = 0644}}};
  if (site.live()) {
    std::vector<std::string> reload = {"systemctl"};
    if (unit.of_user && unit.owner) reload.insert(reload.end(), {"--user", "-M", unit.owner->name + "@"});
    reload.push_back("daemon-reload");
    mend.orders.push_back({.run = reload, .back = reload});
  }
  return mend;
}

}  // namespace meshops::audit
