#include "heal/action.h"

#include "base/text.h"

namespace meshops::heal {

namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

std::string shown(const std::filesystem::path& path) { return printable(path.string()); }

std::string_view text(UnitOrder::Verb verb) {
  switch (verb) {
    case UnitOrder::Verb::reset_failed:
      return "clear the failures of";
    case UnitOrder::Verb::start:
      return "start";
    case UnitOrder::Verb::stop:
      return "stop";
    case UnitOrder::Verb::enable:
      return "enable";
    case UnitOrder::Verb::disable:
      return "disable";
    case UnitOrder::Verb::reload_manager:
      return "reload";
  }
  return "";
}

std::string words(const WriteFile& a) {
  if (!a.before && a.after)
    return fmt::format("write the new file {} ({})", shown(a.path), bytes_text(a.after->bytes.size()));
  if (a.before && !a.after)
    return fmt::format("take {} away ({})", shown(a.path), bytes_text(a.before->bytes.size()));
  if (!a.before) return fmt::format("leave {} absent", shown(a.path));
  return fmt::format("write {} ({} → {})", shown(a.path), bytes_text(a.before->bytes.size()),
                     bytes_text(a.after->bytes.size()));
}

std::string words(const MoveFile& a) {
  if (a.from.parent_path() == a.to.parent_path())
    return fmt::format("rename {} to {}", shown(a.from), shown(a.to.filename()));
  return fmt::format("move {} to {}", shown(a.from), shown(a.to));
}

std::string words(const SetAccess& a) {
  auto out = fmt::format("set {}", shown(a.path));
  if (a.before.mode != a.after.mode)
    out += fmt::format(" from mode {:04o} to {:04o}", a.before.mode, a.after.mode);
  if (a.before.uid != a.after.uid || a.before.gid != a.after.gid)
    out += fmt::format(" from owner {}:{} to {}:{}", a.before.uid, a.before.gid, a.after.uid, a.after.gid);
  return out;
}

std::string words(const RemoveFiles& a) {
  std::uint64_t bytes = 0;
  for (const auto& file : a.files) bytes += file.bytes;
  return fmt::format("remove {} {} ({}): {}", a.files.size(), a.files.size() == 1 ? "file" : "files",
                     bytes_text(bytes), printable(a.what));
}

std::string words(const UnitOrder& a) {
  auto whose = a.user.empty() ? std::string() : fmt::format(" of user {}", printable(a.user));
  if (a.verb == UnitOrder::Verb::reload_manager) return fmt::format("reload the units of systemd{}", whose);
  return fmt::format("{} {}{}", text(a.verb), printable(a.unit), whose);
}

std::string words(const RunTool& a) {
  // The directories of program and script say little and hide the rest.
  std::string command;
  for (std::size_t i = 0; i < a.argv.size(); ++i) {
    const auto& word = a.argv[i];
    bool script = i == 1 && (word.ends_with(".js") || word.ends_with(".mjs"));
    if (i > 0) command += ' ';
    command += i == 0 || script ? std::filesystem::path(word).filename().string() : word;
  }
  auto as = a.user.empty() ? std::string() : fmt::format(" as {}", printable(a.user));
  return fmt::format("run{} (at most {}): {}", as, duration_text(a.limit), printable(command.substr(0, 300)));
}

}  // namespace

std::string describe(const Action& action) {
  return std::visit(Overloaded{
                        [](const TrimFile& a) {
                          return fmt::format("cut {} ({}) down to its newest {}", shown(a.path),
                                             bytes_text(a.bytes), bytes_text(a.keep));
                        },
                        [](const EndProcess& a) {
                          return fmt::format("end process {} ({}): SIGTERM, after {} SIGKILL", a.pid,
                                             printable(a.name), duration_text(a.grace));
                        },
                        [](const auto& a) { return words(a); },
                    },
                    action);
}

namespace {

using Actions = Result<std::vector<Action>>;

std::vector<Action> only(Action action) {
  std::vector<Action> list;
  list.push_back(std::move(action));
  return list;
}

std::unexpected<Error> gone_for_ever(const Action& action) {
  return fail(HealCode::cannot_undo, "nothing takes this back: {}", describe(action));
}

Actions back(const UnitOrder& a) {
  auto order = [&a](UnitOrder::Verb verb) { return only(UnitOrder{verb, a.unit, a.user}); };
  switch (a.verb) {
    case UnitOrder::Verb::start:
      return order(UnitOrder::Verb::stop);
    case UnitOrder::Verb::stop:
      return order(UnitOrder::Verb::start);
    case UnitOrder::Verb::enable:
      return order(UnitOrder::Verb::disable);
    case UnitOrder::Verb::disable:
      return order(UnitOrder::Verb::enable);
    case UnitOrder::Verb::reload_manager:
      return only(a);
    case UnitOrder::Verb::reset_failed:
      return std::vector<Action>{};  // a counter: whoever fails again counts again
  }
  return std::vector<Action>{};
}

Actions back(const RunTool& a) {
  std::vector<Action> list;
  for (auto it = a.changed.rbegin(); it != a.changed.rend(); ++it)
    list.push_back(WriteFile{it->path, it->after, it->before});
  if (!a.undo.empty()) {
    auto other = a;
    other.argv = a.undo;
    other.undo = a.argv;
    other.changed.clear();
    list.insert(list.begin(), std::move(other));
  }
  if (list.empty() && a.protects.empty()) return gone_for_ever(a);
  return list;
}

}  // namespace

Result<std::vector<Action>> inverse(const Action& action) {
  return std::visit(
      Overloaded{
          [](const WriteFile& a) -> Actions { return only(WriteFile{a.path, a.after, a.before}); },
          [](const MoveFile& a) -> Actions { return only(MoveFile{a.to, a.from}); },
          [](const SetAccess& a) -> Actions { return only(SetAccess{a.path, a.after, a.before}); },
          [](const UnitOrder& a) { return back(a); },
          [](const RunTool& a) { return back(a); },
          [](const auto& a) -> Actions { return gone_for_ever(a); },
      },
      action);
}

}  // namespace meshops::heal
