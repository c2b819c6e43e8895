// What a rule found, with its evidence and how it could be mended: values only. Made by rules, read by
// reporters and by the mender. Never holds a secret: rules show kind and position of one, not the text.
#pragma once

#include <fmt/format.h>
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::audit {

enum class Severity { info, low, medium, high, critical };
std::string_view text(Severity severity);  // "info", …
std::optional<Severity> parse_severity(std::string_view text);

/// Where the evidence stands. Line and column count from 1, a column is one byte; 0: the whole file. No file:
/// it was seen on the running machine, and `found` says where.
struct Where {
  std::string file;
  std::size_t line = 0;
  std::size_t column = 0;
  bool operator==(const Where&) const = default;
};

/// What a file shall be after the mend. `bytes` nothing: they stay. A file that is not there is made.
struct FileChange {
  std::filesystem::path path;
  std::optional<std::string> bytes;
  std::optional<mode_t> mode;
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
};
/// A command that makes a change take effect, and the one that takes it back (empty: nothing to take back).
/// Run on live machines only.
struct Order {
  std::vector<std::string> run;
  std::vector<std::string> back;
  bool operator==(const Order&) const = default;
};
struct Mend {
  std::vector<FileChange> files;
  /// After the files are written and before the orders: exit code 0 or everything is taken back ("sshd -t").
  std::vector<std::string> verify;
  std::vector<Order> orders;
  /// Could cut the operator off: taken back by itself unless somebody confirms from a new session.
  bool may_cut_off = false;
};

struct Finding {
  std::string_view rule;
  Severity severity = Severity::info;
  Where at;
  std::string found;    // the value as it is: "TimeoutStartSec=30"
  std::string wanted;   // "at least 180 s"
  std::string message;  // one sentence: what that does to the reader
  std::string fix;      // what to do, with exact commands or lines where there are any
  /// What the finding is about, beside rule and file, as it stays when lines move: a key, a unit, a port.
  std::string about;
  std::optional<Mend> mend;
  std::string fingerprint;       // the runner's
  std::size_t utf16_column = 0;  // the runner's: at.column as editors and SARIF count, from 1; 0: not known
  /// The reason of the suppression that covers it; nothing: it counts.
  std::optional<std::string> allowed;
  bool allowed_elsewhere = false;  // by mesh.toml, and not by a comment in the file
};

/// What could not be looked at, and why: never a pass.
struct Skip {
  std::string rule;  // empty: for every rule that would have read it
  std::string what;  // a file, a service
  std::string reason;
};

/// Where one rule puts what it found.
class Findings {
 public:
  Findings(std::string_view rule, Severity severity) : rule_(rule), severity_(severity) {}

  /// A finding under construction; good until the next add().
  class Draft {
   public:
    explicit Draft(Finding& finding) : finding_(finding) {}
    template <class... Args>
    Draft& found(fmt::format_string<Args...> text, Args&&... args) {
      finding_.found = fmt::format(text, std::forward<Args>(args)...);
      return *this;
    }
    template <class... Args>
    Draft& wanted(fmt::format_string<Args...> text, Args&&... args) {
      finding_.wanted = fmt::format(text, std::forward<Args>(args)...);
      return *this;
    }
    template <class... Args>
    Draft& message(fmt::format_string<Args...> text, Args&&... args) {
      finding_.message = fmt::format(text, std::forward<Args>(args)...);
      return *this;
    }
    template <class... Args>
    Draft& fix(fmt::format_string<Args...> text, Args&&... args) {
      finding_.fix = fmt::format(text, std::forward<Args>(args)...);
      return *this;
    }
    template <class... Args>
    Draft& about(fmt::format_string<Args...> text, Args&&... args) {
      finding_.about = fmt::format(text, std::forward<Args>(args)...);
      return *this;
    }
    /// Where one rule knows graver and lighter cases.
    Draft& severity(Severity severity) {
      finding_.severity = severity;
      return *this;
    }
    Draft& mend(std::optional<Mend> mend) {
      finding_.mend = std::move(mend);
      return *this;
    }

   private:
    Finding& finding_;
  };
  Draft add(Where at) {
    list_.push_back({.rule = rule_, .severity = severity_, .at = std::move(at)});
    return Draft(list_.back());
  }
  /// This rule could not look at `what`.
  void skip(std::string what, std::string reason) {
    skips_.push_back({std::string(rule_), std::move(what), std::move(reason)});
  }

  const std::vector<Finding>& list() const { return list_; }
  const std::vector<Skip>& skips() const { return skips_; }

 private:
  std::string_view rule_;
  Severity severity_;
  std::vector<Finding> list_;
  std::vector<Skip> skips_;
};

}  // namespace meshops::audit
