// The reader behind shell::parse(): characters to words (shell_lexer.cpp), words to commands (shell.cpp).
// Only those two include it.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/shell.h"

namespace meshops::shell::detail {

inline bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
inline bool is_meta(char c) {
  return is_blank(c) || c == '\n' || c == ';' || c == '&' || c == '|' || c == '<' || c == '>' || c == '(' ||
         c == ')';
}
inline bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
inline bool is_name_part(char c) { return is_name_start(c) || (c >= '0' && c <= '9'); }
inline bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// Lines and columns of byte offsets.
class Lines {
 public:
  explicit Lines(std::string_view text) {
    starts_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i)
      if (text[i] == '\n') starts_.push_back(i + 1);
  }
  void place(std::size_t offset, std::size_t& line, std::size_t& column) const {
    auto after = std::ranges::upper_bound(starts_, offset);
    line = static_cast<std::size_t>(after - starts_.begin());
    column = offset - *(after - 1) + 1;
  }

 private:
  std::vector<std::size_t> starts_;
};

/// What is open around a command.
struct Scope {
  enum class Kind { loop, condition, cases, subshell, group };
  Kind kind = Kind::group;
  std::size_t loop = kNoLoop;  // of a loop
  bool in_condition = false;   // of a loop: before its `do`
  bool at_pattern = false;     // of a case: a pattern comes next
  std::string outer_function;  // of a function's body: what was before
  bool is_function = false;
};

struct Frame {
  std::vector<Scope> scopes;
  std::size_t outer_loop = kNoLoop;
  unsigned outer_loop_depth = 0;
  bool outer_condition = false;
  bool conditional = false;
  bool substituted = false;
  unsigned depth = 0;
  std::string function;
};

/// The innermost loop, and how deep.
struct InLoop {
  std::size_t loop;
  unsigned depth;
  bool condition;
};

class Parser {
 public:
  Parser(std::string_view text, Script& out) : text_(text), lines_(text), out_(out) {}

  void all();

 private:
  bool more() const { return at_ < text_.size(); }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool looking_at(std::string_view what) const { return text_.substr(at_).starts_with(what); }

  // --- blanks, comments, ends of lines ---

  void skip_blanks();

  /// Over the newline, and over the bodies of the heredocs that were announced before it.
  void newline();

  // --- words ---

  /// Over a $( ) or <( ) whose '(' is at at_: its commands are ours, its text the word's.
  void substitution(const Frame& outer);

  Frame inside(const Frame& outer) const;

  /// Over everything up to the bracket that closes one that is already behind us.
  void balanced(char open, char close);

  void backticks(const Frame& outer);

  /// The commands of a text that is given to another shell; `exact`: its bytes are those from `begin` on.
  void nested(std::string_view inner, std::size_t begin, bool exact, const Frame& frame, bool shell);

  /// At a '$': an expansion, put into the word as it is written.
  void dollar(Word& word, const Frame& frame, bool in_quotes);

  void ansi_quotes(Word& word);

  void double_quotes(Word& word, const Frame& frame);

  /// A word that begins at at_, which is no meta character. `plain`: how much of its text stands
  /// before the first quote or expansion.
  Word word(const Frame& frame, std::size_t& plain);
  static bool is_extended_glob(char c) { return c == '?' || c == '*' || c == '+' || c == '@' || c == '!'; }

  // --- commands ---

  static InLoop loop_of(const Frame& frame);
  static bool is_conditional(const Frame& frame);

  void open(Command& command, const Frame& frame);

  void close(Command& command, Join join, const Frame& frame);

  /// Deeper nesting is not told apart: each command asks what is open around it.
  static void push(Frame& frame, Scope scope);
  void push_loop(Frame& frame, Loop::Kind kind, const Word& at);
  static void pop(Frame& frame, Scope::Kind kind);

  /// The words of `for NAME in …` up to its `do`, which stays.
  void for_header(const Frame& frame);

  /// `case WORD in`.
  void case_header(Frame& frame);

  /// Patterns of a case up to their ')', or the `esac`.
  void patterns(Frame& frame);

  /// Handles a reserved word at the start of a command; true if it was one.
  bool reserved(Frame& frame, const Word& w, Command& command);

  /// The '{' or '(' of a function's body, if it comes next.
  void begin_body(Frame& frame);

  /// `[[ … ]]`, in which < > && || ( ) are words.
  void bracket_test(Command& command, const Frame& frame);

  void redirection(Command& command, const Frame& frame, std::optional<int> fd);

  Word process_substitution(const Frame& frame);

  static std::optional<std::pair<std::string, std::size_t>> assignment(const Word& w, std::size_t plain);

  /// A list of commands up to a ')' that is not its own (kept), or the end.
  void list(Frame& frame);

  /// At "( )" behind a word: over it.
  bool is_function_head();

  void simple_word(Command& command, Frame& frame);

  /// Of all texts for other shells together, which are read twice.
  static constexpr std::size_t kNestedLimit = 1U << 20;
  static constexpr std::size_t kScopeLimit = 200;

  std::string_view text_;
  Lines lines_;
  Script& out_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::size_t nested_bytes_ = 0;
  std::vector<std::size_t> pending_;  // heredocs whose bodies come behind the next newline
  std::vector<bool> strips_;          // of each heredoc: <<-
  std::string pending_function_;
};

}  // namespace meshops::shell::detail
