#include "audit/secret_inventory.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <set>

#include "audit/secrets.h"
#include "audit/security_facts.h"
#include "base/hmac.h"
#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kLargest = 1U << 20;  // of a file of settings

/// Files of settings beside .env: what is deployed differs by them.
bool is_settings(const FoundFile& file) {
  auto name = lower(file.path.filename().string());
  return std::ranges::any_of(
      std::array<std::string_view, 10>{".yaml", ".yml", ".json", ".toml", ".ini", ".conf", ".properties",
                                       ".tfvars", ".cfg", ".credentials"},
      [&](auto end) { return name.ends_with(end); });
}
bool is_sample(const fs::path& path) {
  auto name = lower(path.filename().string());
  return name.find("example") != std::string::npos || name.find("sample") != std::string::npos ||
         name.find("template") != std::string::npos || name.ends_with(".dist");
}

/// rotated=2026-01-31 in a comment on that line or the one above it.
std::optional<WallTime> rotated(const std::vector<std::string_view>& lines, std::size_t line) {
  for (auto at : {line, line - 1}) {
    if (at == 0 || at > lines.size()) continue;
    auto text = lines[at - 1];
    auto mark = text.find("rotated=");
    if (mark == std::string_view::npos) continue;
    auto comment = text.substr(0, mark).find_last_of("#/;");
    if (comment == std::string_view::npos) continue;
    // Above it must be a line of its own, not another secret's.
    if (at != line && !trim(text).starts_with('#') && !trim(text).starts_with("//") &&
        !trim(text).starts_with(';'))
      continue;
    auto date = text.substr(mark + 8, 10);
    if (auto time = parse_iso8601(std::string(date) + "T00:00:00Z")) return time;
  }
  return std::nullopt;
}

void look(const Site& site, const fs::path& path, const FileInfo& info, std::string_view key,
          std::vector<KnownSecret>& out, std::vector<Skip>& skips) {
  if (info.size > kLargest) return;
  auto text = site.host().read(path);
  if (!text) {
    skips.push_back({"", site.shown(path), std::string(text.error().text())});
    return;
  }
  if (text->find('\0') != std::string::npos) return;
  auto lines = split(*text, '\n');
  for (const auto& hit : find_secrets(*text)) {
    // A provider's key for trying things opens nothing.
    if (hit.kind.find("test") != std::string_view::npos) continue;
    KnownSecret one{
        .file = path,
        .at = site.at(path, hit.line, hit.column),
        .name = hit.name,
        .kind = std::string(hit.kind),
        .fingerprint = secret_fingerprint(key, std::string_view(*text).substr(hit.offset, hit.length)),
        .environment = environment_of(path)};
    one.since = rotated(lines, hit.line);
    one.since_is_told = one.since.has_value();
    // A checkout's files are as old as the checkout.
    if (!one.since && !site.repo()) one.since = info.modified;
    out.push_back(std::move(one));
  }
}

}  // namespace

void find_secrets_in(const Site& site, const fs::path& path, std::string_view key,
                     std::vector<KnownSecret>& out, std::vector<Skip>& skips) {
  auto info = site.host().stat(path);
  if (info && info->kind == FileInfo::Kind::regular) look(site, path, *info, key, out, skips);
}

std::string secret_fingerprint(std::string_view key, std::string_view secret) {
  return hex(hmac_sha256(key, secret), 6);
}

std::string environment_of(const fs::path& path) {
  struct Word {
    std::string_view word, environment;
  };
  constexpr std::array<Word, 19> kWords = {{{"production", "production"},
                                            {"prod", "production"},
                                            {"prd", "production"},
                                            {"live", "production"},
                                            {"staging", "staging"},
                                            {"stage", "staging"},
                                            {"stg", "staging"},
                                            {"preprod", "staging"},
                                            {"uat", "staging"},
                                            {"development", "development"},
                                            {"dev", "development"},
                                            {"devel", "development"},
                                            {"local", "development"},
                                            {"test", "development"},
                                            {"testing", "development"},
                                            {"qa", "test"},
                                            {"ci", "development"},
                                            {"sandbox", "sandbox"},
                                            {"demo", "demo"}}};
  std::vector<std::string> parts;
  for (const auto& part : path) parts.push_back(lower(part.string()));
  // The file's own name is nearer than its folders.
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    std::string word;
    std::vector<std::string> found;
    for (char c : *part + ".") {
      if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
        word += c;
      else if (!word.empty()) {
        found.push_back(word);
        word.clear();
      }
    }
    for (const auto& one : found)
      for (const auto& known : kWords)
        if (one == known.word) {
          // /usr/local says nothing.
          if (one == "local" && part != parts.rbegin()) continue;
          return std::string(known.environment);
        }
  }
  return {};
}

SecretInventory SecretInventory::gather(const Site& site) {
  std::string key(32, '\0');
  RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), static_cast<int>(key.size()));
  return gather_with(site, key);
}

SecretInventory SecretInventory::gather_with(const Site& site, std::string_view key) {
  SecretInventory out;
  std::set<fs::path> seen;
  auto add = [&](const fs::path& path, const FileInfo& info) {
    if (info.kind == FileInfo::Kind::regular && !is_sample(path) && seen.insert(path).second)
      look(site, path, info, key, out.secrets_, out.skips_);
  };
  auto here = [&](const fs::path& path) {
    if (auto info = site.host().stat(path)) add(path, *info);
  };
  for (const auto& file : site.files().all())
    if (file.kind == FileKind::env_file || file.kind == FileKind::gateway_config ||
        file.kind == FileKind::compose ||
        (file.kind == FileKind::other && site.repo() && is_settings(file) &&
         !environment_of(file.path).empty()))
      add(file.path, file.info);
  for (const auto& home : site.facts<GatewayHomes>().all) {
    for (const auto* name : {".env", "openclaw.json", "secrets.json", "auth-profiles.json"})
      here(home.directory / name);
    if (auto names = site.host().list(home.directory / "credentials"))
      for (const auto& name : *names) here(home.directory / "credentials" / name);
  }
  if (!site.repo())
    for (const auto* directory : {"/etc", "/etc/default", "/etc/openclaw", "/etc/meshops", "/opt", "/srv"})
      if (auto names = site.host().list(directory))
        for (const auto& name : *names)
          if (name.ends_with(".env") || name == "environment" || name == ".env" ||
              name.starts_with(".env.") || name.starts_with("openclaw"))
            here(fs::path(directory) / name);
  if (!site.repo())
    for (const auto* directory : {"/opt", "/srv", "/var/www"})
      if (auto names = site.host().list(directory))
        for (const auto& name : *names)
          if (auto files = site.host().list(fs::path(directory) / name))
            for (const auto& file : *files)
              if (file == ".env" || file.starts_with(".env.") || file.ends_with(".env"))
                here(fs::path(directory) / name / file);
  std::ranges::sort(out.secrets_, [](const KnownSecret& a, const KnownSecret& b) {
    return a.at.file != b.at.file   ? a.at.file < b.at.file
           : a.at.line != b.at.line ? a.at.line < b.at.line
                                    : a.at.column < b.at.column;
  });
  return out;
}

}  // namespace meshops::audit
