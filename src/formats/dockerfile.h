// Dockerfiles as BuildKit reads them: parser directives, continuation lines with comments inside, heredocs,
// flags, JSON and shell forms, stages and the scope of ARG and ENV. Called by audit rules. Pure and total on
// any bytes; what it cannot read is an instruction that nobody knows.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::dockerfile {

struct Place {
  std::size_t line = 1, column = 1;  // both count from 1
};

/// Text put together from pieces of the file, which knows where each byte came from.
class Text {
 public:
  const std::string& str() const { return text_; }
  Place place(std::size_t offset) const;
  void append(std::string_view piece, Place at);
  /// The part from `offset` on.
  Text from(std::size_t offset) const;

 private:
  struct Piece {
    std::size_t offset;
    Place at;
  };
  std::string text_;
  std::vector<Piece> pieces_;
};

struct Heredoc {
  std::string name;
  bool literal = false;  // the name was quoted
  Text body;
};
struct Flag {
  std::string name, value;  // --from=build
  Place at;
};
/// NAME=value of ENV and ARG; an ARG without a default has no value.
struct Setting {
  std::string name;
  std::optional<std::string> value;  // quotes taken off, not expanded
  Place at;                          // of the name
};

struct Instruction {
  std::string name;  // in capitals; of ONBUILD the one behind it
  bool onbuild = false;
  Place at;
  std::vector<Flag> flags;
  Text rest;  // without flags
  /// Of the JSON form; nothing: the shell form.
  std::optional<std::vector<std::string>> argv;
  std::vector<Heredoc> heredocs;  // of RUN, COPY, ADD

  const std::string* flag(std::string_view name) const;
  /// What a shell is given: the shell form, or the bodies of `RUN <<EOF` and `RUN bash <<EOF`.
  std::vector<Text> scripts() const;
  std::vector<Setting> settings() const;
  /// Words with their quotes taken off.
  std::vector<std::string> words() const;
};

using Variables = std::map<std::string, std::optional<std::string>>;
struct Expanded {
  std::string text;
  std::vector<std::string> unset;  // names that have no value
};
/// $A, ${A}, ${A:-b}, ${A-b}, ${A:+b}; what has no value is left out of the text.
Expanded expand(std::string_view text, const Variables& variables);

struct Stage {
  std::size_t from = 0;               // index of its FROM in File::instructions
  std::size_t end = 0;                // one past its last instruction
  std::string written;                // the image as it is written
  Expanded image;                     // with the global ARGs
  std::string name;                   // AS name; empty: none
  std::optional<std::size_t> parent;  // an earlier stage that it starts from
};

struct File {
  char escape = '\\';
  std::vector<Instruction> instructions;
  std::vector<Stage> stages;
  /// ARGs before the first FROM.
  Variables globals;

  static File parse(std::string_view text);
  /// What $NAME means at that instruction of the stage, its parents' ENV included.
  Variables variables(std::size_t stage, std::size_t instruction) const;
  /// The last one of that name that counts for the stage, looked for in its parents too; null if there is
  /// none.
  const Instruction* last(std::size_t stage, std::string_view name) const;
  /// The stage that an AS name or a number means, among those before `before`.
  std::optional<std::size_t> stage_named(std::string_view name, std::size_t before) const;
};

}  // namespace meshops::dockerfile
