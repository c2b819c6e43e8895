#include "cli/self_description.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace meshops::cli {

namespace {

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const auto* option : app.get_options())
    for (const auto& name : option->get_lnames()) flags.push_back("--" + name);
  return flags;
}

std::string names_of(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const auto& n : option.get_snames()) names.push_back("-" + n);
  for (const auto& n : option.get_lnames()) names.push_back("--" + n);
  auto text = names.empty() ? std::string() : join(names, ", ");
  if (option.get_items_expected_max() > 0) {
    auto type = option.get_type_name();
    if (auto colon = type.find(':'); colon != std::string::npos) type = type.substr(0, colon);
    text += (text.empty() ? "" : " ") + (type.empty() ? "VALUE" : type);
  }
  return text;
}

std::string usage_of(const CLI::App& app, const std::string& path) {
  std::string usage = path;
  if (!commands_of(app).empty()) usage += " COMMAND";
  for (const auto* option : app.get_options())
    if (option->get_positional()) {
      auto name = names_of(*option);
      usage += option->get_required() ? " " + name : " [" + name + "]";
    }
  return usage + " [OPTIONS]";
}

/// Calls for the app and every command below it, with its path "meshops config check".
template <class Call>
void walk(const CLI::App& app, const std::string& path, Call&& call) {
  call(app, path);
  for (const auto* sub : commands_of(app)) walk(*sub, path + " " + sub->get_name(), call);
}

std::string roff(std::string_view text) {
  std::string out;
  bool line_start = true;
  for (char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') out += '\\';
    if (c == '-') out += '\\';
    out += c;
    line_start = c == '\n';
  }
  return out;
}

std::string bash(const CLI::App& app) {
  std::string cases;
  walk(app, "meshops", [&](const CLI::App& command, const std::string& path) {
    std::vector<std::string> offered;
    for (const auto* sub : commands_of(command)) offered.push_back(sub->get_name());
    auto flags = flags_of(command);
    offered.insert(offered.end(), flags.begin(), flags.end());
    for (const auto* global : {"--config", "--socket", "--format"}) offered.emplace_back(global);
    cases += fmt::format("    '{}') words='{}' ;;\n", path, join(offered, " "));
  });
  return fmt::format(R"(# bash completion of meshops
_meshops() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} path=meshops words= word
  case $previous in
    --config) COMPREPLY=($(compgen -f -- "$current")); return ;;
    --format) COMPREPLY=($(compgen -W 'text json' -- "$current")); return ;;
    start|stop|restart|logs)
      words=$(meshops status --format json 2>/dev/null | grep -o '"name": "[^"]*"' | cut -d'"' -f4)
      COMPREPLY=($(compgen -W "$words" -- "$current")); return ;;
  esac
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case $word in -*) ;; *) path="$path $word" ;; esac
  done
  case $path in
{}  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -F _meshops meshops
)",
                     cases);
}

std::string zsh(const CLI::App& app) {
  return "#compdef meshops\nautoload -U +X bashcompinit && bashcompinit\n" + bash(app);
}

/// Between single quotes fish knows \\ and \'.
std::string fish_text(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\\' || c == '\'') out += '\\';
    out += c;
  }
  return out;
}

std::string fish(const CLI::App& app) {
  std::string out = "# fish completion of meshops\ncomplete -c meshops -f\n";
  walk(app, "", [&](const CLI::App& command, const std::string& path) {
    auto parts = words(path);
    std::string condition = "__fish_use_subcommand";
    if (!parts.empty()) condition = fmt::format("__fish_seen_subcommand_from {}", parts.back());
    for (const auto* sub : commands_of(command))
      out += fmt::format("complete -c meshops -n '{}' -a {} -d '{}'\n", condition, sub->get_name(),
                         fish_text(sub->get_description()));
    for (const auto* option : command.get_options())
      for (const auto& name : option->get_lnames())
        out += fmt::format("complete -c meshops{} -l {} -d '{}'\n",
                           parts.empty() ? "" : fmt::format(" -n '{}'", condition), name,
                           fish_text(option->get_description()));
  });
  return out;
}

std::string page(const CLI::App& command, const std::string& path) {
  auto title = path;
  std::ranges::replace(title, ' ', '-');
  auto out = fmt::format(".TH \"{}\" 1 \"\" \"meshops {}\" \"meshops manual\"\n.SH NAME\n{} \\- {}\n",
                         roff(title), MESHOPS_VERSION, roff(title), roff(command.get_description()));
  out += fmt::format(".SH SYNOPSIS\n.B {}\n", roff(usage_of(command, path)));
  if (auto subs = commands_of(command); !subs.empty()) {
    out += ".SH COMMANDS\n";
    for (const auto* sub : subs)
      out += fmt::format(".TP\n.B {}\n{}\n", roff(sub->get_name()), roff(sub->get_description()));
  }
  out += ".SH OPTIONS\n";
  for (const auto* option : command.get_options())
    out += fmt::format(".TP\n.B {}\n{}\n", roff(names_of(*option)), roff(option->get_description()));
  if (!command.get_footer().empty())
    out += fmt::format(".SH NOTES\n.nf\n{}\n.fi\n", roff(command.get_footer()));
  return out;
}

}  // namespace

std::string completion_script(const CLI::App& app, const std::string& shell) {
  if (shell == "zsh") return zsh(app);
  if (shell == "fish") return fish(app);
  return bash(app);
}

std::map<std::string, std::string> manual_pages(const CLI::App& app) {
  std::map<std::string, std::string> pages;
  walk(app, "meshops", [&](const CLI::App& command, const std::string& path) {
    auto name = path;
    std::ranges::replace(name, ' ', '-');
    pages[name + ".1"] = page(command, path);
  });
  return pages;
}

std::string commands_guide(const CLI::App& app) {
  std::string out =
      "# Commands\n\nGenerated from the program's own parser (`meshops man DIR`); the same words as "
      "`--help`.\n";
  walk(app, "meshops", [&](const CLI::App& command, const std::string& path) {
    out += fmt::format("\n## {}\n\n{}.\n\n```\n{}\n```\n", path, command.get_description(),
                       usage_of(command, path));
    std::string rows;
    for (const auto* option : command.get_options())
      rows += fmt::format("| `{}` | {} |\n", names_of(*option), option->get_description());
    if (!rows.empty()) out += "\n| option | meaning |\n|---|---|\n" + rows;
    if (!command.get_footer().empty()) out += fmt::format("\n```\n{}\n```\n", command.get_footer());
  });
  return out;
}

}  // namespace meshops::cli
