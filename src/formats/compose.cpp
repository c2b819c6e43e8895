#include "formats/compose.h"

#include "base/text.h"
#include "formats/shell.h"

namespace meshops::compose {

Expanded interpolate(std::string_view text, const Variables& variables) {
  std::string escaped;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '$' && i + 1 < text.size() && text[i + 1] == '$') {
      escaped += "\\$";
      ++i;
    } else {
      escaped += text[i];
    }
  }
  return dockerfile::expand(escaped, variables);
}

std::vector<EnvLine> env_lines(std::string_view text) {
  std::vector<EnvLine> out;
  std::size_t number = 0;
  for (auto line : split(text, '\n')) {
    ++number;
    auto bare = trim(line);
    if (bare.starts_with("export ")) bare = trim(bare.substr(7));
    auto equals = bare.find('=');
    if (bare.starts_with('#') || equals == std::string_view::npos || equals == 0) continue;
    EnvLine entry{.name = std::string(trim(bare.substr(0, equals))), .value = "", .line = number};
    auto value = trim(bare.substr(equals + 1));
    if (!value.empty() && (value[0] == '"' || value[0] == '\'')) {
      auto end = value.find(value[0], 1);
      value = value.substr(1, end == std::string_view::npos ? end : end - 1);
    } else if (auto comment = value.find(" #"); comment != std::string_view::npos) {
      value = trim(value.substr(0, comment));
    }
    entry.value = value;
    entry.column = static_cast<std::size_t>(bare.data() - line.data()) + 1;
    out.push_back(std::move(entry));
  }
  return out;
}

std::vector<yaml::Value> list(const yaml::Value& value) {
  if (value.is_sequence()) return value.items();
  if (value.is_scalar()) return {value};
  return {};
}

std::vector<Env> environment(const yaml::Value& value) {
  std::vector<Env> out;
  for (const auto& member : value.members()) {
    Env env{.name = member.key.text(), .value = std::nullopt, .at = member.value};
    if (member.value.is_scalar()) env.value = member.value.text();
    // A null has no place of its own that a person would look at.
    if (!member.value.is_scalar()) env.at = member.key;
    out.push_back(std::move(env));
  }
  for (const auto& item : value.items()) {
    auto text = item.text();
    auto equals = text.find('=');
    Env env{.name = text.substr(0, equals), .value = std::nullopt, .at = item};
    if (equals != std::string::npos) env.value = text.substr(equals + 1);
    out.push_back(std::move(env));
  }
  return out;
}

namespace {

/// Pieces between colons that are not inside ${…} or [ ].
std::vector<std::string> colon_parts(std::string_view text) {
  std::vector<std::string> out(1);
  int depth = 0;
  for (char c : text) {
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && depth > 0) --depth;
    if (c == ':' && depth == 0)
      out.emplace_back();
    else
      out.back() += c;
  }
  return out;
}

}  // namespace

std::vector<Port> ports(const yaml::Value& value) {
  std::vector<Port> out;
  for (const auto& item : value.items()) {
    Port port{.at = item};
    if (item.is_mapping()) {
      port.container = item.at("target").text();
      port.host = item.at("published").text();
      port.host_address = item.at("host_ip").text();
      if (auto protocol = item.at("protocol").text(); !protocol.empty()) port.protocol = protocol;
    } else {
      auto text = item.text();
      if (auto slash = text.rfind('/'); slash != std::string::npos) {
        port.protocol = text.substr(slash + 1);
        text.resize(slash);
      }
      auto parts = colon_parts(text);
      port.container = parts.back();
      if (parts.size() > 1) port.host = parts[parts.size() - 2];
      if (parts.size() > 2) port.host_address = parts[parts.size() - 3];
      // "[::1]:80:80"
      if (port.host_address.starts_with('[') && port.host_address.ends_with(']'))
        port.host_address = port.host_address.substr(1, port.host_address.size() - 2);
    }
    if (!port.container.empty()) out.push_back(std::move(port));
  }
  return out;
}

std::vector<Mount> mounts(const yaml::Value& value) {
  std::vector<Mount> out;
  for (const auto& item : value.items()) {
    Mount mount{.at = item};
    if (item.is_mapping()) {
      mount.source = item.at("source").text();
      mount.target = item.at("target").text();
      mount.read_only = item.at("read_only").boolean().value_or(false);
      if (item.at("source")) mount.at = item.at("source");
    } else {
      auto parts = colon_parts(item.text());
      mount.source = parts.size() > 1 ? parts[0] : "";
      mount.target = parts.size() > 1 ? parts[1] : parts[0];
      if (parts.size() > 2)
        for (auto option : split(parts[2], ','))
          if (option == "ro") mount.read_only = true;
    }
    out.push_back(std::move(mount));
  }
  return out;
}

std::vector<std::string> words(const yaml::Value& value) {
  std::vector<std::string> out;
  if (value.is_scalar()) {
    for (const auto& command : shell::commands(value.text()))
      if (!command.nested_shell && !command.substituted)
        for (const auto& word : command.words) out.push_back(word.text);
    return out;
  }
  for (const auto& item : value.items()) out.push_back(item.text());
  return out;
}

bool Image::floats() const {
  if (!digest.empty()) return false;
  auto low = lower(tag);
  return low.empty() || low == "latest" || low.starts_with("latest-") || low.ends_with("-latest");
}

Image parse_image(std::string_view text) {
  Image out;
  auto at = text.find('@');
  if (at != std::string_view::npos) out.digest = text.substr(at + 1);
  auto rest = text.substr(0, at);
  auto slash = rest.rfind('/');
  auto colon = rest.find(':', slash == std::string_view::npos ? 0 : slash);
  if (colon != std::string_view::npos) out.tag = rest.substr(colon + 1);
  out.name = rest.substr(0, colon);
  return out;
}

}  // namespace meshops::compose
