// What images are made from and of: pinned versions, package lists, the user.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "audit/rules/docker.h"
#include "base/text.h"
#include "formats/shell.h"

namespace meshops::audit {

namespace {

// --- DOC-001 ---

std::string floating_text(const compose::Image& image) {
  return image.tag.empty() ? "no tag: latest" : "tag " + image.tag;
}

void floating(Findings& out, Where where, const std::string& written, const compose::Image& image,
              const std::string& about) {
  out.add(std::move(where))
      .found("{} ({})", printable(written), floating_text(image))
      .wanted("a version or a digest: {}:VERSION", printable(image.name))
      .message(
          "{} is whatever was newest when it was pulled: a rebuild or a new node gets another program "
          "without anybody having changed a line",
          printable(written))
      .fix(
          "see what is in use and write it down: docker image inspect --format "
          "'{{{{index .RepoDigests 0}}}}' {}",
          printable(written))
      .about("{}", printable(about));
}

std::string_view last_segment(std::string_view image) { return image.substr(image.rfind('/') + 1); }

void pinned_in_builds(const Site& site, Findings& out) {
  const auto& files = site.facts<DockerFiles>();
  docker::tell(out, files.build_skips());
  for (const auto& build : files.builds())
    for (std::size_t s = 0; s < build.file.stages.size(); ++s) {
      const auto& stage = build.file.stages[s];
      const auto& from = build.file.instructions[stage.from];
      auto where = site.at(build.path, from.at.line, from.rest.place(0).column);
      if (!stage.parent && !stage.written.empty() && lower(stage.image.text) != "scratch") {
        if (!stage.image.unset.empty()) {
          // The registry may come from whoever builds; the version shall not.
          auto last = last_segment(stage.written);
          if (last.find('$') == std::string_view::npos) {
            if (auto image = compose::parse_image(last); image.floats())
              floating(out, where, stage.written, image, stage.written);
            continue;
          }
          if (!compose::parse_image(stage.image.text).digest.empty()) continue;
          out.add(where)
              .found("{} (ARG {} has no default)", printable(stage.written), stage.image.unset.front())
              .wanted("an ARG with a version as its default")
              .message("which image this is built on is not written down: it depends on who builds it")
              .fix("ARG {}=VERSION before the first FROM", stage.image.unset.front())
              .about("{}", printable(stage.written));
        } else if (auto image = compose::parse_image(stage.image.text); image.floats()) {
          floating(out, where, stage.image.text, image, stage.written);
        }
      }
      for (auto i = stage.from + 1; i < stage.end; ++i) {
        const auto& copy = build.file.instructions[i];
        const auto* source = copy.name == "COPY" ? copy.flag("from") : nullptr;
        if (source == nullptr || source->find('$') != std::string::npos) continue;
        if (build.file.stage_named(*source, s) || to_number<unsigned>(*source)) continue;
        auto image = compose::parse_image(*source);
        // A name alone may be a build context that the command line gives.
        bool is_image = !image.tag.empty() || image.name.find('/') != std::string::npos;
        if (is_image && image.floats())
          floating(out, site.at(build.path, copy.at.line, copy.at.column), *source, image, "from " + *source);
      }
    }
}

void pinned_in_compose(const Site& site, Findings& out) {
  const auto& files = site.facts<DockerFiles>();
  docker::tell(out, files.compose_skips());
  // What is built here is named by its own build.
  std::set<std::string> own;
  for (const auto& service : files.services())
    if (service.effective("build"))
      if (auto image = service.image()) own.insert(compose::parse_image(image->text).name);
  // Services that merge one anchor have one line in common.
  std::set<std::pair<const ComposeFile*, std::size_t>> told;
  for (const auto& service : files.services()) {
    auto value = service.value.at("image");
    if (!value.is_scalar() || service.effective("build")) continue;
    const std::string written = value.text();
    auto image = compose::interpolate(written, service.file->variables);
    // A version that comes from outside is pinned there or missing.
    auto last = last_segment(written);
    if (!image.unset.empty() && last.find('$') != std::string_view::npos) continue;
    auto parsed = compose::parse_image(image.unset.empty() ? image.text : last);
    if (own.contains(parsed.name) || parsed.name.empty() || !parsed.floats()) continue;
    if (!told.insert({service.file, value.begin()}).second) continue;
    floating(out, at(site, {service.file, value}), image.text, parsed, service.name + " " + parsed.name);
  }
}

void pinned(const Site& site, Findings& out) {
  pinned_in_builds(site, out);
  pinned_in_compose(site, out);
  for (const auto& c : docker::containers(site, out)) {
    // Made by `compose build`: its own product.
    auto project = c.labels.find("com.docker.compose.project");
    auto service = c.labels.find("com.docker.compose.service");
    if (project != c.labels.end() && service != c.labels.end() &&
        (c.image == project->second + "-" + service->second ||
         c.image == project->second + "_" + service->second))
      continue;
    if (c.image.empty() || c.image.starts_with("sha256:")) continue;
    // An image that lost its name is shown by its id.
    if (c.image.size() == 12 && c.image.find_first_not_of("0123456789abcdef") == std::string::npos) continue;
    auto image = compose::parse_image(c.image);
    if (!image.floats()) continue;
    floating(out, {}, c.image, image, "container " + c.name);
  }
}

// --- DOC-002 ---

enum class Step { none, refresh, upgrade, install };
struct PackageCall {
  Step step = Step::none;
  std::string family;  // apt, apk, dnf
  dockerfile::Place at;
};

bool has_word(std::span<const shell::Word> words, std::string_view wanted) {
  return std::ranges::any_of(words, [&](const shell::Word& w) { return w.text == wanted; });
}

PackageCall package_call(std::span<const shell::Word> words, std::string_view program) {
  PackageCall call;
  std::string_view verb;
  for (std::size_t i = 1; i < words.size() && verb.empty(); ++i) {
    // "-o Acquire::Retries=3", "-c FILE", "--releasever 9"
    if (words[i].text == "-o" || words[i].text == "-c" || words[i].text == "-t" || words[i].text == "-X")
      ++i;
    else if (!words[i].text.starts_with('-'))
      verb = words[i].text;
  }
  if (program == "apt-get" || program == "apt" || program == "aptitude") {
    call.family = "apt";
    if (verb == "update") call.step = Step::refresh;
    if (verb == "upgrade" || verb == "dist-upgrade" || verb == "full-upgrade" || verb == "safe-upgrade" ||
        verb == "download" || verb == "source")
      call.step = Step::upgrade;
    if (verb == "install" || verb == "build-dep" || verb == "satisfy") {
      // A package from a file needs no list.
      bool listed = false;
      bool behind = false;
      for (const auto& w : words.subspan(1)) {
        if (w.text == verb)
          behind = true;
        else if (behind && !w.text.starts_with('-') && !w.text.starts_with("./") &&
                 !w.text.starts_with('/') && !w.text.ends_with(".deb"))
          listed = true;
      }
      call.step = listed ? Step::install : Step::none;
    }
  } else if (program == "apk") {
    call.family = "apk";
    bool fresh = has_word(words, "--no-cache") || has_word(words, "-U") ||
                 has_word(words, "--update-cache") || has_word(words, "--update");
    if (verb == "update") call.step = Step::refresh;
    if (verb == "upgrade") call.step = Step::upgrade;
    if (verb == "add") call.step = fresh ? Step::none : Step::install;
  } else if (program == "dnf" || program == "yum" || program == "microdnf" || program == "tdnf") {
    call.family = "dnf";
    if (verb == "makecache" || verb == "check-update" || verb == "update" || verb == "upgrade")
      call.step = Step::refresh;
    if (verb == "install" || verb == "groupinstall") call.step = Step::install;
  }
  return call;
}

/// What one RUN does with each family of packages.
struct RunOfPackages {
  std::optional<PackageCall> refresh, install;
  bool upgrades = false;
};

std::map<std::string, RunOfPackages> packages_of(const dockerfile::Instruction& run) {
  std::map<std::string, RunOfPackages> out;
  for (const auto& text : run.scripts())
    for (const auto& command : shell::commands(text.str())) {
      auto call = package_call(shell::unwrap(command), shell::program(command));
      if (call.step == Step::none) continue;
      call.at = text.place(command.offset);
      auto& here = out[call.family];
      if (call.step == Step::refresh && !here.refresh) here.refresh = call;
      if (call.step == Step::upgrade) here.upgrades = true;
      if (call.step == Step::install && !here.install) here.install = call;
    }
  return out;
}

bool keeps_lists(const dockerfile::Instruction& run) {
  return std::ranges::any_of(run.flags, [](const dockerfile::Flag& f) {
    return f.name == "mount" && f.value.find("type=cache") != std::string::npos &&
           (f.value.find("/var/lib/apt") != std::string::npos ||
            f.value.find("/var/cache/apk") != std::string::npos ||
            f.value.find("/etc/apk/cache") != std::string::npos);
  });
}

void lists_in_one_run(const Site& site, Findings& out) {
  const auto& files = site.facts<DockerFiles>();
  docker::tell(out, files.build_skips());
  constexpr std::array<std::array<std::string_view, 3>, 3> kTexts = {{
      {"apt", "apt-get update", "apt-get install"},
      {"apk", "apk update", "apk add"},
      {"dnf", "dnf makecache", "dnf install"},
  }};
  for (const auto& build : files.builds())
    for (const auto& stage : build.file.stages) {
      // The refresh of an earlier RUN that no install of its own has used.
      std::map<std::string, std::vector<PackageCall>> lonely;
      std::set<std::string> refreshed, told;
      for (auto i = stage.from + 1; i < stage.end; ++i) {
        const auto& run = build.file.instructions[i];
        if (run.name != "RUN" || run.onbuild || keeps_lists(run)) continue;
        for (const auto& [family, here] : packages_of(run)) {
          const auto& texts = *std::ranges::find(kTexts, family, [](const auto& t) { return t[0]; });
          auto report = [&](const PackageCall& call, std::string_view found) {
            out.add(site.at(build.path, call.at.line, call.at.column))
                .found("{}", found)
                .wanted("{} && {} … in one RUN", texts[1], texts[2])
                .message(
                    "the layer with the package lists is cached on its own: weeks later the install "
                    "asks for packages that are no longer there, or gets old ones")
                .fix("RUN {} && {} …", texts[1], texts[2])
                .about("{} {}", texts[1], stage.name.empty() ? stage.written : stage.name);
          };
          if (here.refresh && !here.install && !here.upgrades) {
            report(*here.refresh, fmt::format("{} in a RUN without {}", texts[1], texts[2]));
            refreshed.insert(family);
          } else if (here.refresh) {
            refreshed.insert(family);
            if (!here.install) lonely[family].push_back(*here.refresh);
          } else if (here.install && !refreshed.contains(family) && family == "apt" &&
                     !told.contains(family) && !stage.parent) {
            // Lists that nobody fetched here: those of the image below, as old as it is.
            report(*here.install, fmt::format("{} in a RUN without {}", texts[2], texts[1]));
            told.insert(family);
          }
        }
      }
    }
}

// --- DOC-003 ---

bool is_root(std::string_view user) {
  auto name = trim(user.substr(0, user.find(':')));
  return name.empty() || name == "root" || to_number<unsigned>(name) == 0U;
}

/// Images whose own configuration or entry point leaves root behind.
bool base_has_user(std::string_view text) {
  auto image = compose::parse_image(text);
  auto name = lower(image.name);
  auto tag = lower(image.tag);
  if (name.starts_with("docker.io/")) name.erase(0, 10);
  if (name.starts_with("library/")) name.erase(0, 8);
  for (auto part : {"nonroot", "rootless", "non-root", "unprivileged", "chiseled"})
    if (tag.find(part) != std::string::npos || name.find(part) != std::string::npos) return true;
  for (auto start : {"bitnami/", "bitnamilegacy/", "cgr.dev/chainguard", "chainguard/", "prom/", "grafana/",
                     "jenkins/", "apache/airflow", "apache/superset", "selenium/", "docker.elastic.co/",
                     "quay.io/keycloak/", "quay.io/prometheus/", "ghcr.io/puppeteer/", "gcr.io/kaniko"})
    if (name.starts_with(start) && name != "gcr.io/kaniko") return true;
  for (auto part : {"openclaw/openclaw", "nginx-unprivileged"})
    if (name.find(part) != std::string::npos) return true;
  // Their entry points give root up before the server starts.
  constexpr std::array<std::string_view, 14> kDrop = {
      "postgres", "mysql",          "mariadb", "redis",     "mongo",   "rabbitmq",  "elasticsearch",
      "kibana",   "docker.io/solr", "solr",    "cassandra", "couchdb", "memcached", "sonarqube"};
  return std::ranges::find(kDrop, std::string_view(name)) != kDrop.end();
}

/// An entry point that gives root up itself.
bool drops_root(const Site& site, const DockerBuild& build, std::size_t stage) {
  auto drops = [](std::string_view text) {
    for (auto tool : {"gosu", "su-exec", "setpriv", "runuser", "s6-setuidgid", "chroot --userspec"})
      if (text.find(tool) != std::string_view::npos) return true;
    return false;
  };
  for (const auto* name : {"ENTRYPOINT", "CMD"}) {
    const auto* instruction = build.file.last(stage, name);
    if (instruction == nullptr) continue;
    if (drops(instruction->rest.str())) return true;
    auto words = instruction->argv.value_or(instruction->words());
    for (const auto& word : words) {
      if (!word.ends_with(".sh") && word.find("entrypoint") == std::string::npos) continue;
      auto base = std::filesystem::path(word).filename();
      auto folder = build.path.parent_path().string();
      for (const auto& file : site.files().all())
        if (file.path.filename() == base && file.path.string().starts_with(folder))
          if (auto text = site.host().read(file.path); text && drops(*text)) return true;
    }
  }
  return false;
}

void as_root_in_builds(const Site& site, Findings& out) {
  const auto& files = site.facts<DockerFiles>();
  docker::tell(out, files.build_skips());
  for (const auto& build : files.builds()) {
    if (build.file.stages.empty()) continue;
    auto last = build.file.stages.size() - 1;
    const auto* user = build.file.last(last, "USER");
    const auto& from = build.file.instructions[build.file.stages[last].from];
    auto base = last;
    while (build.file.stages[base].parent) base = *build.file.stages[base].parent;
    const auto& image = build.file.stages[base].image;
    auto report = [&](const dockerfile::Instruction& where, std::string_view found) {
      if (drops_root(site, build, last)) return;
      out.add(site.at(build.path, where.at.line, where.at.column))
          .found("{}", found)
          .wanted("USER with a name or number that is not root")
          .message(
              "whoever breaks into this program is root in the container, and one kernel fault away "
              "from the machine")
          .fix("RUN useradd --system --uid 10001 app, and USER 10001 as the last USER of the last stage")
          .about("user of the last stage");
    };
    if (user == nullptr) {
      if (base_has_user(image.text)) continue;
      if (!image.unset.empty() && image.text.empty()) {
        out.skip(site.shown(build.path),
                 fmt::format("the base image is ARG {}, which has no default", image.unset.front()));
        continue;
      }
      report(from, fmt::format("no USER, on {}", printable(image.text)));
      continue;
    }
    std::size_t index = static_cast<std::size_t>(user - build.file.instructions.data());
    std::size_t stage = last;
    while (index < build.file.stages[stage].from || index >= build.file.stages[stage].end) {
      if (!build.file.stages[stage].parent) break;
      stage = *build.file.stages[stage].parent;
    }
    auto written = std::string(trim(user->rest.str()));
    auto expanded = dockerfile::expand(written, build.file.variables(stage, index));
    auto name = expanded.text.substr(0, expanded.text.find(':'));
    if (!expanded.unset.empty() && trim(name).empty()) {
      out.skip(site.shown(build.path), fmt::format("line {}: USER is ARG {}, which has no default",
                                                   user->at.line, expanded.unset.front()));
      continue;
    }
    if (is_root(expanded.text)) report(*user, fmt::format("USER {}", printable(written)));
  }
}

void as_root(const Site& site, Findings& out) {
  as_root_in_builds(site, out);
  const auto& engine = site.facts<DockerEngine>();
  for (const auto& c : docker::containers(site, out)) {
    bool root = c.configured_as_root();
    if (c.pid > 0) {
      // What runs counts: an entry point may have given root up; with user namespaces it is another number.
      auto process = site.host().process(c.pid);
      if (process && process->uid != 0) root = engine.maps_users() == true && c.configured_as_root();
      if (process && process->uid == 0) root = true;
    }
    if (!root) continue;
    out.add({})
        .found("{}: {}", c.text(), c.user.empty() ? "no user set: uid 0" : "user " + printable(c.user))
        .wanted("a process that is not uid 0")
        .message("whoever breaks into {} is root in it, and one kernel fault away from this machine", c.name)
        .fix("docker run --user 10001:10001 …, `user: \"10001:10001\"` in Compose, or USER in its Dockerfile")
        .about("container {}", c.name);
  }
}

const Rule kRules[] = {
    {.id = "DOC-001",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "An image without a pinned version",
     .why = "`latest` is another program every week: a rebuild or a second node gets what nobody has tested, "
            "and "
            "nothing tells which one ran yesterday.",
     .not_when = "FROM scratch; a stage name; an ARG with a pinned default; a digest",
     .remedy = "Write the version that is in use, or its digest.",
     .check = pinned},
    {.id = "DOC-002",
     .severity = Severity::medium,
     .reads = kRoot | kRepo,
     .fix = Fix::plan,
     .title = "Package lists and packages in different layers",
     .why =
         "The layer with the lists is cached on its own and grows old: the build breaks one day, or installs "
         "packages that have been replaced for good reason.",
     .not_when = "update and install in one RUN, `apk add --no-cache`",
     .remedy = "One RUN: apt-get update && apt-get install … && rm -rf /var/lib/apt/lists/*",
     .check = lists_in_one_run},
    {.id = "DOC-003",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "A container runs as root",
     .why = "Root in a container is root to the kernel: what keeps it in is all that is left.",
     .not_when = "the base image sets another user; the last USER is an ARG without a value (that is said)",
     .remedy = "End the last stage with USER and a number that is not 0.",
     .check = as_root},
};

}  // namespace

std::span<const Rule> docker_image_rules() { return kRules; }

}  // namespace meshops::audit
