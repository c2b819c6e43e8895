// What a command's words mean: the program behind sudo, env and their like, the text of `sh -c`.
#include <algorithm>
#include <array>

#include "formats/shell.h"

namespace meshops::shell {

namespace {

/// A program that runs another one: its options that take a value in a word of their own, and how many words
/// of its own come before the command.
struct Wrapper {
  std::string_view name;
  std::string_view valued;       // short options with a value
  std::string_view valued_long;  // long ones, each with a blank behind it
  int own_words = 0;
};
constexpr std::array<Wrapper, 22> kWrappers = {{
    {"sudo", "CDghpRrTtUu", "--user --group --host --prompt --chdir --chroot --role --type --close-from ", 0},
    {"doas", "Cu", "", 0},
    {"env", "uSC", "--unset --chdir --split-string ", 0},
    {"nice", "n", "--adjustment ", 0},
    {"ionice", "cnpPu", "--class --classdata ", 0},
    {"nohup", "", "", 0},
    {"exec", "a", "", 0},
    {"command", "", "", 0},
    {"builtin", "", "", 0},
    {"time", "fo", "--format --output ", 0},
    {"timeout", "ks", "--kill-after --signal ", 1},
    {"stdbuf", "ioe", "--input --output --error ", 0},
    {"setsid", "", "", 0},
    {"chronic", "", "", 0},
    {"chrt", "TPD", "", 1},
    {"taskset", "", "", 1},
    {"flock", "wE", "--wait --timeout --conflict-exit-code ", 1},
    {"tini", "pe", "", 0},
    {"dumb-init", "r", "--rewrite ", 0},
    {"catatonit", "", "", 0},
    {"gosu", "", "", 1},
    {"su-exec", "", "", 1},
}};

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool is_assignment(std::string_view text) {
  auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) return false;
  return std::ranges::all_of(text.substr(0, equals), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

/// Over the options of a wrapper and what is its own; how many words that are.
std::size_t own_words(const Wrapper& wrapper, std::span<const Word> words) {
  std::size_t i = 1;
  for (; i < words.size(); ++i) {
    std::string_view text = words[i].text;
    if (text == "--") {
      ++i;
      break;
    }
    if (text.size() > 2 && text.starts_with("--")) {
      if (text.find('=') == std::string_view::npos &&
          wrapper.valued_long.find(std::string(text) + " ") != std::string_view::npos)
        ++i;
    } else if (text.size() > 1 && text.starts_with('-')) {
      // "-u root", but "-uroot"; only the last letter of a bundle can have its value in the next word.
      auto at = text.find_first_of(wrapper.valued, 1);
      if (!wrapper.valued.empty() && at != std::string_view::npos && at + 1 == text.size()) ++i;
    } else if (wrapper.name == "env" || wrapper.name == "sudo" || wrapper.name == "doas") {
      if (!is_assignment(text)) break;
    } else {
      break;
    }
  }
  return i + static_cast<std::size_t>(wrapper.own_words);
}

}  // namespace

std::span<const Word> unwrap(const Command& command) {
  std::span<const Word> words = command.words;
  while (!words.empty()) {
    auto name = base_name(words[0].text);
    const auto* wrapper = std::ranges::find(kWrappers, name, &Wrapper::name);
    if (wrapper == kWrappers.end()) return words;
    auto own = own_words(*wrapper, words);
    // Nothing behind it: it is the program itself ("sudo -i", "env", "flock 9"); `command -v x` runs nothing,
    // and `flock FILE -c TEXT` runs a shell.
    if (own >= words.size() || words[own].text.starts_with('-')) return words;
    if (name == "command" && (words[1].text == "-v" || words[1].text == "-V")) return words;
    words = words.subspan(own);
  }
  return words;
}

std::string_view program(const Command& command) {
  auto words = unwrap(command);
  return words.empty() ? std::string_view() : base_name(words[0].text);
}

const Word* inner_text(std::span<const Word> words) {
  if (words.empty()) return nullptr;
  auto name = base_name(words[0].text);
  if (name == "eval") return words.size() == 2 ? &words[1] : nullptr;
  constexpr std::array<std::string_view, 10> kShells = {"sh",  "bash", "dash",    "ash",     "ksh",
                                                        "zsh", "su",   "runuser", "busybox", "flock"};
  if (std::ranges::find(kShells, name) == kShells.end()) return nullptr;
  for (std::size_t i = 1; i + 1 < words.size(); ++i) {
    std::string_view text = words[i].text;
    if (text == "--command") return &words[i + 1];
    if (text.size() > 1 && text[0] == '-' && text[1] != '-' && text.back() == 'c') return &words[i + 1];
    // A script's name: what follows are its own options.
    bool shell = name != "su" && name != "runuser" && name != "busybox" && name != "flock";
    if (shell && !text.starts_with('-') && !text.starts_with('+')) {
      bool value =
          i > 1 && (words[i - 1].text == "-o" || words[i - 1].text == "+o" || words[i - 1].text == "-O");
      if (!value) return nullptr;
    }
  }
  return nullptr;
}

}  // namespace meshops::shell
