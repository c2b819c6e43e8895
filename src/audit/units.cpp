#include "audit/units.h"

#include <algorithm>
#include <map>
#include <set>

#include "audit/gateway_units.h"
#include "audit/unit_places.h"
#include "base/text.h"
#include "formats/unit_directives.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kScriptLimit = 256U << 10;

const char* section_of_type(std::string_view name) {
  return name.ends_with(".timer")    ? "Timer"
         : name.ends_with(".socket") ? "Socket"
         : name.ends_with(".path")   ? "Path"
                                     : "";
}

bool same_unit(std::string_view a, std::string_view b) {
  return a == b || a == fmt::format("{}.service", b) || fmt::format("{}.service", a) == b;
}

}  // namespace

class UnitGatherer {
 public:
  UnitGatherer(const Site& site, Units& out) : site_(site), out_(out) {
    if (auto accounts = site.host().accounts()) accounts_ = std::move(*accounts);
  }

  void gather() {
    if (!site_.repo()) links_ = unit_links(site_, accounts_);
    for (const auto* file : site_.files().of(FileKind::unit)) add(file->path, file->path.filename());
    for (const auto& link : links_.linked) add(link.target, link.name, link.at);
    for (const auto& file : site_.files().all()) drop_in(file.path);
    for (const auto* file : site_.files().of(FileKind::script))
      scripts_[file->path.filename().string()].push_back(file->path);
    read_all();
    for (auto& [key, unit] : units_) finish(std::move(unit));
    if (site_.live()) ask_managers();
    link_starters();
    for (auto& service : out_.services_) judge(service);
    for (auto& seen : out_.seen_) {
      if (seen.unit) seen.gateway = out_.services_[*seen.unit].gateway;
      if (!seen.unit && seen.state.type != "oneshot")
        seen.gateway = starts_gateway(seen.state.exec_start) ||
                       (unit_name_of_gateway(seen.state.name) && !is_other_program(seen.state.exec_start));
    }
  }

 private:
  struct Key {
    std::string scope, name;
    auto operator<=>(const Key&) const = default;
  };
  struct Draft {
    Unit unit;
    fs::path seat;  // the place in a unit directory by which it is ranked
  };

  /// Units of one name in one manager are one unit; in a repo, those in one folder.
  std::string scope_of(const fs::path& path) const {
    return site_.repo() ? path.parent_path().string() : manager_of(path);
  }

  void add(const fs::path& path, const fs::path& name, const fs::path& link = {}) {
    const auto& seat = link.empty() ? path : link;
    Key key{scope_of(seat), name.string()};
    if (links_.masked.contains({key.scope, key.name}) && unit_rank(seat) > 0) return;
    auto [it, fresh] = units_.try_emplace(key);
    if (!fresh && unit_rank(it->second.seat) <= unit_rank(seat)) return;
    it->second = {.unit = {.name = name.string(), .of_user = is_user_unit(seat), .path = path}, .seat = seat};
    if (auto home = home_of_unit(seat); !home.empty()) {
      it->second.unit.home = home;
      for (const auto& account : accounts_)
        if (account.home == home) it->second.unit.owner = account;
    }
  }

  /// "x.service.d/10.conf", "openclaw-.service.d/10.conf" for all whose name begins so, "service.d/10.conf"
  /// for all of the type.
  void drop_in(const fs::path& path) {
    if (path.extension() != ".conf") return;
    std::string folder = path.parent_path().filename().string();
    if (!folder.ends_with(".d")) return;
    folder.resize(folder.size() - 2);
    bool of_type = kUnitTypes.contains(folder);
    bool of_unit = folder.find('.') != std::string::npos && kUnitTypes.contains(systemd::of_type(folder));
    if (of_type || of_unit) drop_ins_[{scope_of(path.parent_path()), folder}].push_back(path);
  }

  std::optional<std::string> text_of(const fs::path& path) {
    auto text = site_.host().read(path, 1U << 20);
    if (text) return std::move(*text);
    out_.skips_.push_back({"", site_.shown(path), text.error().text()});
    return std::nullopt;
  }

  /// Every file once, as it stands.
  void read_all() {
    for (auto it = units_.begin(); it != units_.end();) {
      auto& unit = it->second.unit;
      auto text = text_of(unit.path);
      if (!text) {
        it = units_.erase(it);
        continue;
      }
      unit.file = systemd::UnitFile::parse(*text, site_.shown(unit.path));
      texts_[unit.path] = std::move(*text);
      // D-Bus and Avahi call their files so, too; an empty file in /etc masks the unit.
      if (!systemd::looks_like_unit(unit.file.headers())) {
        it = units_.erase(it);
        continue;
      }
      out_.files_.push_back({.path = unit.path,
                             .unit = unit.name,
                             .of_user = unit.of_user,
                             .drop_in = false,
                             .file = unit.file});
      ++it;
    }
    for (const auto& [key, files] : drop_ins_)
      for (const auto& path : files) {
        auto text = text_of(path);
        if (!text) continue;
        auto file = systemd::UnitFile::parse(*text, site_.shown(path));
        // "path.d/x.conf" of a repo may be anything.
        if (kUnitTypes.contains(key.name) && !systemd::looks_like_unit(file.headers())) continue;
        out_.files_.push_back({.path = path,
                               .unit = key.name,
                               .of_user = is_user_unit(path),
                               .drop_in = true,
                               .file = std::move(file)});
        texts_[path] = std::move(*text);
      }
  }

  /// The names whose drop-ins count for a unit, the most telling first: a@b.service, a@.service, a-.service,
  /// …
  static std::vector<std::string> drop_in_names(const std::string& name) {
    auto type = std::string(systemd::of_type(name));
    auto stem = name.substr(0, name.size() - type.size() - 1);
    std::vector<std::string> names = {name};
    if (auto at = stem.find('@'); at != std::string::npos) {
      if (at + 1 < stem.size()) names.push_back(stem.substr(0, at + 1) + "." + type);
      stem.resize(at);
    }
    while (stem.ends_with('-')) stem.pop_back();
    for (auto dash = stem.rfind('-'); dash != std::string::npos && dash > 0; dash = stem.rfind('-')) {
      names.push_back(stem.substr(0, dash + 1) + "." + type);
      stem.resize(dash);
    }
    names.push_back(type);
    return names;
  }

  std::vector<std::string> drop_in_scopes(const std::string& scope, const Unit& unit) const {
    std::vector<std::string> scopes = {scope};
    // What is set for every user's manager counts for each.
    if (!site_.repo() && unit.of_user && scope != kEveryUser) scopes.emplace_back(kEveryUser);
    return scopes;
  }

  void finish(Draft draft) {
    auto unit = std::move(draft.unit);
    struct Found {
      int rank;
      fs::path path;
    };
    std::map<std::string, Found> by_name;  // of several with one file name the most telling counts
    auto scope = scope_of(draft.seat);
    auto names = drop_in_names(unit.name);
    for (std::size_t i = 0; i < names.size(); ++i)
      for (const auto& where : drop_in_scopes(scope, unit)) {
        auto files = drop_ins_.find({where, names[i]});
        if (files == drop_ins_.end()) continue;
        for (const auto& path : files->second) {
          bool of_type = i + 1 == names.size();
          int rank =
              (of_type ? 1000 : 0) + unit_rank(path) * 100 + static_cast<int>(std::min<std::size_t>(i, 99));
          auto [it, fresh] = by_name.try_emplace(path.filename().string(), Found{rank, path});
          if (!fresh && rank < it->second.rank) it->second = {rank, path};
        }
      }
    for (const auto& [name, found] : by_name) {
      auto text = texts_.find(found.path);
      if (text == texts_.end()) continue;
      unit.file.add(text->second, site_.shown(found.path));
      unit.drop_ins.push_back(found.path);
    }
    if (!unit.of_user || unit.home.empty()) unit.home = home_of_service(unit);
    if (!site_.repo())
      unit.enabled = links_.enabled.contains({scope, unit.name}) ||
                     (unit.of_user && links_.enabled.contains({std::string(kEveryUser), unit.name}));
    if (!unit.name.ends_with(".service")) {
      out_.others_.push_back(std::move(unit));
      return;
    }
    out_.services_.push_back(std::move(unit));
  }

  std::string home_of_service(const Unit& unit) const {
    auto user = unit.user();
    if (user.empty()) return {};
    for (const auto& account : accounts_)
      if (account.name == user || std::to_string(account.uid) == user) return account.home.string();
    if (!site_.repo()) return {};
    return user == "root" ? "/root" : "/home/" + user;
  }

  void ask_managers() {
    take(std::nullopt);
    for (const auto& account : accounts_) {
      bool has_units = std::ranges::any_of(
          out_.services_, [&](const Unit& u) { return u.owner && u.owner->uid == account.uid; });
      bool runs = site_.host().stat(fs::path("/run/user") / std::to_string(account.uid)).has_value();
      if (has_units || runs) take(account);
    }
  }

  void take(const std::optional<Account>& manager) {
    auto states = site_.running()->units(manager);
    if (!states) {
      out_.unasked_.push_back({"", manager ? "units of user " + manager->name : "units of the system manager",
                               states.error().text()});
      return;
    }
    for (auto& state : *states) {
      if (!state.name.ends_with(".service")) continue;
      SeenUnit seen{.state = state, .manager = manager, .unit = {}};
      auto template_name = state.name;
      if (auto at = state.name.find('@'); at != std::string::npos)
        template_name = state.name.substr(0, at + 1) + ".service";
      for (std::size_t i = 0; i < out_.services_.size(); ++i) {
        auto& unit = out_.services_[i];
        if (unit.of_user != manager.has_value()) continue;
        if (unit.owner && manager && unit.owner->uid != manager->uid) continue;
        if (unit.name == state.name) {
          seen.unit = i;
          if (!unit.state) unit.state = state;
          break;
        }
        if (unit.name == template_name) seen.unit = i;
      }
      out_.seen_.push_back(std::move(seen));
    }
    for (auto& seen : out_.seen_)
      if (seen.unit && out_.services_[*seen.unit].name == seen.state.name) {
        auto& enabled = out_.services_[*seen.unit].enabled;
        const auto& file_state = seen.state.unit_file_state;
        if (file_state == "enabled") enabled = true;
        if (file_state == "disabled" || file_state == "enabled-runtime" || file_state == "masked")
          enabled = false;
      }
  }

  void link_starters() {
    using Started = std::pair<bool, std::string>;  // of a user's manager, name
    std::multimap<Started, std::string> by;
    for (const auto& other : out_.others_) {
      std::string_view section = section_of_type(other.name);
      if (section.empty()) continue;
      auto stem = other.name.substr(0, other.name.rfind('.'));
      by.emplace(Started{other.of_user, other.file.value(section, section == "Socket" ? "Service" : "Unit")
                                            .value_or(stem + ".service")},
                 other.name);
    }
    for (const auto* list : {&out_.others_, &out_.services_})
      for (const auto& other : *list) {
        std::set<std::string> wanted;
        for (const auto* key : {"Wants", "Requires", "BindsTo", "Upholds"})
          wanted.merge(service_words(other, key));
        for (const auto& name : wanted)
          if (name != other.name) by.emplace(Started{other.of_user, name}, other.name);
      }
    for (auto& service : out_.services_) {
      auto [begin, end] = by.equal_range({service.of_user, service.name});
      for (auto it = begin; it != end; ++it) service.started_by.push_back(it->second);
    }
  }
  static std::set<std::string> service_words(const Unit& unit, std::string_view key) {
    auto list = unit.list("Unit", key);
    std::erase_if(list, [](const auto& word) { return !word.ends_with(".service"); });
    return {list.begin(), list.end()};
  }

  /// The text of a script that a command names, where the site holds it.
  std::optional<std::string> script_text(const std::string& word, Unit& unit) const {
    if (word.find('/') == std::string::npos || word.starts_with('-')) return std::nullopt;
    std::optional<fs::path> path;
    if (site_.repo()) {
      auto found = scripts_.find(std::string(program_name(word)));
      if (found != scripts_.end()) path = found->second.front();
    } else if (word.starts_with('/')) {
      path = resolve(site_.host(), word);
    }
    if (!path) return std::nullopt;
    auto head = site_.host().read_part(*path, 0, 2);
    if (!head || (head->bytes != "#!" && !word.ends_with(".sh"))) return std::nullopt;
    auto text = site_.host().read(*path, kScriptLimit);
    if (!text || text->find('\0') != std::string::npos) return std::nullopt;
    auto first = text->substr(0, text->find('\n'));
    if (first.starts_with("#!") && first.find("sh") == std::string::npos) return std::nullopt;
    unit.scripts.push_back(*path);
    return std::move(*text);
  }

  void judge(Unit& unit) {
    auto place = unit.file.value("Service", "WorkingDirectory").value_or("");
    bool other = true;
    for (const auto& command : unit.commands()) {
      bool starts = command_starts_gateway(command.argv, place);
      other = other && is_other_program(command.argv);
      auto inner = without_wrappers(command.argv);
      for (std::size_t i = 0; i < std::min<std::size_t>(inner.size(), 3); ++i)
        if (auto text = script_text(inner[i], unit)) {
          starts = starts || script_starts_gateway(*text, place);
          break;
        }
      unit.launches = unit.launches || starts;
    }
    bool long_running = unit.type() != "oneshot";
    bool by_name = long_running && !other && !unit.started_on_demand() && unit_name_of_gateway(unit.name);
    unit.gateway = long_running && (unit.launches || by_name);
    for (const auto& spec : site_.mesh().gateways) {
      bool runs_so = spec.runtime == RuntimeKind::systemd_system || spec.runtime == RuntimeKind::systemd_user;
      if (!runs_so || spec.unit.empty() || !same_unit(spec.unit, unit.name)) continue;
      if (!site_.repo() && (spec.runtime == RuntimeKind::systemd_user) != unit.of_user) continue;
      unit.gateway = long_running;
      unit.kind = spec.kind;
    }
    unit.launches = unit.launches || unit.gateway;
  }

  const std::set<std::string, std::less<>> kUnitTypes = {"service",   "timer", "socket", "path",  "mount",
                                                         "automount", "swap",  "target", "slice", "scope"};
  const Site& site_;
  Units& out_;
  std::vector<Account> accounts_;
  UnitLinks links_;
  std::map<Key, Draft> units_;
  std::map<Key, std::vector<fs::path>> drop_ins_;
  std::map<fs::path, std::string> texts_;
  std::map<std::string, std::vector<fs::path>> scripts_;  // of a repo, by file name
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

const Unit* Units::find(std::string_view name, bool of_user) const {
  for (const auto* list : {&services_, &others_})
    for (const auto& unit : *list)
      if (unit.name == name && unit.of_user == of_user) return &unit;
  return nullptr;
}

bool Unit::started_on_demand() const {
  return std::ranges::any_of(started_by,
                             [](const auto& starter) { return *section_of_type(starter) != '\0'; });
}

bool Unit::packaged() const { return unit_rank(path) >= 3; }

std::string Unit::type() const {
  if (auto type = file.value("Service", "Type")) return *type;
  if (file.value("Service", "BusName")) return "dbus";
  return commands().empty() ? "oneshot" : "simple";
}

std::string Unit::user() const {
  if (of_user) return owner ? owner->name : "";
  auto user = file.value("Service", "User");
  if (!user) return file.boolean("Service", "DynamicUser").value_or(false) ? "" : "root";
  return user->find('%') == std::string::npos ? *user : "";
}

systemd::Specifiers Unit::specifiers() const {
  // %h and %u of a system unit are the manager's own, root's, whatever User= says.
  systemd::Specifiers s{.unit = name};
  if (is_template()) s.unit.clear();
  if (of_user) {
    s.home = home;
    if (owner) {
      s.user = owner->name;
      s.uid = std::to_string(owner->uid);
      s.runtime_dir = fmt::format("/run/user/{}", owner->uid);
    }
    if (!home.empty()) {
      s.state_dir = home + "/.local/state";
      s.config_dir = home + "/.config";
      s.cache_dir = home + "/.cache";
    }
  } else {
    s.user = "root";
    s.uid = "0";
    s.home = "/root";
    s.runtime_dir = "/run";
    s.state_dir = "/var/lib";
    s.cache_dir = "/var/cache";
    s.logs_dir = "/var/log";
    s.config_dir = "/etc";
  }
  return s;
}

std::vector<systemd::Command> Unit::commands() const {
  std::vector<systemd::Command> all;
  auto known = specifiers();
  for (const auto& line : file.values("Service", "ExecStart"))
    if (auto commands = systemd::parse_commands(line, known))
      all.insert(all.end(), commands->begin(), commands->end());
  return all;
}

Where Unit::at(std::string_view section, std::string_view key) const {
  if (const auto* found = file.last(section, key)) return {found->at.file, found->at.line, found->at.column};
  if (const auto* header = file.header(section)) return {header->file, header->line, 0};
  return {file.headers().empty() ? "" : file.headers().front().at.file, 0, 0};
}

std::vector<std::string> Unit::list(std::string_view section, std::string_view key) const {
  std::vector<std::string> out;
  for (const auto& value : file.values(section, key))
    for (auto word : words(value)) out.emplace_back(word);
  return out;
}

bool starts_gateway(const std::vector<std::string>& argv) { return command_starts_gateway(argv); }

}  // namespace meshops::audit
