// POSIX and bash shell text as its simple commands, with positions: what would be run, in which loop, joined
// how. Called by rules that read scripts, crontabs, Dockerfiles, units and aliases. Pure and total on any
// bytes; never runs or expands anything.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::shell {

/// Deeper $( ) and sh -c '…' are not looked into: a hostile text cannot use up the stack.
constexpr std::size_t kDepthLimit = 32;
constexpr std::size_t kNoLoop = static_cast<std::size_t>(-1);

/// One word. `text` has no quotes and no escapes; expansions stand in it as they are written ("$HOME",
/// "${A:-b}", "$(date)").
struct Word {
  std::string text;
  bool expands = false;  // an expansion outside single quotes: the real text is known only when it runs
  bool quoted = false;   // a part of it stood in quotes or behind a backslash
  std::size_t offset = 0, end = 0;  // bytes of the source, quotes included
  std::size_t line = 1, column = 1;
};

struct Assignment {
  std::string name;  // of NAME=value, NAME+=value, NAME[i]=value
  bool appends = false;
  Word value;  // of an array: "(a b)" as it is written
};

struct Heredoc {
  std::string delimiter;
  std::string body;                  // as written; of <<- too
  bool literal = false;              // the delimiter was quoted: nothing is expanded
  std::size_t offset = 0, line = 1;  // of the body's first byte
};

struct Redirection {
  std::string op;         // ">", ">>", "<", "<<", "<<-", "<<<", ">&", "&>", …
  std::optional<int> fd;  // of "2>"
  Word target;
  std::optional<std::size_t> heredoc;  // in Script::heredocs
};

/// What stands behind a command.
enum class Join { end, newline, semicolon, and_then, or_else, pipe, background };

struct Loop {
  enum class Kind { while_loop, until_loop, for_loop, select_loop };
  Kind kind = Kind::while_loop;
  std::size_t parent = kNoLoop;  // in Script::loops
  std::size_t offset = 0, line = 1, column = 1;
};

/// A simple command; a bare assignment or redirection has no words.
struct Command {
  std::vector<Assignment> assignments;
  std::vector<Word> words;
  std::vector<Redirection> redirections;
  Join join = Join::end;
  std::size_t offset = 0, end = 0;
  std::size_t line = 1, column = 1;
  std::size_t loop = kNoLoop;   // the innermost one, in Script::loops
  unsigned loop_depth = 0;      // how many loops it is in
  bool loop_condition = false;  // between `while` or `until` and the `do` of that loop
  bool conditional = false;     // below an if or a case
  bool negated = false;         // after `!`
  unsigned depth = 0;           // of subshells, groups, function bodies and substitutions
  bool substituted = false;     // inside $( ), ` ` or <( ): its output becomes text
  bool nested_shell = false;    // of the text that `sh -c '…'` or `eval '…'` is given
  std::string function;         // whose body it stands in; empty: none
};

struct Comment {
  std::string text;  // from the '#' on
  std::size_t offset = 0, line = 1, column = 1;
};

/// Commands in the order of the text; those of substitutions and of `sh -c '…'` right behind theirs.
struct Script {
  std::vector<Command> commands;
  std::vector<Loop> loops;
  std::vector<Heredoc> heredocs;
  std::vector<Comment> comments;
};
Script parse(std::string_view text);
/// parse().commands, for whoever needs nothing else.
std::vector<Command> commands(std::string_view text);

/// The words from the program on that is run in the end: without sudo, doas, env, nice, ionice, nohup, exec,
/// command, builtin, time, timeout, stdbuf, setsid, chronic, flock (with a command), and their options.
std::span<const Word> unwrap(const Command& command);
/// The same without directories: "apt-get" of "sudo /usr/bin/apt-get"; empty if there is none.
std::string_view program(const Command& command);
/// The text that `sh -c TEXT`, `bash -lc TEXT`, `su -c TEXT` or `eval TEXT` runs; null if it is none of them.
const Word* inner_text(std::span<const Word> words);

}  // namespace meshops::shell
