// meshops.action/1: an Action as one JSON object, and back. The ledger's files live for months and may be
// damaged, so reading believes nothing.
#include <limits>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "heal/action.h"

namespace meshops::heal {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kSchema = "meshops.action/1";
constexpr std::size_t kMostJson = 64U << 20;
constexpr int kDeepest = 8;

constexpr std::pair<UnitOrder::Verb, std::string_view> kVerbs[] = {
    {UnitOrder::Verb::reset_failed, "reset-failed"},
    {UnitOrder::Verb::start, "start"},
    {UnitOrder::Verb::stop, "stop"},
    {UnitOrder::Verb::enable, "enable"},
    {UnitOrder::Verb::disable, "disable"},
    {UnitOrder::Verb::reload_manager, "reload-manager"}};

// -- writing

/// Names of files are bytes: those that are not UTF-8 are written as {"hex": "…"}.
Json of(const std::string& text) {
  if (valid_utf8(text)) return text;
  std::string hex;
  for (char c : text) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return {{"hex", hex}};
}
Json of(const std::filesystem::path& path) { return of(path.string()); }
template <class T>
Json list(const std::vector<T>& items) {
  auto out = Json::array();
  for (const auto& item : items) out.push_back(of(item));
  return out;
}
Json ms(Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); }
Json of(const Access& a) { return {{"mode", fmt::format("{:04o}", a.mode)}, {"uid", a.uid}, {"gid", a.gid}}; }

Result<Json> state(const std::optional<FileState>& file, const Keep& keep) {
  if (!file) return Json(nullptr);
  auto out = of(file->access);
  out["size"] = file->bytes.size();  // for people; read back from the bytes themselves
  out["bytes"] = TRY(keep(file->bytes));
  return out;
}

struct Writer {
  const Keep& keep;

  Result<Json> operator()(const WriteFile& a) const {
    Json out = {{"kind", "write_file"}, {"path", of(a.path)}};
    out["before"] = TRY(state(a.before, keep));
    out["after"] = TRY(state(a.after, keep));
    return out;
  }
  Result<Json> operator()(const MoveFile& a) const {
    return Json{{"kind", "move_file"}, {"from", of(a.from)}, {"to", of(a.to)}};
  }
  Result<Json> operator()(const SetAccess& a) const {
    return Json{
        {"kind", "set_access"}, {"path", of(a.path)}, {"before", of(a.before)}, {"after", of(a.after)}};
  }
  Result<Json> operator()(const RemoveFiles& a) const {
    Json out = {{"kind", "remove_files"}, {"what", of(a.what)}, {"files", Json::array()}};
    for (const auto& file : a.files) out["files"].push_back({{"path", of(file.path)}, {"bytes", file.bytes}});
    return out;
  }
  Result<Json> operator()(const TrimFile& a) const {
    return Json{{"kind", "trim_file"}, {"path", of(a.path)}, {"bytes", a.bytes}, {"keep", a.keep}};
  }
  Result<Json> operator()(const EndProcess& a) const {
    return Json{{"kind", "end_process"},
                {"pid", a.pid},
                {"start_ticks", a.start_ticks},
                {"name", of(a.name)},
                {"grace_ms", ms(a.grace)}};
  }
  Result<Json> operator()(const UnitOrder& a) const {
    std::string_view verb;
    for (const auto& [value, name] : kVerbs)
      if (value == a.verb) verb = name;
    return Json{{"kind", "unit_order"}, {"verb", verb}, {"unit", of(a.unit)}, {"user", of(a.user)}};
  }
  Result<Json> operator()(const RunTool& a) const {
    Json out = {{"kind", "run_tool"},
                {"argv", list(a.argv)},
                {"environment", Json::array()},
                {"user", of(a.user)},
                {"working_dir", of(a.working_dir)},
                {"limit_ms", ms(a.limit)},
                {"protects", list(a.protects)},
                {"good", a.good},
                {"undo", list(a.undo)},
                {"changed", Json::array()}};
    for (const auto& [name, value] : a.environment)
      out["environment"].push_back({{"name", of(name)}, {"value", of(value)}});
    for (const auto& file : a.changed) out["changed"].push_back(TRY((*this)(file)));
    return out;
  }
};

// -- reading

/// Looks members up by name; the first thing that is not as it should be is remembered, and everything after
/// it reads as nothing. So a reader asks for all it wants and looks once at the end.
class Reader {
 public:
  Reader(const Json& json, const Fetch& fetch) : json_(json), fetch_(fetch) {}

  /// Reads another object with the same memory for what went wrong.
  template <class Read>
  auto inner(const Json& json, Read&& read) {
    Reader other(json, fetch_);
    auto value = read(other);
    if (other.error_ && !error_) error_ = std::move(other.error_);
    return value;
  }
  std::string text(std::string_view name) { return text_of(member(name), name); }
  std::filesystem::path path(std::string_view name) { return text(name); }
  template <class T>
  T number(std::string_view name) {
    return number_of<T>(member(name), name);
  }
  Duration ms(std::string_view name) {
    // More than a century is no limit that we wrote, and would not fit in nanoseconds.
    auto count = number<std::int64_t>(name);
    if (count < 0 || count > std::int64_t{100} * 365 * 24 * 3600 * 1000) wrong(name);
    return error_ ? Duration{} : std::chrono::milliseconds(count);
  }
  std::vector<std::string> texts(std::string_view name) {
    std::vector<std::string> out;
    for (const auto& item : array(name)) out.push_back(text_of(&item, name));
    return out;
  }
  std::vector<int> numbers(std::string_view name) {
    std::vector<int> out;
    for (const auto& item : array(name)) out.push_back(number_of<int>(&item, name));
    return out;
  }
  const Json& array(std::string_view name) {
    static const Json kNone = Json::array();
    const auto* found = member(name);
    if (found != nullptr && found->is_array()) return *found;
    wrong(name);
    return kNone;
  }
  Access access(std::string_view name) {
    const auto* found = member(name);
    if (found == nullptr || !found->is_object()) {
      wrong(name);
      return {};
    }
    return inner(*found, [](Reader& r) { return r.access_here(); });
  }
  std::optional<FileState> state(std::string_view name) {
    const auto* found = member(name);
    if (found != nullptr && found->is_null()) return std::nullopt;
    if (found == nullptr || !found->is_object()) {
      wrong(name);
      return std::nullopt;
    }
    return inner(*found, [](Reader& r) -> std::optional<FileState> {
      FileState file{.bytes = {}, .access = r.access_here()};
      auto key = r.text("bytes");
      if (r.error_) return std::nullopt;
      auto bytes = r.fetch_(key);
      if (!bytes) {
        r.error_ = error(HealCode::unreadable, "the bytes of a recorded file cannot be read")
                       .because(std::move(bytes).error());
        return std::nullopt;
      }
      file.bytes = std::move(*bytes);
      return file;
    });
  }
  Access access_here() {
    auto mode = to_number<unsigned>(text("mode"), 8);
    if (!mode || *mode > 07777) wrong("mode");
    return {.mode = mode.value_or(0), .uid = number<uid_t>("uid"), .gid = number<gid_t>("gid")};
  }
  void wrong(std::string_view name) {
    if (!error_) error_ = error(HealCode::unreadable, "a recorded action has no proper {}", quote(name));
  }
  std::optional<Error>& problem() { return error_; }

 private:
  const Json* member(std::string_view name) {
    auto found = json_.is_object() ? json_.find(name) : json_.end();
    if (!json_.is_object() || found == json_.end()) {
      wrong(name);
      return nullptr;
    }
    return &*found;
  }
  std::string text_of(const Json* json, std::string_view name) {
    if (json != nullptr && json->is_string()) return json->get<std::string>();
    const auto* hex =
        json != nullptr && json->is_object() && json->contains("hex") ? &(*json)["hex"] : nullptr;
    if (hex == nullptr || !hex->is_string()) {
      wrong(name);
      return {};
    }
    const auto& digits = hex->get_ref<const std::string&>();
    std::string out;
    for (std::size_t i = 0; i < digits.size(); i += 2) {
      auto byte = to_number<unsigned>(std::string_view(digits).substr(i, 2), 16);
      if (!byte || digits.size() % 2 != 0) {
        wrong(name);
        return {};
      }
      out += static_cast<char>(*byte);
    }
    return out;
  }
  template <class T>
  T number_of(const Json* json, std::string_view name) {
    if (json != nullptr && json->is_number_unsigned()) {
      auto value = json->get<std::uint64_t>();
      if (value <= static_cast<std::uint64_t>(std::numeric_limits<T>::max())) return static_cast<T>(value);
    } else if (json != nullptr && json->is_number_integer()) {
      auto value = json->get<std::int64_t>();  // negative: a positive one is unsigned to this parser
      if constexpr (std::is_signed_v<T>)
        if (value >= std::numeric_limits<T>::min()) return static_cast<T>(value);
    }
    wrong(name);
    return {};
  }

  const Json& json_;
  const Fetch& fetch_;
  std::optional<Error> error_;
};

WriteFile write_file(Reader& r) {
  WriteFile a;
  a.path = r.path("path");
  a.before = r.state("before");
  a.after = r.state("after");
  return a;
}

UnitOrder unit_order(Reader& r) {
  UnitOrder a;
  auto verb = r.text("verb");
  bool known = false;
  for (const auto& [value, name] : kVerbs)
    if (name == verb) a.verb = value, known = true;
  if (!known) r.wrong("verb");
  a.unit = r.text("unit");
  a.user = r.text("user");
  return a;
}

RunTool run_tool(Reader& r) {
  RunTool a;
  a.argv = r.texts("argv");
  if (a.argv.empty()) r.wrong("argv");
  for (const auto& variable : r.array("environment"))
    r.inner(variable, [&a](Reader& v) {
      a.environment[v.text("name")] = v.text("value");
      return true;
    });
  a.user = r.text("user");
  a.working_dir = r.path("working_dir");
  a.limit = r.ms("limit_ms");
  for (auto& path : r.texts("protects")) a.protects.emplace_back(std::move(path));
  a.good = r.numbers("good");
  a.undo = r.texts("undo");
  for (const auto& file : r.array("changed")) a.changed.push_back(r.inner(file, write_file));
  return a;
}

std::optional<Action> action_of(std::string_view kind, Reader& r) {
  if (kind == "write_file") return write_file(r);
  if (kind == "move_file") return MoveFile{r.path("from"), r.path("to")};
  if (kind == "set_access") return SetAccess{r.path("path"), r.access("before"), r.access("after")};
  if (kind == "remove_files") {
    RemoveFiles a{.files = {}, .what = r.text("what")};
    for (const auto& file : r.array("files"))
      a.files.push_back(r.inner(file, [](Reader& f) {
        return RemoveFiles::Item{f.path("path"), f.number<std::uint64_t>("bytes")};
      }));
    return a;
  }
  if (kind == "trim_file")
    return TrimFile{r.path("path"), r.number<std::uint64_t>("bytes"), r.number<std::uint64_t>("keep")};
  if (kind == "end_process")
    return EndProcess{r.number<pid_t>("pid"), r.number<std::uint64_t>("start_ticks"), r.text("name"),
                      r.ms("grace_ms")};
  if (kind == "unit_order") return unit_order(r);
  if (kind == "run_tool") return run_tool(r);
  return std::nullopt;
}

}  // namespace

Result<std::string> to_json(const Action& action, const Keep& keep) {
  Json out = {{"schema", kSchema}};
  out.update(TRY(std::visit(Writer{keep}, action)));
  return out.dump();
}

Result<Action> parse_action(std::string_view text, const Fetch& fetch) {
  if (text.size() > kMostJson)
    return fail(HealCode::unreadable, "a recorded action has {}", bytes_text(text.size()));
  // The callback keeps hostile nesting off the stack: what is deeper reads as absent.
  auto json =
      Json::parse(text, [](int depth, Json::parse_event_t, Json&) { return depth < kDeepest; }, false);
  Reader reader(json, fetch);
  if (!json.is_object() || json.value("schema", Json()) != kSchema)
    return fail(HealCode::unreadable, "a recorded action is not {}", kSchema);
  auto kind = reader.text("kind");
  auto action = action_of(kind, reader);
  if (auto& problem = reader.problem()) return fail(std::move(*problem));
  if (!action) return fail(HealCode::unreadable, "a recorded action is of unknown kind {}", quote(kind));
  return std::move(*action);
}

}  // namespace meshops::heal
