// What the planners of remedies share: reading the patient's files and log, setting things aside, the
// gateway's own tool. Called by remedies_*.cpp only; reads through the Host, changes nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formats/journal_line.h"
#include "heal/remedy.h"

namespace meshops::heal {

using Planned = Result<Treatment>;
using Then = Treatment::Then;

/// "does not fit here, because …".
template <class... Args>
std::unexpected<Error> not_applicable(fmt::format_string<Args...> why, Args&&... args) {
  return fail(HealCode::not_applicable, why, std::forward<Args>(args)...);
}

/// A file that is there, with its access. A link at the end of the path is followed, but only to a file of
/// the gateway's own user: through it root could be made to write anywhere. Gives the real path with it.
struct Found {
  std::filesystem::path path;
  FileState state;
};
Result<Found> find_file(const Patient& patient, const Host& host, const std::filesystem::path& path,
                        std::size_t limit = kReadLimit);
/// The same for whoever it is that owns the gateway.
Result<Found> find_file(uid_t owner, const Host& host, const std::filesystem::path& path, std::size_t limit);
bool exists(const Host& host, const std::filesystem::path& path);
bool is_directory(const Host& host, const std::filesystem::path& path);  // a link to one is none
Access access_of(const FileInfo& info);
/// Of a new file of the gateway: 0600, its user's.
Access private_access(const Patient& patient);

/// "/s/openclaw.json.broken-20261124T051200Z".
std::filesystem::path aside(const Patient& patient, const std::filesystem::path& path, std::string_view word);
/// Whether `path` is `directory` or below it, by their words alone.
bool is_below(const std::filesystem::path& path, const std::filesystem::path& directory);

/// The patient's log, line by line, messages of several lines taken apart; oldest first.
std::vector<journal::LogLine> log_lines(const Patient& patient);
/// Whether a line of the log or a piece of evidence says it, in any case.
bool told(const Patient& patient, std::string_view words);

bool by_systemd(const Patient& patient);
UnitOrder order(const Patient& patient, UnitOrder::Verb verb);
/// Whose manager, in UnitOrder's words.
std::string manager_user(const Patient& patient);

/// The gateway's own command line tool with these arguments, as its user, for its state and configuration.
/// `not_applicable` where its command is not known or runs in a container.
Result<RunTool> gateway_tool(const Patient& patient, const std::vector<std::string>& arguments,
                             Duration limit);

/// Where backups of the gateway's own tool are looked for, as its documentation names them.
std::vector<std::filesystem::path> backup_directories(const Patient& patient);
/// "sysctl -w key=…" now, and a file of ours for the next boot; `not_applicable` if it is at least that.
Planned raise_kernel_setting(const Patient& patient, const Host& host, std::string_view key,
                             std::uint64_t wanted, std::string_view topic);

/// start if it is down, else watch it for so long.
void start_or_watch(const Patient& patient, Treatment& treatment, Duration watch);

}  // namespace meshops::heal
