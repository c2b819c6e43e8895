#include "agent/secret_watch.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "host/run_async.h"

namespace meshops {

namespace asio = boost::asio;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMostUnsaved = 10'000;

asio::awaitable<Result<std::set<fs::path>>> ask_child(std::string program, fs::path config) {
  std::vector<std::string> argv = {std::move(program), "secrets", "list", "--format", "json"};
  if (!config.empty()) argv.insert(argv.end(), {"--config", config.string()});
  auto environment = tool_environment();
  // Where the configuration and the state are, if not in their places.
  auto own = own_environment();
  for (const auto* name : {"HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "MESHOPS_CONFIG"})
    if (auto value = own.find(name); value != own.end()) environment[name] = value->second;
  RunOptions options{.environment = std::move(environment),
                     .working_dir = "/",
                     .limit = std::chrono::minutes(2),
                     .output_limit = 16U << 20};
  auto said = co_await run_async(std::move(argv), std::move(options));
  if (!said) co_return fail(said.error());
  if (said->exit.code != 0) {
    auto words = trim(said->err.empty() ? said->out : said->err);
    co_return fail(WatchCode::no_list, "listing the secrets ended with {}: {}", said->exit.text(),
                   printable(without_keys(words.substr(0, 300))));
  }
  co_return parse_secret_files(said->out);
}

}  // namespace

FindSecrets secrets_in_child(const Mesh& mesh, std::string program) {
  return [program = std::move(program), config = mesh.source] { return ask_child(program, config); };
}

Result<std::set<fs::path>> parse_secret_files(std::string_view text) {
  auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || json["schema"] != "meshops.secrets/1" || !json["files"].is_array())
    return fail(WatchCode::no_list, "the list of secrets is not meshops.secrets/1");
  std::set<fs::path> out;
  for (const auto& file : json["files"]) {
    fs::path path = file.is_string() ? file.get<std::string>() : std::string();
    if (!path.is_absolute())
      return fail(WatchCode::no_list, "the list of secrets names a file that is no whole path");
    out.insert(std::move(path));
  }
  return out;
}

store::Reading reading_of(const FileAccess& access) {
  return {.file = access.file,
          .uid = access.reader.uid,
          .login = access.reader.login,
          .exe = access.reader.exe,
          .comm = access.reader.comm,
          .cgroup = access.reader.cgroup,
          .pid = access.reader.pid,
          .start_ticks = access.reader.start_ticks,
          .first = access.first,
          .last = access.last,
          .times = access.times,
          .read = access.read};
}

SecretWatch::SecretWatch(fs::path state_dir, const ProcessInfo& self, const Clock& clock,
                         const asio::any_io_executor& executor, FindSecrets find, OpenWatch open)
    : state_dir_(std::move(state_dir)),
      clock_(clock),
      executor_(executor),
      find_(std::move(find)),
      open_(std::move(open)),
      record_{.pid = self.pid,
              .start_ticks = self.start_ticks,
              .since = clock.wall(),
              .files = {},
              .trouble = {}},
      gathering_(executor),
      pause_(executor) {}

SecretWatch::~SecretWatch() = default;

asio::awaitable<void> SecretWatch::run() {
  std::weak_ptr<int> here = alive_;
  if (auto begun = begin(); !begun) {
    give_up(begun.error());
    co_return;
  }
  while (true) {
    co_await look_for_files();
    if (here.expired()) co_return;
    if (auto forgotten = log_->forget(clock_.wall() - kKept); !forgotten)
      complain("forget", forgotten.error().text());
    for (Duration rested{}; rested < kRound; rested += kAlive) {
      co_await rest(kAlive);
      if (here.expired()) co_return;
      save();
    }
  }
}

Status SecretWatch::begin() {
  watch_ = TRY(open_([this, here = std::weak_ptr<int>(alive_), executor = executor_] {
    // From the watch's own thread.
    asio::post(executor, [this, here] {
      if (!here.expired()) stirred();
    });
  }));
  log_ = TRY(store::AccessLog::open(state_dir_ / store::AccessLog::kFile));
  if (!log_->note().empty()) log::warn("secrets.watch", log_->note());
  auto now = clock_.wall();
  if (auto last = TRY(log_->last_alive()); last && *last < now)
    unsaved_gaps_.push_back({*last, now, "the agent did not watch"});
  // What the agent before us watched, until we know better: finding the files takes a while.
  if (auto text = read_file(state_dir_ / store::WatchRecord::kFile))
    if (auto before = store::parse_watch_record(*text); before && !before->files.empty())
      keep_watching(before->files);
  return ok();
}

asio::awaitable<void> SecretWatch::look_for_files() {
  std::weak_ptr<int> here = alive_;
  auto files = co_await find_();
  if (here.expired()) co_return;
  if (files)
    keep_watching(*files);
  else
    complain("list",
             fmt::format("which files hold secrets could not be found out: {}", files.error().text()));
  save();
}

void SecretWatch::keep_watching(const std::set<fs::path>& files) {
  auto watched = files;
  for (const auto& [path, why] : watch_->watch(files)) {
    watched.erase(path);
    // Gone since it was listed; it is watched once it comes again.
    if (why.is(code_name(FileCode::not_found))) continue;
    complain(path.string(), fmt::format("nobody sees who reads {}: {}", path.string(), why.text()));
  }
  if (said_ && watched == record_.files) return;
  said_ = true;
  record_.files = std::move(watched);
  write_record();
  log::info("secrets.watch", fmt::format("{} secret files are watched; who read them: meshops secrets access",
                                         record_.files.size()));
}

void SecretWatch::stirred() {
  gathering_.expires_after(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(Duration(kGathered)));
  gathering_.async_wait([this, here = std::weak_ptr<int>(alive_)](const boost::system::error_code& failed) {
    if (!failed && !here.expired()) save();
  });
}

void SecretWatch::save() {
  if (!log_ || !watch_) return;
  auto now = clock_.wall();
  auto seen = watch_->take();
  for (const auto& access : seen.all) unsaved_.push_back(reading_of(access));
  for (auto& why : seen.missed)
    unsaved_gaps_.push_back({saved_until_.value_or(record_.since), now, std::move(why)});
  auto written = log_->add(unsaved_, unsaved_gaps_);
  if (written) written = log_->alive(now);
  if (written) {
    unsaved_.clear();
    unsaved_gaps_.clear();
    saved_until_ = now;
    complained_.erase("disk");
    return;
  }
  complain("disk", fmt::format("who reads the secrets cannot be written down: {}", written.error().text()));
  if (unsaved_.size() > kMostUnsaved) {
    unsaved_gaps_.push_back({unsaved_.front().first, now, "the disk did not take what was seen"});
    unsaved_.clear();
  }
  if (unsaved_gaps_.size() > kMostUnsaved) unsaved_gaps_.resize(kMostUnsaved);
}

void SecretWatch::give_up(const Error& why) {
  record_.trouble = why.text();
  record_.files.clear();
  write_record();
  auto sentence = fmt::format("nobody records who reads the secrets: {}", why.text());
  if (!why.hint_text().empty()) sentence += "; " + why.hint_text();
  log::warn("secrets.watch", sentence + "; or switch it off: [audit] secret_watch = false");
  watch_.reset();
}

void SecretWatch::write_record() {
  if (auto written = write_file_atomic(state_dir_ / store::WatchRecord::kFile, store::to_json(record_));
      !written)
    complain("record", written.error().text());
}

void SecretWatch::complain(const std::string& about, const std::string& sentence) {
  if (complained_.size() < 1000 && complained_.insert(about).second) log::warn("secrets.watch", sentence);
}

asio::awaitable<void> SecretWatch::rest(Duration length) {
  pause_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(length));
  boost::system::error_code ignored;
  co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace meshops
