#include "host/unit_show.h"

#include <csignal>

#include "base/text.h"
#include "formats/unit_file.h"
#include "host/unit_state.h"

namespace meshops {

namespace {

constexpr std::size_t kMostUnits = 10'000;

std::vector<std::string> texts(std::string_view value) {
  std::vector<std::string> out;
  for (auto word : words(value)) out.emplace_back(word);
  return out;
}

/// "{ path=/usr/sbin/sshd ; argv[]=/usr/sbin/sshd -D ; ignore_errors=no ; … }"; of several commands the
/// first.
std::vector<std::string> argv_in(std::string_view value) {
  constexpr std::string_view kMark = "argv[]=", kEnd = " ; ignore_errors=";
  auto from = value.find(kMark);
  if (from == value.npos) return {};
  value.remove_prefix(from + kMark.size());
  return texts(value.substr(0, value.find(kEnd)));
}

void set(UnitReading& reading, std::string_view name, std::string_view value) {
  auto& s = reading.state;
  struct Text {
    std::string_view name;
    std::string UnitState::* member;
  };
  static constexpr Text kTexts[] = {{"Id", &UnitState::name},
                                    {"Description", &UnitState::description},
                                    {"LoadState", &UnitState::load_state},
                                    {"ActiveState", &UnitState::active_state},
                                    {"SubState", &UnitState::sub_state},
                                    {"Result", &UnitState::result},
                                    {"UnitFileState", &UnitState::unit_file_state},
                                    {"Type", &UnitState::type},
                                    {"Restart", &UnitState::restart},
                                    {"FragmentPath", &UnitState::fragment_path},
                                    {"WorkingDirectory", &UnitState::working_directory},
                                    {"User", &UnitState::user},
                                    {"ControlGroup", &UnitState::control_group},
                                    {"InvocationID", &UnitState::invocation_id}};
  for (const auto& text : kTexts)
    if (text.name == name) s.*text.member = value;
  // "[not set]" and "infinity" are no numbers, and mean what the value has without them.
  auto number = [&] { return to_number<std::uint64_t>(value); };
  if (name == "DropInPaths") s.drop_ins = texts(value);
  if (name == "ExecStart" && s.exec_start.empty()) s.exec_start = argv_in(value);
  if (name == "MainPID") s.main_pid = to_number<pid_t>(value).value_or(0);
  if (name == "NRestarts") s.restarts = to_number<unsigned>(value).value_or(0);
  if (name == "RestartUSec") s.restart_delay = systemd::parse_span(value).value_or(Duration{});
  if (name == "TimeoutStopUSec") s.stop_timeout = systemd::parse_span(value).value_or(Duration{});
  if (name == "WatchdogUSec" && value != "infinity")
    s.watchdog = systemd::parse_span(value).value_or(Duration{});
  if (name == "MemoryCurrent") s.memory = number().value_or(UINT64_MAX) == UINT64_MAX ? 0 : *number();
  if (name == "CPUUsageNSec")
    s.cpu = Duration(static_cast<Duration::rep>(
        number().value_or(UINT64_MAX) == UINT64_MAX ? 0 : *number() & static_cast<std::uint64_t>(INT64_MAX)));
  if (name == "NeedDaemonReload") s.needs_daemon_reload = value == "yes";
  if (name == "Job") s.has_job = number().value_or(0) != 0;
  if (name == "ExecMainCode") reading.exit_kind = to_number<std::int32_t>(value).value_or(0);
  if (name == "ExecMainStatus") reading.exit_status = to_number<std::int32_t>(value).value_or(0);
}

}  // namespace

std::string_view unit_properties() {
  return "Id,Description,LoadState,ActiveState,SubState,Result,UnitFileState,Type,Restart,FragmentPath,"
         "DropInPaths,ExecStart,WorkingDirectory,User,ControlGroup,InvocationID,MainPID,NRestarts,"
         "RestartUSec,TimeoutStopUSec,WatchdogUSec,MemoryCurrent,CPUUsageNSec,NeedDaemonReload,Job,"
         "ExecMainCode,ExecMainStatus";
}

std::vector<UnitState> parse_unit_show(std::string_view text) {
  std::vector<UnitState> out;
  UnitReading reading;
  auto end_unit = [&] {
    if (!reading.state.name.empty() && out.size() < kMostUnits) out.push_back(finish(std::move(reading)));
    reading = {};
  };
  for (auto line : split(text, '\n')) {
    if (line.empty()) {
      end_unit();
      continue;
    }
    auto equals = line.find('=');
    if (equals != line.npos) set(reading, line.substr(0, equals), line.substr(equals + 1));
  }
  end_unit();
  return out;
}

}  // namespace meshops
