#include "cli/render_access.h"

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace meshops::cli {

namespace {

using Json = nlohmann::ordered_json;

std::string user(const AccessPicture& picture, uid_t uid) {
  auto known = picture.users.find(uid);
  return known == picture.users.end() ? fmt::format("user {}", uid) : known->second;
}

/// "/system.slice/openclaw-gateway.service" → "openclaw-gateway.service": what a person calls it.
std::string_view unit_of(std::string_view cgroup) {
  return cgroup.substr(cgroup.rfind('/') == std::string_view::npos ? 0 : cgroup.rfind('/') + 1);
}

std::string who(const AccessPicture& picture, const store::Reading& r) {
  if (!r.uid)
    return r.pid == 0 ? "a process outside of what the agent can see"
                      : fmt::format("a process that ended before it could be seen (pid {})", r.pid);
  auto text = user(picture, *r.uid);
  if (r.login && *r.login != *r.uid) text += fmt::format(" (logged in as {})", user(picture, *r.login));
  text += "  " + (r.exe.empty() ? r.comm : r.exe);
  if (!r.exe.empty() && !r.exe.ends_with("/" + r.comm)) text += fmt::format(" ({})", r.comm);
  text += fmt::format("  pid {}", r.pid);
  if (auto unit = unit_of(r.cgroup); !unit.empty()) text += fmt::format("  {}", unit);
  return text;
}

std::string line_of(const AccessPicture& picture, const store::Reading& r) {
  auto out = fmt::format("{}  {}\n    {} by {}", iso8601(r.last), printable(r.file.string()),
                         r.read ? "read" : "opened", printable(who(picture, r)));
  if (r.times > 1) out += fmt::format(", {} times since {}", r.times, iso8601(r.first));
  return out + "\n";
}
std::string line_of(const store::AccessGap& gap) {
  return fmt::format("{}  not everything was seen since {}: {}\n", iso8601(gap.until), iso8601(gap.from),
                     printable(gap.why));
}

}  // namespace

std::string access_json(const AccessPicture& picture) {
  Json json = {{"schema", "meshops.access/1"},
               {"generated_at", iso8601(picture.now)},
               {"node", picture.node},
               {"recording", picture.not_recorded.empty()},
               {"why_not", picture.not_recorded},
               {"watched", Json::array()},
               {"accesses", Json::array()},
               {"gaps", Json::array()}};
  for (const auto& file : picture.watched) json["watched"].push_back(file.string());
  auto named = [&](const std::optional<uid_t>& uid) {
    return uid ? Json(user(picture, *uid)) : Json(nullptr);
  };
  auto number = [](const std::optional<uid_t>& uid) { return uid ? Json(*uid) : Json(nullptr); };
  for (const auto& r : picture.readings)
    json["accesses"].push_back({{"file", r.file.string()},
                                {"read", r.read},
                                {"user", named(r.uid)},
                                {"uid", number(r.uid)},
                                {"login", named(r.login)},
                                {"login_uid", number(r.login)},
                                {"exe", r.exe},
                                {"comm", r.comm},
                                {"cgroup", r.cgroup},
                                {"pid", r.pid},
                                {"start_ticks", r.start_ticks},
                                {"first", iso8601(r.first)},
                                {"last", iso8601(r.last)},
                                {"times", r.times}});
  for (const auto& gap : picture.gaps)
    json["gaps"].push_back({{"from", iso8601(gap.from)}, {"until", iso8601(gap.until)}, {"why", gap.why}});
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string render_access(const AccessPicture& picture) {
  std::string out;
  auto gap = picture.gaps.begin();
  for (const auto& reading : picture.readings) {
    for (; gap != picture.gaps.end() && gap->until >= reading.last; ++gap) out += line_of(*gap);
    out += line_of(picture, reading);
  }
  for (; gap != picture.gaps.end(); ++gap) out += line_of(*gap);
  if (picture.readings.empty()) out += "no reading was recorded\n";
  if (!picture.not_recorded.empty())
    out += fmt::format("nothing is recorded now: {}\n", printable(picture.not_recorded));
  else if (!picture.asked.empty() && !picture.watched.contains(picture.asked))
    out += fmt::format("{} is not among the {} files that are watched\n", printable(picture.asked.string()),
                       picture.watched.size());
  return out;
}

}  // namespace meshops::cli
