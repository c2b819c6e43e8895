#include "mesh/remote_session.h"

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "host/run_async.h"
#include "host/ssh_session.h"
#include "mesh/remote_signature.h"

namespace meshops::mesh {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr auto kConnectWithin = 8s;
constexpr auto kSignWithin = 10s;
/// What the patient's shell says when the command of its authorized_keys is not there.
constexpr int kNoCommand = 127;
/// ssh's own failures.
constexpr int kSshFailed = 255;

std::string last_line(std::string_view text) {
  auto lines = split(trim(text), '\n');
  return std::string(lines.empty() ? "" : trim(lines.back()));
}

}  // namespace

fs::path healing_key_file(const fs::path& state_dir) { return state_dir / "healing_key"; }

RemotePlaces remote_places(const Mesh& mesh) { return {mesh.state_dir, mesh.socket.parent_path()}; }

std::string known_hosts_of(const Mesh& mesh) {
  std::string out;
  for (const auto& node : mesh.nodes)
    if (!node.host_key.empty()) out += fmt::format("{} {}\n", node.name, node.host_key);
  return out;
}

RemoteSession::RemoteSession(const Mesh& mesh, const Clock& clock, std::string patient)
    : RemoteSession(mesh, clock, std::move(patient), [](std::vector<std::string> argv, RunOptions options) {
        return run_async(std::move(argv), std::move(options));
      }) {}

Result<const NodeSpec*> RemoteSession::node() const {
  auto node = std::ranges::find(mesh_.nodes, patient_, &NodeSpec::name);
  if (node == mesh_.nodes.end())
    return fail(RemoteCode::unreachable, "there is no node {} in mesh.toml", quote(patient_));
  if (node->name == mesh_.node)
    return fail(RemoteCode::forbidden, "{} is this node: it heals itself without SSH", node->name);
  if (node->host_key.empty())
    return fail(error(RemoteCode::unpinned,
                      "the host key of {} is not in mesh.toml, and no unknown one is believed", node->name)
                    .hint("on {}: meshops mesh keys; then put its host_key line here", node->name));
  return &*node;
}

Result<std::vector<std::string>> RemoteSession::command(const NodeSpec& node) const {
  auto places = remote_places(mesh_);
  auto key = healing_key_file(places.state);
  std::error_code ignored;
  if (!fs::exists(key, ignored))
    return fail(error(RemoteCode::no_key, "this node has no healing key at {}", key.string())
                    .hint("make one: meshops mesh keys"));
  auto known = places.run / "healing-known-hosts", control = places.run / "ssh";
  CHECK_OK(make_directories(places.run, 0755));
  CHECK_OK(make_directories(control, 0700));
  auto wanted = known_hosts_of(mesh_);
  if (auto is = read_file(known); !is || *is != wanted)
    CHECK_OK(write_file_atomic(known, wanted, WriteOptions{.mode = 0644}));
  SshTarget target{.host = node.address, .user = node.user, .port = node.ssh_port};
  CHECK_OK(check_ssh_name(target.host));
  CHECK_OK(check_ssh_name(target.user));
  SshPins pins{.identity = key, .known_hosts = known, .host_key_alias = node.name, .control = control};
  return ssh_argv(target, pins, kConnectWithin);
}

asio::awaitable<Result<std::string>> RemoteSession::sign(std::string json) {
  auto key = healing_key_file(mesh_.state_dir);
  RunOptions options;
  options.environment = tool_environment();
  options.limit = kSignWithin;
  options.output_limit = 64U << 10;
  options.input = signed_bytes(mesh_.name, patient_, json);
  std::vector<std::string> argv = {"ssh-keygen", "-Y",         "sign", "-q",
                                   "-f",         key.string(), "-n",   std::string(kSignatureNamespace)};
  auto done = co_await run_(std::move(argv), std::move(options));
  if (!done)
    co_return fail(error(RemoteCode::no_key, "cannot sign with {}", key.string()).because(done.error()));
  if (!done->exit.clean())
    co_return fail(
        error(RemoteCode::no_key, "cannot sign with {}: {}", key.string(), quote(last_line(done->err), 200))
            .hint("it must be an ed25519 key without a passphrase, readable by root only"));
  co_return without_armour(done->out);
}

asio::awaitable<Result<RemoteAnswer>> RemoteSession::ask_at(Question question, WallTime now) {
  auto patient = node();
  if (!patient) co_return fail(patient.error());
  auto argv = command(**patient);
  if (!argv) co_return fail(argv.error());
  auto nonce = random_mark();
  if (!nonce) co_return fail(nonce.error());
  RemoteRequest request{.verb = question.verb,
                        .mesh = mesh_.name,
                        .patient = patient_,
                        .healer = mesh_.node,
                        .gateway = question.gateway,
                        .fence = question.fence,
                        .ticket = question.ticket,
                        .issued = now,
                        .expires = now + std::chrono::duration_cast<std::chrono::milliseconds>(kRequestLife),
                        .nonce = *nonce};
  auto json = to_json(request);
  auto signature = co_await sign(json);
  if (!signature) co_return fail(signature.error());

  RunOptions options;
  options.environment = tool_environment();
  options.limit = question.within;
  options.output_limit = kAnswerLimit;
  options.input = to_line(*signature, json);
  auto done = co_await run_(std::move(*argv), std::move(options));
  if (!done)
    co_return fail(error(RemoteCode::unreachable, "{} gave no answer to {}", patient_, text(question.verb))
                       .because(done.error()));
  SshTarget target{.host = (*patient)->address, .user = (*patient)->user, .port = (*patient)->ssh_port};
  if (done->exit.code == kSshFailed && done->out.empty())
    co_return fail(error(RemoteCode::unreachable, "{} cannot be asked over SSH", patient_)
                       .because(ssh_error(target, done->err, done->exit)));
  auto answer = parse_remote_answer(done->out);
  if (!answer) {
    auto said = last_line(done->err.empty() ? done->out : done->err);
    if (done->exit.code == kNoCommand)
      co_return fail(error(RemoteCode::no_answer, "{} has no meshops where its authorized_keys says: {}",
                           patient_, quote(said, 200))
                         .hint("install it there, and run there: meshops mesh keys"));
    co_return fail(
        error(RemoteCode::no_answer, "what answers at {} is no meshops ({}): {}", patient_, done->exit.text(),
              quote(said, 200))
            .because(answer.error())
            .hint("see which key its authorized_keys binds to what: on {}: meshops mesh keys", patient_));
  }
  // An answer that was made for another question is none. A line that could not be read has no nonce.
  if (answer->good && (answer->nonce != request.nonce || answer->node != patient_))
    co_return fail(RemoteCode::no_answer, "the answer is not one to this request: it is by {}",
                   quote(answer->node));
  co_return std::move(*answer);
}

asio::awaitable<Result<RemoteAnswer>> RemoteSession::ask(Question question) {
  auto first = co_await ask_at(question, clock_.wall());
  bool wrong_time =
      first && !first->good &&
      (first->code == code_name(RemoteCode::expired) || first->code == code_name(RemoteCode::not_yet));
  if (!wrong_time) co_return first;
  auto second = co_await ask_at(question, first->at);
  co_return second;
}

}  // namespace meshops::mesh
