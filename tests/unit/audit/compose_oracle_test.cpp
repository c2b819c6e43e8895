// Compose itself is asked: what we read of a service (anchors, merge keys, extends, files laid over one
// another, variables) is what `docker compose config` says of it, on projects made from a fixed seed. 50 of
// them in a normal run (Compose takes 75 ms for each), 1,000 with MESHOPS_ORACLE=1. Left out where there is
// no docker compose of version 2.24 or later (!reset and !override); no engine is needed.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "audit/docker_files.h"
#include "base/text.h"
#include "config/mesh.h"
#include "formats/version_range.h"
#include "unit/oracle.h"

namespace meshops::audit {
namespace {

using namespace oracle;
using Json = nlohmann::json;

bool has_compose() {
  auto version = shell("docker compose version --short");
  return in_version_range(trim(version), ">=2.24").value_or(false);
}

/// A piece of YAML that stands below a service, in one of its forms.
class Writer {
 public:
  explicit Writer(Chance& chance) : chance_(chance), deploys_(chance.one_in(3)) {}

  /// Lines of one service, without the anchors and the extends around it.
  std::string body(bool whole, const std::string& indent) {
    std::string out;
    if (whole || chance_.one_in(5)) out += indent + "image: " + image() + "\n";
    if (chance_.one_in(2)) out += indent + "user: " + chance_.of(users()) + "\n";
    if (chance_.one_in(2)) out += indent + "restart: " + chance_.of(restarts()) + "\n";
    if (chance_.one_in(3)) out += indent + "privileged: " + chance_.of(flags()) + "\n";
    // Two limits that differ are refused.
    if (chance_.one_in(2))
      out += deploys_ ? limits(indent) : indent + "mem_limit: " + chance_.of(sizes()) + "\n";
    if (chance_.one_in(2)) out += tagged(indent, "environment", environment(indent + "  "));
    if (chance_.one_in(2)) out += tagged(indent, "ports", ports(indent + "  "));
    if (chance_.one_in(2)) out += tagged(indent, "volumes", volumes(indent + "  "));
    if (chance_.one_in(3)) out += tagged(indent, "cap_add", capabilities(indent + "  "));
    if (chance_.one_in(2)) out += tagged(indent, "logging", logging(indent + "  "));
    if (chance_.one_in(3)) out += healthcheck(indent);
    return out;
  }
  /// !reset and !override belong into files that are laid over others.
  bool tags = false;

 private:
  std::string tagged(const std::string& indent, const std::string& key, const std::string& block) {
    if (tags && chance_.one_in(8)) return indent + key + ": !reset null\n";
    return indent + key + ":" + (tags && chance_.one_in(6) ? " !override" : "") + "\n" + block;
  }
  std::string image() {
    return chance_.of<std::string>({"nginx:1.27", "\"redis:7-alpine\"", "${REGISTRY:-docker.io}/a/b:${TAG-1}",
                                    "'reg.example.org:5000/x@sha256:"
                                    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'",
                                    "${IMAGE}", "app:${TAG:?no tag}", "app:$TAG", "postgres"});
  }
  static const std::vector<std::string>& users() {
    static const std::vector<std::string> kAll = {
        "root",   "\"1000:1000\"",    "\"1000\"",          "${CLAW_UID:-1001}:${CLAW_GID:-}",
        "'claw'", "claw  # not root", ">-\n        folded"};
    return kAll;
  }
  static const std::vector<std::string>& restarts() {
    static const std::vector<std::string> kAll = {"always", "\"no\"", "unless-stopped",
                                                  "${RESTART:-on-failure:3}", "on-failure"};
    return kAll;
  }
  static const std::vector<std::string>& flags() {
    static const std::vector<std::string> kAll = {"true", "false", "${PRIVILEGED:-true}",
                                                  "${NOTHING:-false}"};
    return kAll;
  }
  static const std::vector<std::string>& sizes() {
    static const std::vector<std::string> kAll = {"512m",          "1g",  "\"268435456\"", "\"64MB\"",
                                                  "${MEMORY:-2G}", "100k"};
    return kAll;
  }
  std::string limits(const std::string& indent) {
    return indent + "deploy:\n" + indent + "  resources:\n" + indent + "    limits:\n" + indent +
           "      memory: " + chance_.of(sizes()) + "\n";
  }
  std::string environment(const std::string& indent) {
    static const std::vector<std::string> kNames = {"A", "B", "PATH_OF", "TOKEN", "url"};
    static const std::vector<std::string> kValues = {
        "1",           "plain",          "${TAG}", "${UNKNOWN:-x y}", "$$HOME",          "a=b",
        "${TAG:+set}", "${EMPTY:-full}", "",       "${EMPTY-none}",   "http://h:1/?q=$$"};
    std::string out;
    std::set<std::string> used;
    bool list = chance_.one_in(3);
    for (auto n = 1 + chance_.below(4); n > 0; --n) {
      const auto& name = chance_.of(kNames);
      if (!used.insert(name).second) continue;
      const auto& value = chance_.of(kValues);
      if (list)
        out += indent + "- " + (chance_.one_in(6) ? name : "\"" + name + "=" + value + "\"") + "\n";
      else
        out += indent + name + ": " + (chance_.one_in(6) ? "" : "\"" + value + "\"") + "\n";
    }
    return out;
  }
  std::string ports(const std::string& indent) {
    static const std::vector<std::string> kAll = {"\"8080:80\"",
                                                  "8443:443",
                                                  "\"127.0.0.1:9000:9000\"",
                                                  "\"53:53/udp\"",
                                                  "\"3000\"",
                                                  "7777",
                                                  "\"9001-9003:9101-9103\"",
                                                  "\"${PORT:-8081}:81\"",
                                                  "\"[::1]:6000:6000\"",
                                                  "{target: 90, published: \"9090\", host_ip: 127.0.0.1}",
                                                  "{target: 91, published: 9191, protocol: udp, mode: host}",
                                                  "\"127.0.0.1::5000\""};
    return list(indent, kAll);
  }
  std::string volumes(const std::string& indent) {
    static const std::vector<std::string> kAll = {
        "./data:/data",
        "./data:/data:ro",
        "state:/state",
        "/var/run/docker.sock:/var/run/docker.sock:ro",
        "${DATA:-./fallback}:/data",
        "/anonymous",
        "../up:/up:rw,z",
        "{type: bind, source: ./long, target: /long, read_only: true}",
        "{type: tmpfs, target: /tmp}",
        "{type: volume, source: state, target: /other}"};
    return list(indent, kAll);
  }
  std::string capabilities(const std::string& indent) {
    return list(indent, {"NET_ADMIN", "ALL", "\"SYS_PTRACE\"", "${CAP:-CHOWN}"});
  }
  std::string list(const std::string& indent, const std::vector<std::string>& from) {
    std::string out;
    std::set<std::string> used;
    for (auto n = 1 + chance_.below(3); n > 0; --n) {
      const auto& item = chance_.of(from);
      if (used.insert(item).second) out += indent + "- " + item + "\n";
    }
    return out;
  }
  std::string logging(const std::string& indent) {
    std::string out;
    if (!chance_.one_in(3))
      out += indent + "driver: " + chance_.of<std::string>({"json-file", "local", "journald"}) + "\n";
    if (out.empty() || !chance_.one_in(3)) {
      out += indent + "options:\n";
      out += indent + "  max-size: " + chance_.of<std::string>({"10m", "\"1m\"", "${LOG_SIZE:-5m}"}) + "\n";
      if (chance_.one_in(2)) out += indent + "  max-file: \"" + std::to_string(1 + chance_.below(4)) + "\"\n";
    }
    return out;
  }
  std::string healthcheck(const std::string& indent) {
    auto out = indent + "healthcheck:\n";
    auto test = chance_.of<std::string>({"curl -f http://localhost/ || exit 1",
                                         "[\"CMD\", \"pg_isready\", \"-U\", \"${DB_USER:-a}\"]",
                                         "[CMD-SHELL, \"test -e /ok\"]", ""});
    if (!test.empty()) out += indent + "  test: " + test + "\n";
    if (test.empty() || chance_.one_in(2))
      out += indent + "  interval: " + chance_.of<std::string>({"5s", "1m", "30s"}) + "\n";
    return out;
  }
  Chance& chance_;
  bool deploys_;
};

/// One project: compose.yaml, sometimes a file that it extends, and one that is laid over it.
struct Project {
  std::string over;  // its name; empty: none
  std::string command = "docker compose -f compose.yaml";
};

Project write(Chance& chance, const Folder& folder) {
  Writer writer(chance);
  Project project;
  std::string env =
      "# of the project\nTAG=1.2\nEMPTY=\nIMAGE=\"quoted:3\"\nexport MEMORY=300m # comment\nLOG_SIZE='7m'\n";
  if (chance.one_in(2)) env += "PRIVILEGED=false\nPORT=18080\nRESTART=no\n";
  folder.write(".env", env);

  std::string text;
  bool fragment = chance.one_in(2), second = chance.one_in(3);
  if (fragment) text += "x-common: &common\n" + writer.body(false, "  ") + "  hostname: common\n";
  if (second) text += "x-second: &second\n" + writer.body(false, "  ") + "  hostname: second\n";
  text += "services:\n";
  text += "  base:\n" + writer.body(true, "    ");
  text += "  web:\n";
  if (fragment && chance.one_in(2))
    text += second && chance.one_in(2) ? "    <<: [*common, *second]\n" : "    <<: *common\n";
  bool far = chance.one_in(3);
  if (far)
    text += "    extends:\n      file: other.yaml\n      service: far\n";
  else if (chance.one_in(2))
    text += chance.one_in(2) ? "    extends: base\n" : "    extends: {service: base}\n";
  text += writer.body(true, "    ");
  folder.write("compose.yaml", text + "volumes:\n  state:\n");
  if (far)
    folder.write("other.yaml", "services:\n  far:\n" +
                                   std::string(chance.one_in(2) ? "    extends: farther\n" : "") +
                                   writer.body(true, "    ") + "  farther:\n" + writer.body(true, "    "));
  if (chance.one_in(2)) {
    // Without an image it is laid over the other one by its content, with one by its name.
    bool by_name = chance.one_in(2);
    project.over = by_name ? "compose.override.yaml" : "compose.prod.yaml";
    writer.tags = true;
    auto over = "services:\n  web:\n    hostname: over\n" + writer.body(false, "    ");
    if (!by_name) {
      std::string without;
      for (auto line : split(over, '\n'))
        if (!line.starts_with("    image:")) without += std::string(line) + "\n";
      over = without;
    }
    folder.write(project.over, over);
    project.command += " -f " + project.over;
  }
  return project;
}

/// With the engine's units: all of them are of 1024.
std::string bytes_of(std::string written) {
  if (written.ends_with("MB")) written.pop_back();
  auto bytes = parse_bytes(written);
  return bytes ? std::to_string(*bytes) : written;
}

/// What both sides say of a service, as lines that can be compared.
using Said = std::map<std::string, std::string>;

void put_set(Said& out, const std::string& key, const std::set<std::string>& items) {
  for (const auto& item : items) out[key] += item + "\n";
}

std::vector<std::string> range(const std::string& text) {
  auto dash = text.find('-');
  auto low = to_number<int>(text.substr(0, dash)),
       high = dash == std::string::npos ? low : to_number<int>(text.substr(dash + 1));
  std::vector<std::string> out;
  if (!low || !high) return {text};
  for (int i = *low; i <= *high; ++i) out.push_back(std::to_string(i));
  return out;
}

Said ours(const ComposeService& service, const std::filesystem::path& folder) {
  Said out;
  auto scalar = [&](const std::string& key, std::optional<compose::Expanded> value) {
    if (value) out[key] = value->text;
  };
  for (const auto* key : {"image", "user", "restart", "hostname"}) scalar(key, service.text(key));
  // An empty word means the same as none.
  if (out.contains("user") && out["user"].empty()) out.erase("user");
  if (auto text = service.text("privileged"); text && text->text == "true") out["privileged"] = "true";
  if (auto text = service.text("mem_limit")) out["mem_limit"] = bytes_of(text->text);
  if (auto limit = service.effective("deploy", "resources", "limits", "memory"))
    out["limit"] = bytes_of(compose::interpolate(limit.value.text(), limit.file->variables).text);
  for (const auto& variable : service.environment())
    out["environment " + variable.piece.name] =
        variable.piece.value ? "=" + variable.text(*variable.piece.value) : "";
  std::set<std::string> ports, mounts, capabilities;
  for (const auto& port : service.ports()) {
    auto inside = range(port.text(port.piece.container)), outside = range(port.text(port.piece.host));
    auto address = port.text(port.piece.host_address);
    for (std::size_t i = 0; i < inside.size(); ++i)
      ports.insert(fmt::format("{} {} {}/{}", address,
                               outside.size() == inside.size() ? outside[i] : outside[0], inside[i],
                               port.piece.protocol));
  }
  put_set(out, "ports", ports);
  for (const auto& mount : service.mounts()) {
    auto source = mount.text(mount.piece.source);
    if (source.starts_with('.')) source = (folder / source).lexically_normal().string();
    mounts.insert(
        fmt::format("{} {}{}", source, mount.text(mount.piece.target), mount.piece.read_only ? " ro" : ""));
  }
  put_set(out, "volumes", mounts);
  for (const auto& item : service.list("cap_add"))
    capabilities.insert(compose::interpolate(item.value.text(), item.file->variables).text);
  put_set(out, "cap_add", capabilities);
  scalar("driver", service.text("logging", "driver"));
  for (const auto* option : {"max-size", "max-file"})
    if (auto value = service.effective("logging", "options", option))
      out[option] = compose::interpolate(value.value.text(), value.file->variables).text;
  if (auto test = service.effective("healthcheck", "test")) {
    auto word = [&](const yaml::Value& v) {
      return compose::interpolate(v.text(), test.file->variables).text;
    };
    if (test.value.is_scalar()) out["test"] = "CMD-SHELL\n" + word(test.value) + "\n";
    for (const auto& item : test.value.items()) out["test"] += word(item) + "\n";
  }
  scalar("interval", service.text("healthcheck", "interval"));
  return out;
}

/// As a text; what Compose prints can be read again, so a "$" stands there twice.
std::string text_of(const Json& json) {
  if (json.is_null()) return "";
  if (!json.is_string()) return json.dump();
  std::string out;
  const auto& text = json.get_ref<const std::string&>();
  for (std::size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (text[i] == '$' && i + 1 < text.size() && text[i + 1] == '$') ++i;
  }
  return out;
}

Said theirs(const Json& service) {
  Said out;
  for (const auto* key : {"image", "user", "restart", "mem_limit", "hostname"})
    if (service.contains(key)) out[key] = text_of(service[key]);
  if (service.value("privileged", false)) out["privileged"] = "true";
  auto limit = service.value("/deploy/resources/limits/memory"_json_pointer, Json());
  if (!limit.is_null()) out["limit"] = text_of(limit);
  const auto environment = service.value("environment", Json::object());
  for (const auto& [name, value] : environment.items())
    out["environment " + name] = value.is_null() ? "" : "=" + text_of(value);
  std::set<std::string> ports, mounts, capabilities;
  for (const auto& port : service.value("ports", Json::array()))
    ports.insert(fmt::format("{} {} {}/{}", port.value("host_ip", ""), port.value("published", ""),
                             text_of(port["target"]), port.value("protocol", "tcp")));
  put_set(out, "ports", ports);
  for (const auto& mount : service.value("volumes", Json::array()))
    mounts.insert(fmt::format("{} {}{}", mount.value("source", ""), mount.value("target", ""),
                              mount.value("read_only", false) ? " ro" : ""));
  put_set(out, "volumes", mounts);
  for (const auto& item : service.value("cap_add", Json::array())) capabilities.insert(text_of(item));
  put_set(out, "cap_add", capabilities);
  const auto logging = service.value("logging", Json::object());
  if (logging.contains("driver")) out["driver"] = text_of(logging["driver"]);
  const auto options = logging.value("options", Json::object());
  for (const auto* option : {"max-size", "max-file"})
    if (options.contains(option)) out[option] = text_of(options[option]);
  const auto check = service.value("healthcheck", Json::object());
  for (const auto& word : check.value("test", Json::array())) out["test"] += text_of(word) + "\n";
  // "1m" is printed as "1m0s".
  if (check.contains("interval"))
    out["interval"] = text_of(check["interval"]) == "1m0s" ? "1m" : text_of(check["interval"]);
  return out;
}

std::string differences(const Said& ours, const Said& theirs) {
  std::string out;
  auto one = [](const Said& said, const std::string& key) {
    auto found = said.find(key);
    return found == said.end() ? std::string("nothing") : "'" + found->second + "'";
  };
  std::set<std::string> keys;
  for (const auto& [key, value] : ours) keys.insert(key);
  for (const auto& [key, value] : theirs) keys.insert(key);
  for (const auto& key : keys)
    if (one(ours, key) != one(theirs, key))
      out += fmt::format("  {}: {} here, {} there\n", key, one(ours, key), one(theirs, key));
  return out;
}

TEST(ComposeOracle, ReadsAServiceAsComposeDoes) {
  if (!has_compose()) GTEST_SKIP() << "there is no docker compose of version 2.24 or later";
  int asked = 0, refused = 0;
  std::string refusal;                                           // the first
  std::map<std::string, std::pair<int, std::string>> differing;  // by key: how often, and the shortest
  for (int seed = 0; seed < how_many(); ++seed) {
    Chance chance(static_cast<unsigned>(seed));
    Folder folder;
    auto project = write(chance, folder);
    auto answer = shell("cd '" + folder.path().string() + "' && env -i PATH=\"$PATH\" HOME=\"$HOME\" " +
                        project.command + " config --format json 2>/dev/null");
    auto json = Json::parse(answer, nullptr, false);
    if (!json.is_object()) {
      if (refused++ == 0)
        refusal = shell("cd '" + folder.path().string() + "' && " + project.command + " config -q");
      continue;
    }
    ++asked;
    auto host = rooted_host(folder.path());
    const Site site(Ground::repo, *host, nullptr, Mesh{}, WallTime{});
    auto files = DockerFiles::gather(site);
    for (const auto& service : files.services()) {
      if (service.file->path != "/compose.yaml") continue;
      ASSERT_TRUE(json["services"].contains(service.name)) << answer;
      auto told = differences(ours(service, folder.path()), theirs(json["services"][service.name]));
      if (told.empty()) continue;
      auto whole = fmt::format("seed {}, service {}:\n{}{}", seed, service.name, told,
                               shell("cd '" + folder.path().string() + "' && grep -n . *.yaml .env"));
      for (auto line : split(told, '\n')) {
        if (!line.starts_with("  ")) continue;
        auto& [count, shortest] = differing[std::string(line.substr(2, line.find_first_of(": ", 2) - 2))];
        if (count++ == 0 || whole.size() < shortest.size()) shortest = whole;
      }
    }
  }
  for (const auto& [key, what] : differing)
    ADD_FAILURE() << what.first << " times " << key << "; the shortest:\n" << what.second;
  // What Compose refuses says nothing: most of it must be taken.
  EXPECT_GT(asked, 4 * refused) << refused << " of them Compose does not take: " << refusal;
}

TEST(ComposeOracle, ReadsAnEnvFileAsComposeDoes) {
  if (!has_compose()) GTEST_SKIP() << "there is no docker compose of version 2.24 or later";
  const std::vector<std::string> kLines = {
      "A=1",   "B = spaced", "export C=x",    "D='single $A'", "E=\"double\"", "# comment",  "F=a # not b",
      "G=a#b", "H=",         "I=\"a b\" # c", "J=x=y",         "   K=indent",  "L='it''s'",  "M=\"\"",
      "",      "N=tail   ",  "O=ü",           "P=C:\\dir\\x",  "Q='# no'",     "R=\"x # y\""};
  for (int seed = 0; seed < how_many(); ++seed) {
    Chance chance(static_cast<unsigned>(seed));
    Folder folder;
    std::string text;
    for (auto n = 1 + chance.below(6); n > 0; --n)
      text += chance.of(kLines) + (chance.one_in(8) ? "\r\n" : "\n");
    folder.write("app.env", text);
    folder.write("compose.yaml", "services:\n  a:\n    image: x:1\n    env_file: app.env\n");
    auto answer =
        shell("cd '" + folder.path().string() +
              "' && env -i PATH=\"$PATH\" HOME=\"$HOME\" docker compose config --format json 2>/dev/null");
    auto json = Json::parse(answer, nullptr, false);
    if (!json.is_object()) continue;
    Said mine, other;
    for (const auto& line : compose::env_lines(text)) mine[line.name] = line.value;
    const auto environment = json["services"]["a"].value("environment", Json::object());
    for (const auto& [name, value] : environment.items()) other[name] = text_of(value);
    EXPECT_EQ(differences(mine, other), "") << text;
  }
}

}  // namespace
}  // namespace meshops::audit
