#include "formats/shell.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "formats/shell_parser.h"

namespace meshops::shell {

namespace detail {

namespace {
constexpr std::array<std::string_view, 18> kReserved = {"if",       "then", "else", "elif", "fi",   "while",
                                                        "until",    "for",  "do",   "in",   "done", "select",
                                                        "function", "{",    "}",    "!",    "case", "esac"};

}  // namespace

void Parser::all() {
  Frame frame;
  while (at_ < text_.size()) {
    list(frame);
    // A stray ')' closes nothing.
    if (at_ < text_.size()) ++at_;
  }
  // Inner commands were finished before the one they stand in.
  std::vector<std::pair<std::size_t, std::size_t>> order;
  for (std::size_t i = 0; i < out_.commands.size(); ++i) order.emplace_back(out_.commands[i].offset, i);
  std::ranges::sort(order);
  std::vector<Command> sorted;
  sorted.reserve(order.size());
  for (auto [offset, index] : order) sorted.push_back(std::move(out_.commands[index]));
  out_.commands = std::move(sorted);
}

InLoop Parser::loop_of(const Frame& frame) {
  InLoop in{frame.outer_loop, frame.outer_loop_depth, frame.outer_condition};
  for (const auto& scope : frame.scopes)
    if (scope.kind == Scope::Kind::loop) in = {scope.loop, in.depth + 1, scope.in_condition};
  return in;
}

bool Parser::is_conditional(const Frame& frame) {
  return frame.conditional || std::ranges::any_of(frame.scopes, [](const Scope& s) {
           return s.kind == Scope::Kind::condition || s.kind == Scope::Kind::cases;
         });
}

void Parser::open(Command& command, const Frame& frame) {
  command = {};
  command.offset = command.end = at_;
  lines_.place(at_, command.line, command.column);
  auto [loop, depth, condition] = loop_of(frame);
  command.loop = loop;
  command.loop_depth = depth;
  command.loop_condition = condition;
  command.conditional = is_conditional(frame);
  command.substituted = frame.substituted;
  command.depth = frame.depth + static_cast<unsigned>(std::ranges::count_if(frame.scopes, [](auto& s) {
                    return s.kind == Scope::Kind::subshell || s.kind == Scope::Kind::group;
                  }));
  command.function = frame.function;
}

void Parser::close(Command& command, Join join, const Frame& frame) {
  if (command.words.empty() && command.assignments.empty() && command.redirections.empty()) return;
  command.join = join;
  std::optional<Word> inner;
  if (const auto* text = inner_text(unwrap(command)); text != nullptr && !text->expands) inner = *text;
  auto around = inside(frame);
  around.depth = command.depth + 1;
  out_.commands.push_back(std::move(command));
  command = {};
  if (inner) {
    auto begin = inner->offset + 1;
    bool exact = text_.substr(std::min(begin, text_.size())).starts_with(inner->text);
    nested(inner->text, exact ? begin : inner->offset, exact, around, true);
  }
}

void Parser::push(Frame& frame, Scope scope) {
  if (frame.scopes.size() < kScopeLimit) frame.scopes.push_back(std::move(scope));
}

void Parser::push_loop(Frame& frame, Loop::Kind kind, const Word& at) {
  Loop loop{
      .kind = kind, .parent = loop_of(frame).loop, .offset = at.offset, .line = at.line, .column = at.column};
  out_.loops.push_back(loop);
  bool tests = kind == Loop::Kind::while_loop || kind == Loop::Kind::until_loop;
  push(frame, {.kind = Scope::Kind::loop, .loop = out_.loops.size() - 1, .in_condition = tests});
}

void Parser::pop(Frame& frame, Scope::Kind kind) {
  // What was left open inside is closed with it; a closing word without its opening one means nothing.
  for (auto i = frame.scopes.size(); i-- > 0;)
    if (frame.scopes[i].kind == kind) {
      for (auto j = frame.scopes.size(); j-- > i;)
        if (frame.scopes[j].is_function) frame.function = frame.scopes[j].outer_function;
      frame.scopes.resize(i);
      return;
    }
}

void Parser::for_header(const Frame& frame) {
  skip_blanks();
  if (looking_at("((")) {
    at_ += 2;
    balanced('(', ')');
    if (peek() == ')') ++at_;
    return;
  }
  std::size_t plain = 0;
  while (more()) {
    skip_blanks();
    if (!more() || peek() == '\n' || peek() == ';') return;
    if (is_meta(peek())) return;
    auto before = at_;
    auto next = word(frame, plain);
    if (next.text == "do" && !next.quoted) {
      at_ = before;
      return;
    }
  }
}

void Parser::case_header(Frame& frame) {
  std::size_t plain = 0;
  for (int i = 0; i < 2; ++i) {
    skip_blanks();
    while (more() && peek() == '\n') {
      newline();
      skip_blanks();
    }
    if (!more() || is_meta(peek())) break;
    if (word(frame, plain).text == "in" && i > 0) break;
  }
  push(frame, {.kind = Scope::Kind::cases, .at_pattern = true});
}

void Parser::patterns(Frame& frame) {
  std::size_t plain = 0;
  bool first = true;
  while (more()) {
    skip_blanks();
    if (!more()) return;
    char c = peek();
    if (c == '\n') {
      newline();
    } else if (c == ')') {
      ++at_;
      frame.scopes.back().at_pattern = false;
      return;
    } else if (is_meta(c)) {
      ++at_;
    } else {
      auto next = word(frame, plain);
      if (first && next.text == "esac" && !next.quoted) {
        pop(frame, Scope::Kind::cases);
        return;
      }
      first = false;
    }
  }
}

bool Parser::reserved(Frame& frame, const Word& w, Command& command) {
  if (w.quoted || w.expands || std::ranges::find(kReserved, w.text) == kReserved.end()) return false;
  const auto& t = w.text;
  if (t == "if") {
    push(frame, {.kind = Scope::Kind::condition});
  } else if (t == "fi") {
    pop(frame, Scope::Kind::condition);
  } else if (t == "while") {
    push_loop(frame, Loop::Kind::while_loop, w);
  } else if (t == "until") {
    push_loop(frame, Loop::Kind::until_loop, w);
  } else if (t == "for" || t == "select") {
    for_header(frame);
    push_loop(frame, t == "for" ? Loop::Kind::for_loop : Loop::Kind::select_loop, w);
  } else if (t == "do") {
    for (auto i = frame.scopes.size(); i-- > 0;)
      if (frame.scopes[i].kind == Scope::Kind::loop) {
        frame.scopes[i].in_condition = false;
        break;
      }
  } else if (t == "done") {
    pop(frame, Scope::Kind::loop);
  } else if (t == "case") {
    case_header(frame);
  } else if (t == "esac") {
    pop(frame, Scope::Kind::cases);
  } else if (t == "{") {
    push(frame, {.kind = Scope::Kind::group});
  } else if (t == "}") {
    pop(frame, Scope::Kind::group);
  } else if (t == "function") {
    skip_blanks();
    std::size_t plain = 0;
    if (more() && !is_meta(peek())) pending_function_ = word(frame, plain).text;
    skip_blanks();
    if (peek() == '(' && peek(1) == ')') at_ += 2;
    begin_body(frame);
  } else if (t == "!") {
    open(command, frame);
    command.negated = true;
    return true;
  } else if (t == "in") {
    return false;
  }
  open(command, frame);
  return true;
}

void Parser::begin_body(Frame& frame) {
  skip_blanks();
  while (more() && peek() == '\n') {
    newline();
    skip_blanks();
  }
  if (peek() != '{' && peek() != '(') return;
  auto kind = peek() == '{' ? Scope::Kind::group : Scope::Kind::subshell;
  ++at_;
  push(frame, {.kind = kind, .outer_function = frame.function, .is_function = true});
  frame.function = std::exchange(pending_function_, {});
}

void Parser::bracket_test(Command& command, const Frame& frame) {
  std::size_t plain = 0;
  while (more()) {
    skip_blanks();
    if (!more()) return;
    if (peek() == '\n') {
      newline();
    } else if (is_meta(peek())) {
      ++at_;
    } else {
      auto w = word(frame, plain);
      bool last = w.text == "]]" && !w.quoted;
      command.end = w.end;
      command.words.push_back(std::move(w));
      if (last) return;
    }
  }
}

void Parser::list(Frame& frame) {
  Command command;
  open(command, frame);
  auto empty = [&] {
    return command.words.empty() && command.assignments.empty() && command.redirections.empty();
  };
  while (more()) {
    if (empty() && !frame.scopes.empty() && frame.scopes.back().kind == Scope::Kind::cases &&
        frame.scopes.back().at_pattern) {
      patterns(frame);
      open(command, frame);
      continue;
    }
    skip_blanks();
    if (!more()) break;
    if (empty() && !command.negated) open(command, frame);
    char c = peek();
    auto end = [&](Join join, std::size_t length) {
      close(command, join, frame);
      at_ += length;
      open(command, frame);
    };
    if (c == '\n') {
      close(command, Join::newline, frame);
      newline();
      open(command, frame);
    } else if (c == ';') {
      bool ends_case = peek(1) == ';' || peek(1) == '&';
      end(Join::semicolon, ends_case ? 2 : 1);
      if (ends_case) {
        if (peek() == '&') ++at_;
        for (auto i = frame.scopes.size(); i-- > 0;)
          if (frame.scopes[i].kind == Scope::Kind::cases) {
            frame.scopes.resize(i + 1);
            frame.scopes[i].at_pattern = true;
            break;
          }
      }
    } else if (looking_at("&&")) {
      end(Join::and_then, 2);
    } else if (looking_at("||")) {
      end(Join::or_else, 2);
    } else if (c == '|') {
      end(Join::pipe, peek(1) == '&' ? 2 : 1);
    } else if (looking_at("&>")) {
      redirection(command, frame, std::nullopt);
    } else if (c == '&') {
      end(Join::background, 1);
    } else if ((c == '<' || c == '>') && peek(1) == '(') {
      command.words.push_back(process_substitution(frame));
      command.end = at_;
    } else if (c == '<' || c == '>') {
      redirection(command, frame, std::nullopt);
    } else if (c == '(') {
      if (empty() && peek(1) == '(') {
        at_ += 2;
        balanced('(', ')');
        if (peek() == ')') ++at_;
      } else if (command.words.size() == 1 && command.assignments.empty() && is_function_head()) {
        pending_function_ = command.words[0].text;
        command = {};
        begin_body(frame);
        open(command, frame);
      } else {
        close(command, Join::end, frame);
        ++at_;
        push(frame, {.kind = Scope::Kind::subshell});
        open(command, frame);
      }
    } else if (c == ')') {
      close(command, Join::end, frame);
      bool ours =
          std::ranges::any_of(frame.scopes, [](const Scope& s) { return s.kind == Scope::Kind::subshell; });
      if (!ours) return;
      ++at_;
      pop(frame, Scope::Kind::subshell);
      open(command, frame);
    } else {
      simple_word(command, frame);
    }
  }
  close(command, Join::end, frame);
}

void Parser::simple_word(Command& command, Frame& frame) {
  std::size_t plain = 0;
  auto w = word(frame, plain);
  if (w.end == w.offset) {  // cannot be; but never stand still
    ++at_;
    return;
  }
  if (is_digits(w.text) && !w.quoted && (peek() == '<' || peek() == '>') && w.text.size() < 4) {
    redirection(command, frame, to_number<int>(w.text));
    return;
  }
  if (command.words.empty() && command.assignments.empty() && command.redirections.empty() &&
      reserved(frame, w, command))
    return;
  command.end = w.end;
  if (command.words.empty()) {
    if (command.assignments.empty() && command.redirections.empty()) {
      command.offset = w.offset;
      command.line = w.line;
      command.column = w.column;
    }
    if (auto found = assignment(w, plain)) {
      bool appends = w.text[found->second - 1] == '+';
      Assignment a{.name = std::move(found->first), .appends = appends, .value = w};
      a.value.text.erase(0, found->second + 1);
      // The value begins behind the '=', which no quote or continuation can stand before.
      auto equals = text_.find('=', w.offset);
      a.value.offset = std::min(equals == std::string_view::npos ? w.offset : equals + 1, w.end);
      lines_.place(a.value.offset, a.value.line, a.value.column);
      command.assignments.push_back(std::move(a));
      return;
    }
    if (w.text == "[[" && !w.quoted) {
      command.words.push_back(std::move(w));
      bracket_test(command, frame);
      return;
    }
  }
  command.words.push_back(std::move(w));
}

}  // namespace detail

Script parse(std::string_view text) {
  Script script;
  detail::Parser(text, script).all();
  return script;
}

std::vector<Command> commands(std::string_view text) { return parse(text).commands; }

}  // namespace meshops::shell
