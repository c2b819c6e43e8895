#include "mesh/healing_keys.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "formats/ssh_keys.h"
#include "host/run_async.h"
#include "mesh/remote_request.h"

namespace meshops::mesh {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

/// In the comment of a line that is ours.
constexpr std::string_view kMark = "meshops-healer:";

std::string type_and_blob(std::string_view text) {
  auto parts = words(text);
  return parts.size() >= 2 ? fmt::format("{} {}", parts[0], parts[1]) : std::string();
}

std::string blob_of(const Healer& healer) {
  auto parts = words(healer.key);
  return parts.size() >= 2 ? ssh::decode_base64(parts[1]).value_or("") : std::string();
}

bool is_ours(const ssh::PublicKey& key) { return key.comment.starts_with(kMark); }

/// Each line with its end, so that nothing of a file is lost by putting it together again.
std::vector<std::string_view> whole_lines(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    auto end = text.find('\n');
    auto size = end == text.npos ? text.size() : end + 1;
    out.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return out;
}

}  // namespace

Result<std::string> healing_key(const fs::path& file, const std::string& node) {
  auto pub = fs::path(file.string() + ".pub");
  struct stat is{};
  if (::lstat(file.c_str(), &is) != 0) {
    CHECK_OK(make_directories(file.parent_path()));
    auto made = TRY(run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "meshops healer of " + node,
                         "-f", file.string()},
                        {.environment = tool_environment(), .limit = 20s}));
    if (!made.exit.clean())
      return fail(error(RemoteCode::no_key, "cannot make the healing key {}: {}", file.string(),
                        quote(trim(made.err), 200))
                      .hint("apt install openssh-client; see whether its directory can be written"));
  } else if (!S_ISREG(is.st_mode) || (is.st_mode & 077) != 0) {
    return fail(
        error(RemoteCode::no_key, "the healing key {} may be read by others", file.string())
            .hint("who has read it can use it: remove it and its .pub, make a new one with meshops mesh "
                  "keys, and put that into every mesh.toml"));
  }
  // From the private part, which counts: the .pub beside it may be an older one.
  auto shown =
      TRY(run({"ssh-keygen", "-y", "-f", file.string()}, {.environment = tool_environment(), .limit = 20s}));
  auto key = type_and_blob(shown.out);
  if (!shown.exit.clean() || !key.starts_with("ssh-ed25519 "))
    return fail(error(RemoteCode::no_key, "{} is no ed25519 key without a passphrase", file.string())
                    .hint("remove it, and make one: meshops mesh keys"));
  if (auto beside = read_file(pub); !beside || type_and_blob(*beside) != key)
    CHECK_OK(write_file_atomic(pub, fmt::format("{} meshops healer of {}\n", key, node), {.mode = 0644}));
  return key;
}

Result<std::string> host_key(const fs::path& file) {
  auto text = read_file(file);
  auto key = text ? type_and_blob(*text) : std::string();
  if (!key.starts_with("ssh-ed25519 "))
    return fail(error(RemoteCode::no_key, "the SSH server of this machine has no ed25519 host key at {}",
                      file.string())
                    .hint("ssh-keygen -A"));
  return key;
}

std::vector<Healer> healers_of(const Mesh& mesh) {
  std::vector<Healer> out;
  for (const auto& node : mesh.nodes)
    if (node.name != mesh.node && !node.healing_key.empty()) out.push_back({node.name, node.healing_key});
  return out;
}

std::string forced_command(const fs::path& script, bool root) {
  return fmt::format("{} {}", root ? "/usr/bin/env -i" : "sudo -n", script.string());
}

std::string authorized_line(const Healer& healer, std::string_view command) {
  return fmt::format("restrict,command=\"{}\" {} {}{}", command, healer.key, kMark, healer.node);
}

std::string with_healers(std::string_view text, const std::vector<Healer>& healers,
                         std::string_view command) {
  if (faults_in(text, healers, command).empty()) return std::string(text);
  std::set<std::string> blobs;
  for (const auto& healer : healers) blobs.insert(blob_of(healer));
  std::set<std::size_t> goes;
  for (const auto& key : ssh::parse_public_keys(text))
    if (is_ours(key) || blobs.contains(key.blob)) goes.insert(key.line);
  std::string out;
  std::size_t number = 0;
  for (auto line : whole_lines(text))
    if (!goes.contains(++number)) out += line;
  if (!out.empty() && !out.ends_with('\n')) out += '\n';
  for (const auto& healer : healers) out += authorized_line(healer, command) + "\n";
  return out;
}

std::vector<std::string> faults_in(std::string_view text, const std::vector<Healer>& healers,
                                   std::string_view command) {
  std::vector<std::string> out;
  auto keys = ssh::parse_public_keys(text);
  auto lines = whole_lines(text);
  auto line_of = [&](const ssh::PublicKey& key) {
    return key.line <= lines.size() ? std::string(trim(lines[key.line - 1])) : std::string();
  };
  for (const auto& healer : healers) {
    auto blob = blob_of(healer);
    auto wanted = authorized_line(healer, command);
    std::size_t bound = 0, others = 0;
    for (const auto& key : keys)
      if (key.blob == blob) ++(line_of(key) == wanted ? bound : others);
    if (bound == 0 && others == 0) out.push_back(fmt::format("{} may not heal this node yet", healer.node));
    if (others > 0)
      out.push_back(fmt::format("the healing key of {} stands there otherwise than bound to: {}", healer.node,
                                command));
    if (bound > 1) out.push_back(fmt::format("the line of {} stands there {} times", healer.node, bound));
  }
  for (const auto& key : keys) {
    bool known = std::ranges::any_of(healers, [&](const Healer& h) { return blob_of(h) == key.blob; });
    if (is_ours(key) && !known)
      out.push_back(fmt::format("{} is no healer of mesh.toml any more",
                                printable(std::string_view(key.comment).substr(kMark.size()))));
  }
  return out;
}

}  // namespace meshops::mesh
