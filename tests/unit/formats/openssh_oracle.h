// Configurations as people write them, made from a seed, and what OpenSSH itself says of them. For the tests
// that compare our readers with `ssh -G` and `sshd -T`; nothing in here knows how OpenSSH reads a file.
#pragma once

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "formats/ssh_config.h"
#include "unit/oracle.h"

namespace meshops::ssh::oracle {

using namespace meshops::oracle;

/// One value: its words, and how OpenSSH prints it where that is not how it is written.
struct Value {
  std::vector<std::string> args;
  std::string printed = {};
  std::string written() const { return join(args, " "); }
  std::string shown() const { return printed.empty() ? written() : printed; }
};
struct Keyword {
  std::vector<std::string> spellings;  // the first is the one of today
  std::vector<Value> values;
  bool adds_up = false;
  bool global = false;  // sshd has it outside of Match only
  bool raw = false;     // the rest of the line counts as it stands

  std::string name() const { return lower(spellings.front()); }
  /// As OpenSSH prints what our reader says; the same where no value of ours is meant.
  std::string shown(const std::string& written) const {
    for (const auto& value : values)
      if (value.written() == written) return value.shown();
    return written;
  }
};

/// One word, in quotes or not.
inline std::string quoted(Chance& chance, const std::string& word) {
  bool blank = word.find(' ') != std::string::npos;
  switch (chance.below(blank ? 4 : 9)) {
    case 0:
      return "\"" + word + "\"";
    case 1:
      return "'" + word + "'";
    case 2: {  // a quote may open in the middle
      auto cut = word.size() / 2;
      return word.substr(0, cut) + "\"" + word.substr(cut) + "\"";
    }
    case 3: {
      std::string out;
      for (char c : word) out += c == ' ' ? std::string("\\ ") : std::string(1, c);
      return out;
    }
    default:
      return word;
  }
}

inline std::string in_some_case(Chance& chance, std::string word) {
  auto way = chance.below(4);
  if (way == 0) return lower(word);
  if (way == 1)
    for (auto& c : word) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return word;
}

/// A keyword and what follows it, with blanks, "=" and comments as they come.
inline std::string line_of(Chance& chance, const std::string& keyword, const std::string& rest,
                           bool comment = true) {
  static const std::vector<std::string> kIndents = {"", "", "  ", "\t", "    "};
  static const std::vector<std::string> kBetween = {" ", " ", " ", "\t", "   ", "=", " = ", "= ", " ="};
  static const std::vector<std::string> kEnds = {"", "", "", "", " ", "\t ", "\r", "\f", " # it's", "\t#\"x"};
  auto end = chance.of(kEnds);
  if (!comment && end.find('#') != std::string::npos) end.clear();
  auto word = in_some_case(chance, keyword);
  auto between = chance.of(kBetween);
  // After a quoted keyword "=" would be part of the value.
  if (between.find('=') == std::string::npos && chance.one_in(20)) word = "\"" + word + "\"";
  return chance.of(kIndents) + word + between + rest + end + "\n";
}

inline std::string setting(Chance& chance, const Keyword& keyword) {
  const auto& value = chance.of(keyword.values);
  std::string rest;
  for (const auto& word : value.args)
    rest += (rest.empty() ? "" : chance.one_in(4) ? "  " : " ") + (keyword.raw ? word : quoted(chance, word));
  return line_of(chance, chance.of(keyword.spellings), rest, !keyword.raw);
}

/// "a,!b" for Match, whose words know double quotes only.
inline std::string pattern_list(Chance& chance, const std::vector<std::string>& patterns) {
  std::string out;
  for (auto n = 1 + chance.below(3); n > 0; --n)
    out += (out.empty() ? "" : ",") + std::string(chance.one_in(4) ? "!" : "") + chance.of(patterns);
  return chance.one_in(5) ? "\"" + out + "\"" : out;
}

inline std::string noise(Chance& chance) {
  static const std::vector<std::string> kNoise = {"\n", "   \n", "# Host *\n", "\t# Match all\n", "\r\n"};
  return chance.one_in(5) ? chance.of(kNoise) : std::string();
}

/// Gives the reader the files that a pattern names, as glob(3) finds them for OpenSSH.
class Tree {
 public:
  Include include() {
    return [this](std::string_view pattern) {
      std::vector<const Config*> out;
      glob_t found{};
      if (::glob(std::string(pattern).c_str(), GLOB_TILDE, nullptr, &found) == 0)
        for (std::size_t i = 0; i < found.gl_pathc; ++i) out.push_back(read(found.gl_pathv[i]));
      ::globfree(&found);
      return out;
    };
  }
  const Config* read(const std::string& path) {
    auto& kept = files_[path];
    if (!kept) kept = std::make_unique<Config>(parse_config(contents(path), path));
    return kept.get();
  }

 private:
  std::map<std::string, std::unique_ptr<Config>> files_;
};

/// "keyword value" by keyword, in the order printed.
using Printed = std::map<std::string, std::vector<std::string>>;
inline Printed printed(const std::string& output) {
  Printed out;
  for (auto line : split(output, '\n')) {
    auto blank = line.find(' ');
    if (line.empty() || blank == std::string_view::npos) continue;
    out[std::string(line.substr(0, blank))].emplace_back(trim(line.substr(blank + 1)));
  }
  return out;
}
inline std::string printed_of(const Printed& all, const std::string& keyword) {
  auto found = all.find(keyword);
  return found == all.end() ? std::string() : join(found->second, "\n");
}

/// "+a,b", "-a*" and "^a" put together with the defaults.
inline std::string algorithms(const std::string& value, const std::string& defaults) {
  if (value.empty() || std::string_view("+-^").find(value[0]) == std::string_view::npos) return value;
  auto named = std::string_view(value).substr(1);
  std::vector<std::string> kept, given;
  for (auto name : split(named, ',')) given.emplace_back(name);
  for (auto name : split(defaults, ','))
    if (value[0] == '+' || match_list(name, named) == 0) kept.emplace_back(name);
  if (value[0] == '-') return join(kept, ",");
  auto& first = value[0] == '^' ? given : kept;
  for (const auto& name : value[0] == '^' ? kept : given)
    if (std::ranges::find(first, name) == first.end()) first.push_back(name);
  return join(first, ",");
}

/// Where reader and program differ: how often for each keyword, and the shortest configuration that shows it.
class Differences {
 public:
  void compare(const std::string& keyword, const std::string& ours, const std::string& theirs,
               const std::string& about, const std::filesystem::path& configuration) {
    if (ours == theirs) return;
    ++counts_[keyword];
    auto files =
        shell("cd '" + configuration.string() + "' && grep -n . config $(ls | grep ^in | sed 's/ .*/*/')");
    auto told = fmt::format("{}: {} is\n{}\nhere, and there\n{}\n{}", about, keyword, ours, theirs, files);
    if (shortest_.empty() || told.size() < shortest_.size()) shortest_ = std::move(told);
  }
  std::string text() const {
    std::string out;
    for (const auto& [keyword, count] : counts_) out += fmt::format("{} times {}\n", count, keyword);
    return out + shortest_;
  }

 private:
  std::map<std::string, int> counts_;
  std::string shortest_;
};

}  // namespace meshops::ssh::oracle
