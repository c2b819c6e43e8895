#include "audit/ssh_command.h"

#include <fmt/format.h>

#include "base/text.h"
#include "formats/ssh_config.h"

namespace meshops::audit {

namespace {

constexpr std::string_view kOptions = "1246ab:c:e:fgi:kl:m:no:p:qstvxAB:CD:E:F:I:J:KL:MNO:P:Q:R:S:TVw:W:XYy";

struct ShellWord {
  std::string text;
  std::size_t column = 1;
  bool ends_command = false;  // ; | & and the like stand behind it
};

std::vector<ShellWord> shell_words(std::string_view line) {
  std::vector<ShellWord> out;
  for (std::size_t i = 0; i < line.size();) {
    char c = line[i];
    if (c == ' ' || c == '\t' || c == '(' || c == ')' || c == '`' || c == '{' || c == '}') {
      ++i;
      continue;
    }
    if (c == '#') break;
    if (c == ';' || c == '|' || c == '&') {
      if (!out.empty()) out.back().ends_command = true;
      ++i;
      continue;
    }
    ShellWord word{.text = {}, .column = i + 1};
    char quote = 0;
    for (; i < line.size(); ++i) {
      c = line[i];
      if (c == '\\' && quote != '\'' && i + 1 < line.size()) {
        word.text += line[++i];
      } else if (quote != 0) {
        if (c == quote)
          quote = 0;
        else
          word.text += c;
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (std::string_view(" \t;|&()`").find(c) != std::string_view::npos) {
        break;
      } else {
        word.text += c;
      }
    }
    out.push_back(std::move(word));
  }
  return out;
}

/// Parts between ':' that stand outside of [brackets].
std::vector<std::string_view> parts_of(std::string_view text) {
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '[') inside = true;
    if (text[i] == ']') inside = false;
    if (text[i] != ':' || inside) continue;
    out.push_back(text.substr(begin, i - begin));
    begin = i + 1;
  }
  out.push_back(text.substr(begin));
  return out;
}

void read_ssh(const std::vector<ShellWord>& argv, std::size_t at, bool autossh,
              std::vector<OpenForward>& out) {
  std::vector<OpenForward> plain;  // reachable only with -g
  bool gateway = false;
  std::size_t gateway_column = 0;
  int names = 0;
  auto option = [&](char letter, std::string_view value, std::size_t column) {
    auto what = fmt::format("-{} {}", letter, value);
    if (letter == 'g') {
      gateway = true;
      gateway_column = column;
    } else if (letter == 'L' || letter == 'R') {
      if (listens_everywhere(value, 3))
        out.push_back({what, column});
      else if (letter == 'L' && parts_of(value).size() == 3)
        plain.push_back({what, column});
    } else if (letter == 'D') {
      if (listens_everywhere(value, 1))
        out.push_back({what, column});
      else if (parts_of(value).size() == 1)
        plain.push_back({what, column});
    } else if (letter == 'o') {
      auto config = ssh::parse_config(value);
      for (const auto& line : config.lines) {
        if (line.keyword == "gatewayports" && ssh::is_yes(line.value())) {
          gateway = true;
          gateway_column = column;
        }
        bool forward = line.keyword == "localforward" || line.keyword == "remoteforward" ||
                       line.keyword == "dynamicforward";
        if (forward && listens_everywhere(line.value(), 1))
          out.push_back({"-o " + std::string(value), column});
      }
    }
  };
  for (; at < argv.size(); ++at) {
    const auto& word = argv[at];
    if (word.text.size() < 2 || word.text[0] != '-') {
      // The host, and after some more options the command to run there.
      if (++names == 2) break;
    } else if (word.text != "--") {
      for (std::size_t i = 1; i < word.text.size(); ++i) {
        char letter = word.text[i];
        auto known = kOptions.find(letter);
        bool takes = (known != std::string_view::npos && letter != ':' && known + 1 < kOptions.size() &&
                      kOptions[known + 1] == ':') ||
                     (autossh && letter == 'M');
        if (!takes) {
          option(letter, {}, word.column);
          continue;
        }
        if (i + 1 < word.text.size()) {
          option(letter, std::string_view(word.text).substr(i + 1), word.column);
        } else if (!word.ends_command && at + 1 < argv.size()) {
          ++at;
          option(letter, argv[at].text, argv[at].column);
        }
        break;
      }
    }
    if (at < argv.size() && argv[at].ends_command) break;
  }
  if (gateway)
    for (const auto& forward : plain) out.push_back({"-g " + forward.what, gateway_column});
}

void read_words(const std::vector<ShellWord>& argv, std::vector<OpenForward>& out, unsigned depth) {
  for (std::size_t i = 0; i < argv.size(); ++i) {
    auto base = argv[i].text.substr(argv[i].text.rfind('/') + 1);
    if (base == "ssh" || base == "autossh") {
      if (!argv[i].ends_command) read_ssh(argv, i + 1, base == "autossh", out);
      continue;
    }
    // sh -c 'ssh …'
    if (i > 0 && argv[i - 1].text.ends_with('c') && argv[i - 1].text.starts_with('-') && depth < 3) {
      auto inner = shell_words(argv[i].text);
      for (auto& word : inner) word.column = argv[i].column;
      read_words(inner, out, depth + 1);
    }
  }
}

}  // namespace

bool listens_everywhere(std::string_view specification, std::size_t fields) {
  auto parts = parts_of(specification);
  // "bind:port:/socket" has as many parts as "port:host:port".
  bool socket = parts.size() == 3 && parts.back().starts_with('/');
  bool dynamic = fields == 3 && parts.size() == 2 && !parts.back().starts_with('/');
  if (parts.size() <= fields && !socket && !dynamic) return false;
  return parts[0].empty() || parts[0] == "*" || parts[0] == "0.0.0.0" || parts[0] == "[::]" ||
         parts[0] == "[0::0]";
}

std::vector<OpenForward> open_forwards(std::string_view line) {
  std::vector<OpenForward> out;
  if (line.find("ssh") != std::string_view::npos) read_words(shell_words(line), out, 0);
  return out;
}

std::vector<OpenForward> open_forwards(const std::vector<std::string>& argv) {
  std::vector<ShellWord> parts;
  for (const auto& word : argv) parts.push_back({.text = word});
  std::vector<OpenForward> out;
  read_words(parts, out, 0);
  return out;
}

}  // namespace meshops::audit
