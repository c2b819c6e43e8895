#include "audit/crontabs.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

/// Put aside, or no crontab whatever the name says.
constexpr std::array<std::string_view, 34> kAside = {
    ".bak",    ".old",  ".orig", ".save",     ".swp",      ".disabled",   ".example",
    ".sample", ".md",   ".rst",  ".dpkg-old", ".dpkg-new", ".dpkg-dist",  ".rpmsave",
    ".rpmnew", ".j2",   ".erb",  ".tmpl",     ".tpl",      ".template",   ".in",
    ".py",     ".go",   ".js",   ".ts",       ".rb",       ".rs",         ".php",
    ".json",   ".yaml", ".yml",  ".html",     ".toml",     ".placeholder"};
constexpr std::array<std::string_view, 5> kAccounts = {"root", "www-data", "nobody", "ubuntu", "ec2-user"};
/// So many bad lines and not one job: a text of another kind. A table with every field wrong has fewer.
constexpr std::size_t kNoCrontab = 12;
constexpr std::size_t kStatusLimit = 64U << 20;

bool put_aside(const std::string& name) {
  return name.starts_with('.') || name.ends_with('~') || name.starts_with("README") ||
         std::ranges::any_of(kAside, [&](auto suffix) { return name.ends_with(suffix); });
}

/// The first line that says something opens like one of a crontab.
bool looks_like_crontab(std::string_view text) {
  for (auto line : split(text, '\n')) {
    auto word = trim(line);
    if (word.empty() || word.starts_with('#')) continue;
    char c = word[0];
    return c == '*' || c == '@' || (c >= '0' && c <= '9') || word.find('=') != std::string_view::npos ||
           words(word).size() >= 6;
  }
  return true;
}

bool is_template(std::string_view text) {
  return text.find("{{") != std::string_view::npos || text.find("{%") != std::string_view::npos ||
         text.find("<%") != std::string_view::npos;
}

/// "<letters>" of every job's command is an account: it was written for /etc/crontab.
bool every_job_names_a_user(const crontab::Crontab& table) {
  return !table.jobs.empty() && std::ranges::all_of(table.jobs, [](const crontab::Job& job) {
    auto parts = words(job.command);
    return parts.size() > 1 && std::ranges::find(kAccounts, parts[0]) != kAccounts.end();
  });
}

/// Paths that dpkg knows as configuration files of a package.
std::set<std::string> conffiles(const Site& site) {
  std::set<std::string> out;
  auto status = site.host().read("/var/lib/dpkg/status", kStatusLimit);
  if (!status) return out;
  for (auto line : split(*status, '\n'))
    if (line.starts_with(" /etc/cron")) out.emplace(words(line)[0]);
  return out;
}

}  // namespace

CronFiles CronFiles::gather(const Site& site) {
  CronFiles out;
  std::optional<std::set<std::string>> packaged;
  for (auto kind : {FileKind::crontab, FileKind::system_crontab})
    for (const auto* file : site.files().of(kind)) {
      if (put_aside(file->path.filename().string())) continue;
      auto text = site.host().read(file->path);
      if (!text) {
        out.skips_.push_back({"", site.shown(file->path), text.error().text()});
        continue;
      }
      const bool spool = file->path.string().find("/var/spool/cron/") != std::string::npos;
      if (text->find('\0') != std::string::npos || is_template(*text)) continue;
      const bool by_place =
          spool || file->path.parent_path().filename() == "cron.d" || file->path == "/etc/crontab";
      // Known by a name like "x.cron" only: a script that cron starts is often called so, too.
      if (!by_place && (text->starts_with("#!") || !looks_like_crontab(*text))) continue;
      CronFile cron{.file = *file, .text = std::move(*text)};
      if (kind == FileKind::system_crontab) cron.dialect = crontab::Dialect::system;
      cron.table = crontab::Crontab::parse(cron.text, cron.dialect);
      if (kind == FileKind::crontab && !spool && every_job_names_a_user(cron.table)) {
        cron.dialect = crontab::Dialect::system;
        cron.table = crontab::Crontab::parse(cron.text, cron.dialect);
      }
      if (!by_place && cron.table.jobs.empty() && cron.table.problems.size() > kNoCrontab) continue;
      if (spool) cron.user = file->path.filename().string();
      if (!site.repo()) {
        if (!packaged) packaged = conffiles(site);
        cron.packaged = packaged->contains(file->path.string());
      }
      out.files_.push_back(std::move(cron));
    }
  std::ranges::sort(out.files_, {}, [](const CronFile& f) { return f.file.path; });
  return out;
}

bool cron_reads_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

bool is_stock_job(const crontab::Job& job) {
  std::string_view text = job.command;
  if (text.find("run-parts") != std::string_view::npos && text.find("/etc/cron.") != std::string_view::npos)
    return true;
  if (text.find("anacron") != std::string_view::npos) return true;
  // "test -e /run/systemd/system || …", "[ -d /run/systemd/system ] || …"
  auto guard = text.find("/run/systemd/system");
  return guard != std::string_view::npos && guard < 16;
}

}  // namespace meshops::audit
