// The two texts a person reads to learn mesh.toml: the commented example and the reference page. Both from
// the table in schema.cpp; only the order of the examples and the prose around them stand here.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "config/mesh.h"
#include "config/schema.h"

namespace meshops {

using schema::KeyFacts;
using schema::Section;

namespace {

const Section& section(std::string_view name) {
  return *std::ranges::find(schema::sections(), name, &Section::name);
}

/// "# " and the words, broken so that no line is longer than 100 characters.
std::string comment(std::string_view text) {
  constexpr std::size_t kWidth = 100;
  std::string out, line = "#";
  for (auto word : words(text)) {
    if (line.size() + 1 + word.size() > kWidth) {
      out += line + "\n";
      line = "#";
    }
    line += " ";
    line += word;
  }
  return out + line + "\n";
}

/// "Default: the host name." where no literal can say it.
std::string default_sentence(const KeyFacts& key) {
  return key.default_words.empty() ? "" : fmt::format(" Default: {}.", key.default_words);
}

/// One key, commented out: "# " before prose and "#" before TOML, so that taking the latter away uncomments
/// it all.
std::string commented(const Section& in, std::string_view name) {
  auto at = static_cast<std::size_t>(std::ranges::find(in.keys, name, &KeyFacts::name) - in.keys.begin());
  const auto& key = in.keys[at];
  std::string text(key.meaning);
  if (!key.choices.empty() && key.type == schema::Type::choice)
    text += fmt::format(" It is {}.", schema::wanted(key));
  text += default_sentence(key);
  return comment(text) +
         fmt::format("#{} = {}\n", name, in.defaults[at].empty() ? key.example : in.defaults[at]);
}

/// A repeated table of the example: its own lines, and the keys that are explained at it because they fit no
/// other.
struct ExampleTable {
  std::string_view section;
  std::string_view about;
  std::string_view lines;
  std::vector<std::string_view> explained;
};
const std::array<ExampleTable, 12>& example_tables() {
  static const std::array<ExampleTable, 12> all = {{
      {"gateway",
       "A gateway that meshops starts itself.",
       "#[[gateway]]\n#name = \"main\"\n",
       {"node", "kind", "runtime", "command", "environment", "working_dir", "port", "config", "state_dir",
        "canary", "enabled", "yields_alone"}},
      {"gateway",
       "A gateway in the service manager of an account. For the system's manager: runtime = "
       "\"systemd-system\".",
       "#[[gateway]]\n#name = \"second\"\n#runtime = \"systemd-user\"\n",
       {"unit", "user"}},
      {"gateway",
       "A gateway in Docker.",
       "#[[gateway]]\n#name = \"third\"\n#runtime = \"docker\"\n",
       {"container"}},
      {"gateway",
       "Anything that answers HTTP.",
       "#[[gateway]]\n#name = \"web\"\n#kind = \"http\"\n#runtime = \"systemd-system\"\n#unit = "
       "\"web.service\"\n",
       {"url"}},
      {"gateway",
       "One that takes the place of another node's, with the same bot.",
       "#[[node]]\n#name = \"beta\"\n#[[gateway]]\n#name = \"spare\"\n#node = \"beta\"\n"
       "#runtime = \"systemd-system\"\n",
       {"stands_by_for"}},
      {"alert",
       "Tell people: in a chat of Telegram. Slack and Discord (kind = \"slack\", \"discord\") need no "
       "chat_id.",
       "#[[alert]]\n#name = \"phone\"\n#kind = \"telegram\"\n",
       {"url_file", "chat_id", "quiet", "per_hour"}},
      {"alert",
       "A URL of your own, which gets JSON (meshops.alert/1).",
       "#[[alert]]\n#name = \"status\"\n#kind = \"webhook\"\n",
       {"url"}},
      {"alert",
       "Mail.",
       "#[[alert]]\n#name = \"mail\"\n#kind = \"smtp\"\n",
       {"server", "from", "to", "user", "password_file"}},
      {"alert",
       "A program of your own.",
       "#[[alert]]\n#name = \"pager\"\n#kind = \"command\"\n",
       {"command"}},
      {"allow",
       "A finding of the audit that you live with.",
       "#[[allow]]\n#rule = \"SYS-013\"\n#until = \"2027-01-31\"\n#reason = \"moves to the new node in "
       "January\"\n",
       {"where"}},
      {"backup",
       "A copy of your data, which the audit counts.",
       "#[[backup]]\n#name = \"memory\"\n#data = \"/home/claw/.openclaw\"\n#target = "
       "\"s3:https://s3.example.org/memory\"\n",
       {"media", "offsite", "every", "keep"}},
      {"route",
       "Which models answer; the audit tells of gateways that ask others.",
       "#[[route]]\n#task = \"chat\"\n#models = [\"anthropic/claude-sonnet-5\", \"openai/gpt-5\"]\n",
       {"gateway"}},
  }};
  return all;
}

std::string capitalised(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

constexpr std::string_view kReferenceHead = R"(# Configuration: mesh.toml

<!-- Generated from the table in src/config/schema.cpp; a test keeps it equal. Edit there. -->

Nothing has to be configured for one machine: without a file, meshops calls the machine by its host name and supervises
the gateways that it finds. A file says what differs, in [TOML](https://toml.io).

The first of these that is named or exists is read, and no other:

1. `--config FILE`
2. `$MESHOPS_CONFIG`
3. `$XDG_CONFIG_HOME/meshops/mesh.toml`, or `~/.config/meshops/mesh.toml` if that variable is not set
4. `/etc/meshops/mesh.toml`

`meshops config init` writes a commented file, `meshops config check` tells every fault of one with its line and column,
`meshops config show` prints it with each default filled in. A file that everybody may write is refused, since it names
commands that meshops runs.

The same file may lie on every node; each finds itself in it by its host name, or by `mesh.node`.

**Durations** are texts such as `"250ms"`, `"90s"`, `"5m"`, `"1h30m"` or `"2d"`. **Sizes** are texts such as `"10MiB"`,
`"512KiB"` or `"3GB"`, or a plain number of bytes. **Paths** are absolute. **Names** have at most 63 letters, digits, `.`,
`_` and `-` and begin with a letter or digit.
)";

constexpr std::string_view kReferenceTail = R"(
## Keys that depend on each other

- A `[[gateway]]` with kind `openclaw` and runtime `process` may leave out `command`: it is then the gateway that meshops
  installs itself. With kind `http` it needs one.
- Runtime `systemd-system` and `systemd-user` need `unit` with kind `http`; `docker` needs `container`; kind `http` needs
  `url`, and its port is the port of the URL.
- Two enabled gateways of a node may not share a unit, a container or a port: two healers would restart one patient
  against each other.
- `stands_by_for` names a `[[gateway]]` of another node, which stands in the file too, is enabled and stands by for
  nobody; on each node one gateway may stand by for it. It is for runtimes whose start is meshops' own (`process`) or can
  be left to it (a unit that is not enabled): Docker starts containers by itself.
- `yields_alone` is `0s` or at least `30s`, and needs a mesh of three nodes or more.
- `start_cap` is at least `start_floor`; `backoff_max` is at least `backoff_base` and `backoff_first`.
- With any `[[node]]`, this machine must be one of them.
- A `[[alert]]` of kind `webhook`, `slack`, `discord` or `telegram` needs `url_file` or `url`, and only one of them; for
  the three chats it begins with `https://`, except on this machine. `telegram` also needs `chat_id`; `smtp` needs `server`, `from` and `to`;
  `command` needs `command`. `user` and `password_file` go together.
)";

}  // namespace

std::string example_toml() {
  std::string out =
      "# mesh.toml: what meshops looks after. Every key is optional; what stands here after '#' is its "
      "default or an\n"
      "# example. Check it with: meshops config check\n";
  for (const auto& s : schema::sections()) {
    if (s.repeated) continue;
    out += "\n" + comment(s.meaning) + s.header() + "\n";
    for (const auto& key : s.keys) out += commented(s, key.name);
  }
  const auto& node = section("node");
  out += "\n" + comment(node.meaning) + "#[[node]]\n#name = \"alpha\"\n";
  for (const auto& key : node.keys)
    if (!key.required) out += commented(node, key.name);
  for (const auto& table : example_tables()) {
    out += "\n" + comment(table.about) + std::string(table.lines);
    for (auto name : table.explained) out += commented(section(table.section), name);
  }
  return out;
}

std::string reference_markdown() {
  std::string out(kReferenceHead);
  for (const auto& s : schema::sections()) {
    out += fmt::format("\n## `{}`\n\n{}\n", s.header(), s.meaning);
    for (std::size_t i = 0; i < s.keys.size(); ++i) {
      const auto& key = s.keys[i];
      out += fmt::format("\n### `{}.{}`\n\n{}\n\n", s.name, key.name, key.meaning);
      out += fmt::format("- Type: {}\n", schema::wanted(key));
      if (!key.because.empty()) out += fmt::format("- Why not less: {}\n", key.because);
      if (key.required)
        out += "- Required\n";
      else
        out += "- Default: " +
               (s.defaults[i].empty() ? std::string(key.default_words) : fmt::format("`{}`", s.defaults[i])) +
               "\n";
      if (!key.only_for.all()) out += fmt::format("- {}\n", capitalised("only for " + key.only_for.text()));
      out += fmt::format("- Example: `{} = {}`\n", key.name, key.example);
    }
  }
  return out + std::string(kReferenceTail);
}

}  // namespace meshops
