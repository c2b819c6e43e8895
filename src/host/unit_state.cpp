#include "host/unit_state.h"

#include <array>
#include <csignal>
#include <cstring>

namespace meshops {

namespace {

int read_text(sd_bus_message* m, std::string& out) {
  const char* text = nullptr;
  int r = ::sd_bus_message_read_basic(m, 's', &text);
  if (r > 0) out = text;
  return r;
}

int read_texts(sd_bus_message* m, std::vector<std::string>& out) {
  int r = ::sd_bus_message_enter_container(m, 'a', "s");
  const char* text = nullptr;
  while (r >= 0 && (r = ::sd_bus_message_read_basic(m, 's', &text)) > 0) out.emplace_back(text);
  return r < 0 ? r : ::sd_bus_message_exit_container(m);
}

/// "No limit" and "not set" are all ones.
std::uint64_t number_or(std::uint64_t value, std::uint64_t when_infinite) {
  return value == UINT64_MAX ? when_infinite : value;
}

int read_number(sd_bus_message* m, std::uint64_t& out) { return ::sd_bus_message_read_basic(m, 't', &out); }

int read_microseconds(sd_bus_message* m, Duration& out, Duration when_infinite) {
  std::uint64_t value = 0;
  int r = read_number(m, value);
  constexpr auto most = static_cast<std::uint64_t>(Duration::max().count() / 1000);
  out = value == UINT64_MAX ? when_infinite
        : value > most      ? Duration::max()
                            : Duration(static_cast<Duration::rep>(value) * 1000);
  return r;
}

int read_flag(sd_bus_message* m, bool& out) {
  int value = 0;
  int r = ::sd_bus_message_read_basic(m, 'b', &value);
  out = value != 0;
  return r;
}

/// The argv of the first command; the others' are skipped.
int read_exec(sd_bus_message* m, std::vector<std::string>& out) {
  int r = ::sd_bus_message_enter_container(m, 'a', "(sasbttttuii)");
  bool first = true;
  while (r >= 0 && (r = ::sd_bus_message_at_end(m, 0)) == 0) {
    if (!std::exchange(first, false)) {
      r = ::sd_bus_message_skip(m, "(sasbttttuii)");
      continue;
    }
    std::string path;
    r = ::sd_bus_message_enter_container(m, 'r', "sasbttttuii");
    if (r >= 0) r = read_text(m, path);
    if (r >= 0) r = read_texts(m, out);
    if (r >= 0) r = ::sd_bus_message_skip(m, "bttttuii");
    if (r >= 0) r = ::sd_bus_message_exit_container(m);
  }
  return r < 0 ? r : ::sd_bus_message_exit_container(m);
}

int read_id(sd_bus_message* m, std::string& out) {
  const void* bytes = nullptr;
  std::size_t size = 0;
  int r = ::sd_bus_message_read_array(m, 'y', &bytes, &size);
  for (std::size_t i = 0; r >= 0 && i < size; ++i)
    out += fmt::format("{:02x}", static_cast<const std::uint8_t*>(bytes)[i]);
  return r;
}

int read_job(sd_bus_message* m, bool& out) {
  std::uint32_t id = 0;
  const char* path = nullptr;
  int r = ::sd_bus_message_read(m, "(uo)", &id, &path);
  out = id != 0;
  return r;
}

struct Row {
  std::string_view name;
  const char* type;
  int (*read)(sd_bus_message*, UnitReading&);
};

template <std::string UnitState::* member>
int text(sd_bus_message* m, UnitReading& r) {
  return read_text(m, r.state.*member);
}
template <std::vector<std::string> UnitState::* member>
int texts(sd_bus_message* m, UnitReading& r) {
  return read_texts(m, r.state.*member);
}

constexpr std::array<Row, 28> kRows{{
    // org.freedesktop.systemd1.Unit
    {"Id", "s", text<&UnitState::name>},
    {"Description", "s", text<&UnitState::description>},
    {"LoadState", "s", text<&UnitState::load_state>},
    {"ActiveState", "s", text<&UnitState::active_state>},
    {"SubState", "s", text<&UnitState::sub_state>},
    {"UnitFileState", "s", text<&UnitState::unit_file_state>},
    {"FragmentPath", "s", text<&UnitState::fragment_path>},
    {"DropInPaths", "as", texts<&UnitState::drop_ins>},
    {"InvocationID", "ay",
     [](sd_bus_message* m, UnitReading& r) { return read_id(m, r.state.invocation_id); }},
    {"NeedDaemonReload", "b",
     [](sd_bus_message* m, UnitReading& r) { return read_flag(m, r.state.needs_daemon_reload); }},
    {"Job", "(uo)", [](sd_bus_message* m, UnitReading& r) { return read_job(m, r.state.has_job); }},
    // org.freedesktop.systemd1.Service
    {"Type", "s", text<&UnitState::type>},
    {"Restart", "s", text<&UnitState::restart>},
    {"Result", "s", text<&UnitState::result>},
    {"ExecStart", "a(sasbttttuii)",
     [](sd_bus_message* m, UnitReading& r) { return read_exec(m, r.state.exec_start); }},
    {"Environment", "as", texts<&UnitState::environment>},
    {"WorkingDirectory", "s", text<&UnitState::working_directory>},
    {"User", "s", text<&UnitState::user>},
    {"ControlGroup", "s", text<&UnitState::control_group>},
    {"MainPID", "u",
     [](sd_bus_message* m, UnitReading& r) {
       std::uint32_t pid = 0;
       int result = ::sd_bus_message_read_basic(m, 'u', &pid);
       r.state.main_pid = static_cast<pid_t>(pid);
       return result;
     }},
    {"ExecMainCode", "i",
     [](sd_bus_message* m, UnitReading& r) { return ::sd_bus_message_read_basic(m, 'i', &r.exit_kind); }},
    {"ExecMainStatus", "i",
     [](sd_bus_message* m, UnitReading& r) { return ::sd_bus_message_read_basic(m, 'i', &r.exit_status); }},
    {"NRestarts", "u",
     [](sd_bus_message* m, UnitReading& r) {
       return ::sd_bus_message_read_basic(m, 'u', &r.state.restarts);
     }},
    {"RestartUSec", "t",
     [](sd_bus_message* m, UnitReading& r) {
       return read_microseconds(m, r.state.restart_delay, Duration::max());
     }},
    {"TimeoutStopUSec", "t",
     [](sd_bus_message* m, UnitReading& r) {
       return read_microseconds(m, r.state.stop_timeout, Duration::max());
     }},
    {"WatchdogUSec", "t",
     [](sd_bus_message* m, UnitReading& r) {
       return read_microseconds(m, r.state.watchdog, Duration::zero());
     }},
    {"CPUUsageNSec", "t",
     [](sd_bus_message* m, UnitReading& r) {
       std::uint64_t value = 0;
       int result = read_number(m, value);
       r.state.cpu = Duration(static_cast<Duration::rep>(number_or(value, 0) & INT64_MAX));
       return result;
     }},
    {"MemoryCurrent", "t",
     [](sd_bus_message* m, UnitReading& r) {
       std::uint64_t value = 0;
       int result = read_number(m, value);
       r.state.memory = number_or(value, 0);
       return result;
     }},
}};

}  // namespace

Status read_properties(sd_bus_message* answer, UnitReading& reading) {
  int r = ::sd_bus_message_enter_container(answer, 'a', "{sv}");
  while (r >= 0 && (r = ::sd_bus_message_enter_container(answer, 'e', "sv")) > 0) {
    const char* name = nullptr;
    const char* contents = nullptr;
    r = ::sd_bus_message_read_basic(answer, 's', &name);
    if (r >= 0) r = ::sd_bus_message_peek_type(answer, nullptr, &contents);
    if (r < 0) break;
    const Row* row = nullptr;
    for (const auto& candidate : kRows)
      if (candidate.name == name && contents != nullptr && std::strcmp(candidate.type, contents) == 0)
        row = &candidate;
    if (row == nullptr) {
      r = ::sd_bus_message_skip(answer, "v");
    } else {
      r = ::sd_bus_message_enter_container(answer, 'v', row->type);
      if (r >= 0) r = row->read(answer, reading);
      if (r >= 0) r = ::sd_bus_message_exit_container(answer);
    }
    if (r >= 0) r = ::sd_bus_message_exit_container(answer);
  }
  if (r >= 0) r = ::sd_bus_message_exit_container(answer);
  if (r < 0)
    return fail(ServiceCode::io, "the service manager's answer cannot be read: {}", std::strerror(-r));
  return ok();
}

UnitState finish(UnitReading reading) {
  if (reading.exit_kind == CLD_EXITED)
    reading.state.last_exit = Exit{.code = reading.exit_status, .signal = {}};
  if (reading.exit_kind == CLD_KILLED || reading.exit_kind == CLD_DUMPED)
    reading.state.last_exit = Exit{.code = {}, .signal = reading.exit_status};
  return std::move(reading.state);
}

}  // namespace meshops
