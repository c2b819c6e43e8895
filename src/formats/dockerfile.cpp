#include "formats/dockerfile.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "formats/shell.h"

namespace meshops::dockerfile {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
std::string upper(std::string_view text) {
  std::string out(text);
  for (auto& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

struct RawWord {
  std::string text;
  std::size_t offset = 0;
};
/// Words of an instruction: quotes off, backslashes as the word splitter of Dockerfiles has them.
std::vector<RawWord> split_words(std::string_view text) {
  std::vector<RawWord> out;
  for (std::size_t i = 0; i < text.size();) {
    if (is_blank(text[i])) {
      ++i;
      continue;
    }
    RawWord word{.text = "", .offset = i};
    char quote = '\0';
    for (; i < text.size(); ++i) {
      char c = text[i];
      if (quote == '\0' && is_blank(c)) break;
      if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
        // "\$" stays as it is: no expansion.
        if (text[i + 1] == '$') word.text += '\\';
        word.text += text[++i];
      } else if (quote == '\0' && (c == '"' || c == '\'')) {
        quote = c;
      } else if (c == quote) {
        quote = '\0';
      } else {
        word.text += c;
      }
    }
    out.push_back(std::move(word));
  }
  return out;
}

std::optional<std::vector<std::string>> json_form(std::string_view text) {
  if (!trim(text).starts_with('[')) return std::nullopt;
  auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_array()) return std::nullopt;
  std::vector<std::string> out;
  for (const auto& item : json) {
    if (!item.is_string()) return std::nullopt;
    out.push_back(item.get<std::string>());
  }
  return out;
}

class Reader {
 public:
  Reader(std::string_view text, File& out) : out_(out) {
    lines_ = split(text, '\n');
    for (auto& line : lines_)
      if (line.ends_with('\r')) line.remove_suffix(1);
    if (!lines_.empty() && lines_[0].starts_with("\xEF\xBB\xBF")) lines_[0].remove_prefix(3);
  }

  void read() {
    directives();
    while (at_ < lines_.size()) {
      auto line = trim(lines_[at_]);
      if (line.empty() || line.starts_with('#'))
        ++at_;
      else
        instruction();
    }
  }

 private:
  void directives() {
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      auto line = trim(lines_[i]);
      if (!line.starts_with('#')) return;
      auto equals = line.find('=');
      if (equals == std::string_view::npos) return;
      auto key = lower(trim(line.substr(1, equals - 1)));
      auto value = trim(line.substr(equals + 1));
      if (key == "escape" && (value == "`" || value == "\\"))
        out_.escape = value[0];
      else if (key != "syntax" && key != "check")
        return;
    }
  }

  /// Without the escape at its end; nothing if there is none.
  std::optional<std::string_view> continued(std::string_view line) const {
    auto end = line.find_last_not_of(" \t");
    if (end == std::string_view::npos || line[end] != out_.escape) return std::nullopt;
    return line.substr(0, end);
  }

  void instruction() {
    Text whole;
    for (bool first = true; at_ < lines_.size(); ++at_, first = false) {
      auto line = lines_[at_];
      auto bare = trim(line);
      // Comments and empty lines inside an instruction are not there.
      if (!first && (bare.empty() || bare.starts_with('#'))) continue;
      auto cut = continued(line);
      auto piece = cut.value_or(line);
      auto skipped = first ? std::min(piece.find_first_not_of(" \t"), piece.size()) : 0;
      whole.append(piece.substr(skipped), {at_ + 1, skipped + 1});
      if (!cut) {
        ++at_;
        break;
      }
    }
    Instruction out;
    take(whole, out);
    heredocs(out);
    out_.instructions.push_back(std::move(out));
  }

  void take(const Text& whole, Instruction& out) {
    const auto& text = whole.str();
    auto end = std::min(text.find_first_of(" \t"), text.size());
    if (out.name.empty()) out.at = whole.place(0);
    out.name = upper(std::string_view(text).substr(0, end));
    auto next = std::min(text.find_first_not_of(" \t", end), text.size());
    if (out.name == "ONBUILD" && !out.onbuild) {
      out.onbuild = true;
      return take(whole.from(next), out);
    }
    while (std::string_view(text).substr(next).starts_with("--")) {
      auto stop = std::min(text.find_first_of(" \t", next), text.size());
      auto flag = std::string_view(text).substr(next + 2, stop - next - 2);
      if (flag.empty()) break;
      auto equals = flag.find('=');
      out.flags.push_back(
          {.name = std::string(flag.substr(0, equals)),
           .value = equals == std::string_view::npos ? "" : std::string(flag.substr(equals + 1)),
           .at = whole.place(next)});
      next = std::min(text.find_first_not_of(" \t", stop), text.size());
    }
    out.rest = whole.from(next);
    constexpr std::array<std::string_view, 8> kForms = {"RUN", "CMD",   "ENTRYPOINT", "COPY",
                                                        "ADD", "SHELL", "VOLUME",     "HEALTHCHECK"};
    if (std::ranges::find(kForms, out.name) != kForms.end()) out.argv = json_form(out.rest.str());
  }

  void heredocs(Instruction& out) {
    if ((out.name != "RUN" && out.name != "COPY" && out.name != "ADD") || out.argv) return;
    const auto& text = out.rest.str();
    if (text.find("<<") == std::string::npos) return;
    struct Announced {
      std::string name;
      bool literal, strips;
    };
    std::vector<Announced> announced;
    for (const auto& command : shell::commands(text))
      for (const auto& r : command.redirections)
        if (r.heredoc && !r.target.text.empty() && !command.nested_shell)
          announced.push_back({r.target.text, r.target.quoted, r.op == "<<-"});
    for (const auto& doc : announced) {
      Heredoc body{.name = doc.name, .literal = doc.literal, .body = {}};
      while (at_ < lines_.size()) {
        auto line = lines_[at_];
        auto bare = line;
        if (doc.strips) bare.remove_prefix(std::min(bare.find_first_not_of('\t'), bare.size()));
        ++at_;
        if (bare == doc.name) break;
        body.body.append(line, {at_, 1});
        body.body.append("\n", {at_, line.size() + 1});
      }
      out.heredocs.push_back(std::move(body));
    }
  }

  File& out_;
  std::vector<std::string_view> lines_;
  std::size_t at_ = 0;
};

}  // namespace

Place Text::place(std::size_t offset) const {
  if (pieces_.empty()) return {};
  auto after = std::ranges::upper_bound(pieces_, offset, {}, &Piece::offset);
  const auto& piece = after == pieces_.begin() ? pieces_.front() : *(after - 1);
  return {piece.at.line, piece.at.column + (offset - std::min(offset, piece.offset))};
}

void Text::append(std::string_view piece, Place at) {
  pieces_.push_back({text_.size(), at});
  text_ += piece;
}

Text Text::from(std::size_t offset) const {
  Text out;
  offset = std::min(offset, text_.size());
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    auto begin = std::max(pieces_[i].offset, offset);
    auto end = i + 1 < pieces_.size() ? pieces_[i + 1].offset : text_.size();
    if (end > begin || (i + 1 == pieces_.size() && out.pieces_.empty()))
      out.append(std::string_view(text_).substr(begin, end - begin), place(begin));
  }
  return out;
}

const std::string* Instruction::flag(std::string_view wanted) const {
  auto found = std::ranges::find(flags, wanted, &Flag::name);
  return found == flags.end() ? nullptr : &found->value;
}

std::vector<Text> Instruction::scripts() const {
  if (argv) {
    // ["sh", "-c", "…"]: the text itself; where in the line it stands does not matter much.
    Text inner;
    for (std::size_t i = 1; i < argv->size(); ++i)
      if ((*argv)[i - 1].starts_with('-') && (*argv)[i - 1].ends_with('c') && !argv->front().starts_with('-'))
        inner.append((*argv)[i], rest.place(0));
    if (!inner.str().empty()) return {inner};
    std::string line;
    for (const auto& word : *argv) line += (line.empty() ? "" : " ") + word;
    inner.append(line, rest.place(0));
    return {inner};
  }
  std::vector<Text> out;
  auto commands = shell::commands(rest.str());
  bool only = commands.size() == 1 && commands[0].words.empty() && !heredocs.empty();
  constexpr std::array<std::string_view, 5> kShells = {"sh", "bash", "ash", "dash", "zsh"};
  bool shell = commands.size() == 1 && !heredocs.empty() &&
               std::ranges::find(kShells, shell::program(commands[0])) != kShells.end();
  if (!only) out.push_back(rest);
  if ((only || shell) && name == "RUN") {
    // A first line "#!/usr/bin/python3" makes it no shell text.
    const auto& body = heredocs[0].body;
    auto first = std::string_view(body.str()).substr(0, body.str().find('\n'));
    if (!first.starts_with("#!") || first.find("sh") != std::string_view::npos) out.push_back(body);
  }
  return out;
}

std::vector<std::string> Instruction::words() const {
  std::vector<std::string> out;
  for (auto& word : split_words(rest.str())) out.push_back(std::move(word.text));
  return out;
}

std::vector<Setting> Instruction::settings() const {
  std::vector<Setting> out;
  if (name != "ENV" && name != "ARG" && name != "LABEL") return out;
  auto words = split_words(rest.str());
  // "ENV NAME the rest of the line"
  if (name != "ARG" && !words.empty() && words[0].text.find('=') == std::string::npos) {
    if (words.size() < 2) return out;
    out.push_back({.name = words[0].text,
                   .value = std::string(trim(std::string_view(rest.str()).substr(words[1].offset))),
                   .at = rest.place(words[0].offset)});
    return out;
  }
  for (const auto& word : words) {
    auto equals = word.text.find('=');
    Setting setting{
        .name = word.text.substr(0, equals), .value = std::nullopt, .at = rest.place(word.offset)};
    if (equals != std::string::npos) setting.value = word.text.substr(equals + 1);
    if (!setting.name.empty()) out.push_back(std::move(setting));
  }
  return out;
}

namespace {

Expanded expand_at(std::string_view text, const Variables& variables, int depth) {
  Expanded out;
  auto value_of = [&](const std::string& name) -> std::optional<std::string> {
    auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : found->second;
  };
  for (std::size_t i = 0; i < text.size();) {
    char c = text[i];
    if (c == '\\' && i + 1 < text.size() && text[i + 1] == '$') {
      out.text += '$';
      i += 2;
      continue;
    }
    if (c != '$' || i + 1 >= text.size()) {
      out.text += c;
      ++i;
      continue;
    }
    if (text[i + 1] != '{') {
      auto end = i + 1;
      while (end < text.size() && is_name(text[end])) ++end;
      if (end == i + 1) {
        out.text += c;
        ++i;
        continue;
      }
      std::string name(text.substr(i + 1, end - i - 1));
      auto value = value_of(name);
      if (value)
        out.text += *value;
      else
        out.unset.push_back(name);
      i = end;
      continue;
    }
    std::size_t level = 1, end = i + 2;
    while (end < text.size() && level > 0) {
      if (text[end] == '{') ++level;
      if (text[end] == '}') --level;
      ++end;
    }
    if (level > 0) {
      out.text += text.substr(i);
      break;
    }
    auto inner = text.substr(i + 2, end - i - 3);
    std::size_t stop = 0;
    while (stop < inner.size() && is_name(inner[stop])) ++stop;
    std::string name(inner.substr(0, stop));
    auto rest = inner.substr(stop);
    bool colon = rest.starts_with(':');
    if (colon) rest.remove_prefix(1);
    char op = rest.empty() ? '\0' : rest[0];
    if (!rest.empty()) rest.remove_prefix(1);
    auto value = value_of(name);
    bool set = value && !(colon && value->empty());
    if ((op == '-' && !set) || (op == '+' && set)) {
      if (depth < 8) {
        auto more = expand_at(rest, variables, depth + 1);
        out.text += more.text;
        out.unset.insert(out.unset.end(), more.unset.begin(), more.unset.end());
      }
    } else if (op == '+') {
    } else if (value) {
      out.text += *value;
    } else {
      out.unset.push_back(name);
    }
    i = end;
  }
  return out;
}

}  // namespace

Expanded expand(std::string_view text, const Variables& variables) { return expand_at(text, variables, 0); }

std::optional<std::size_t> File::stage_named(std::string_view name, std::size_t before) const {
  for (std::size_t i = std::min(before, stages.size()); i-- > 0;)
    if (!stages[i].name.empty() && lower(stages[i].name) == lower(name)) return i;
  auto number = to_number<std::size_t>(name);
  return number && *number < std::min(before, stages.size()) ? number : std::nullopt;
}

File File::parse(std::string_view text) {
  File file;
  Reader(text, file).read();
  for (std::size_t i = 0; i < file.instructions.size(); ++i) {
    const auto& instruction = file.instructions[i];
    if (instruction.onbuild) continue;
    if (instruction.name == "ARG" && file.stages.empty()) {
      for (const auto& s : instruction.settings()) {
        auto value = s.value;
        if (value) value = expand(*value, file.globals).text;
        file.globals[s.name] = value;
      }
    }
    if (instruction.name != "FROM") continue;
    if (!file.stages.empty()) file.stages.back().end = i;
    auto words = instruction.words();
    Stage stage{.from = i, .end = file.instructions.size()};
    if (!words.empty()) stage.written = words[0];
    stage.image = expand(stage.written, file.globals);
    if (words.size() >= 3 && lower(words[1]) == "as") stage.name = words[2];
    for (std::size_t s = file.stages.size(); s-- > 0;)
      if (!file.stages[s].name.empty() && lower(file.stages[s].name) == lower(stage.image.text)) {
        stage.parent = s;
        break;
      }
    file.stages.push_back(std::move(stage));
  }
  return file;
}

Variables File::variables(std::size_t stage, std::size_t instruction) const {
  Variables out;
  std::vector<std::size_t> chain = {stage};
  while (stages[chain.back()].parent) chain.push_back(*stages[chain.back()].parent);
  for (auto i = chain.size(); i-- > 0;) {
    const auto& s = stages[chain[i]];
    bool own = i == 0;
    for (auto at = s.from + 1; at < (own ? std::min(instruction, s.end) : s.end); ++at) {
      const auto& here = instructions[at];
      if (here.onbuild || (here.name != "ENV" && !(here.name == "ARG"))) continue;
      for (const auto& setting : here.settings()) {
        if (setting.value) {
          out[setting.name] = expand(*setting.value, out).text;
        } else if (auto global = globals.find(setting.name); global != globals.end() && global->second) {
          out[setting.name] = global->second;
        } else {
          out.try_emplace(setting.name, std::nullopt);
        }
      }
    }
  }
  return out;
}

const Instruction* File::last(std::size_t stage, std::string_view name) const {
  std::optional<std::size_t> at = stage;
  while (at) {
    const auto& s = stages[*at];
    for (auto i = s.end; i-- > s.from;)
      if (instructions[i].name == name && !instructions[i].onbuild) return &instructions[i];
    at = s.parent;
  }
  return nullptr;
}

}  // namespace meshops::dockerfile
